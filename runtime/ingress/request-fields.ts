// One pass over a request's raw headers: picks what routing needs and joins the rest for the isolate, because Node's own
// headers object costs as much as all of routing.
import type { HeaderLines } from '../isolates/header-lines.ts';

export interface RequestFields {
  readonly host: string | undefined;
  readonly contentLength: string | undefined;
  readonly isChunked: boolean;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  /** `Pilotlight-Version`: the version that the caller asks for. */
  readonly version: string | undefined;
  /** `Pilotlight-Key`: requests with the same one meet the same version of a split. */
  readonly key: string | undefined;
  /** Only the private listener believes it. */
  readonly goldenTarget: string | undefined;
  /** All headers but those that only the host may set. */
  readonly lines: HeaderLines;
}

/** Names which isolate a golden request is for: `digits@<digest>#0`. */
export const GOLDEN_TARGET = 'pilotlight-golden-target';
export const WARMUP = 'pilotlight-warmup';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export function readFields(raw: readonly string[]): RequestFields {
  const fields: Mutable<RequestFields> = {
    host: undefined, contentLength: undefined, isChunked: false, traceparent: undefined, tracestate: undefined,
    version: undefined, key: undefined, goldenTarget: undefined, lines: '',
  };
  let lines = '';
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    const value = raw[at + 1] as string;
    if (isHostsOwn(name, value, fields)) continue;
    lines = lines === '' ? `${name}\n${value}` : `${lines}\n${name}\n${value}`;
  }
  fields.lines = lines;
  return fields;
}

/** Notes what routing needs; true for a header that is not for the handler. */
function isHostsOwn(name: string, value: string, fields: Mutable<RequestFields>): boolean {
  // The length tells most names apart before a character is looked at.
  switch (name.length) {
    case 4:
      if (fields.host === undefined && is(name, 'host')) fields.host = value;
      return false;
    case 10:
      if (is(name, 'tracestate')) fields.tracestate = value;
      return false;
    case 11:
      // Two of them are as good as none.
      if (is(name, 'traceparent')) fields.traceparent = fields.traceparent === undefined ? value : '';
      return false;
    case 14:
      if (is(name, 'content-length')) fields.contentLength = value;
      else if (is(name, 'pilotlight-key')) fields.key = value;
      return false;
    case 17:
      if (is(name, 'transfer-encoding')) fields.isChunked = true;
      return is(name, WARMUP);
    case 18:
      if (is(name, 'pilotlight-version')) fields.version = value;
      return false;
    case 24:
      if (!is(name, GOLDEN_TARGET)) return false;
      fields.goldenTarget = value;
      return true;
    default:
      return false;
  }
}

function is(name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower;
}
