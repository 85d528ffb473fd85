// The URL of a request as the handler will see it and the path by which it is routed: one normal form for both, so that
// `/a/../b` cannot be routed as one thing and handled as another.
import { PilotlightError } from '../errors.ts';

export interface RequestTarget {
  readonly url: string;
  /** As in the URL, without the query. */
  readonly path: string;
}

/** Targets in normal form already: no escapes, no fragment, nothing that URL parsing would rewrite. */
const NORMAL = /^\/[!$&-;=?-[\]_a-z~]*$/;
const DOT_SEGMENT = /\/\.{1,2}(?:[/?]|$)/;
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const ORIGINS_MAX = 16;

const origins = new Map<string, string>();

/** `http://` and the host in normal form; a host's few names are remembered. */
function originOf(host: string): string {
  const known = origins.get(host);
  if (known !== undefined) return known;
  if (!HOST.test(host) || !URL.canParse(`http://${host}`)) {
    throw new PilotlightError('BAD_REQUEST', `the Host header is no host name with an optional port: ${JSON.stringify(host.slice(0, 200))}`);
  }
  const { origin } = new URL(`http://${host}`);
  if (origins.size >= ORIGINS_MAX) origins.clear();
  origins.set(host, origin);
  return origin;
}

export function parseTarget(target: string, host: string | undefined): RequestTarget {
  const origin = originOf(host === undefined || host === '' ? 'localhost' : host);
  if (NORMAL.test(target) && !DOT_SEGMENT.test(target)) {
    const query = target.indexOf('?');
    return { url: origin + target, path: query === -1 ? target : target.slice(0, query) };
  }
  const isAbsolute = /^https?:\/\//i.test(target);
  if (!isAbsolute && !target.startsWith('/')) throw badTarget(target);
  const text = isAbsolute ? target : origin + target;
  if (!URL.canParse(text)) throw badTarget(target);
  const url = new URL(text);
  url.hash = '';
  if (isAbsolute && (url.username !== '' || url.password !== '')) throw badTarget(target);
  return { url: url.href, path: url.pathname };
}

function badTarget(target: string): PilotlightError {
  return new PilotlightError('BAD_REQUEST', `the request target is no path: ${JSON.stringify(target.slice(0, 200))}`);
}
