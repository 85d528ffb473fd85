// The headers of an answer: the handler's, without those that frame the connection or belong to the host, then the
// host's own. Node refuses invalid characters when they are written, so nothing can be injected.
import { splitHeaders, type HeaderLines } from '../isolates/header-lines.ts';
import type { HandlerTimes } from '../isolates/protocol.ts';
import type { RunRecord, Start } from '../records.ts';

export interface HandlerHeaders {
  /** Flat list for `writeHead`. */
  readonly flat: readonly string[];
  /** What the handler declared; meaningful where the host does not know the length itself. */
  readonly contentLength: number | undefined;
}

const HOSTS_OWN = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'content-length',
  'pilotlight-request-id', 'pilotlight-version', 'pilotlight-start',
]);
const REMEMBERED_MAX = 64;
const REMEMBERED_CHARS_MAX = 512;

/** Most answers of a function repeat their headers to the letter. */
const remembered = new Map<HeaderLines, HandlerHeaders>();

export function readHandlerHeaders(lines: HeaderLines): HandlerHeaders {
  const known = remembered.get(lines);
  if (known !== undefined) return known;
  const headers = filterHeaders(splitHeaders(lines));
  if (lines.length <= REMEMBERED_CHARS_MAX) {
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(lines, headers);
  }
  return headers;
}

function filterHeaders(all: readonly string[]): HandlerHeaders {
  const flat: string[] = [];
  let contentLength: number | undefined;
  for (let at = 0; at + 1 < all.length; at += 2) {
    const name = all[at] as string;
    const value = all[at + 1] as string;
    if (name === 'content-length' && /^[0-9]{1,15}$/.test(value)) contentLength = Number(value);
    if (!HOSTS_OWN.has(name)) flat.push(name, value);
  }
  return { flat, contentLength };
}

const COLDNESS: Record<Start, number> = { warm: 0, joined: 1, cold: 2 };

/** The coldest of what happened. */
export function coldestStart(first: Start, runs: readonly RunRecord[]): Start {
  return runs.reduce<Start>((coldest, run) => (COLDNESS[run.start] > COLDNESS[coldest] ? run.start : coldest), first);
}

/** Where the time of an answer went, as far as it is known when its headers leave; `isolateMs`: the wait for an isolate. */
export function serverTiming(times: HandlerTimes, runs: readonly RunRecord[], isolateMs = 0): string {
  const handler = format(times.endMs - times.startMs);
  if (runs.length === 0) return `acquire;dur=${format(isolateMs)}, queue;dur=0, execute;dur=0, handler;dur=${handler}`;
  let acquire = isolateMs;
  let queue = 0;
  let execute = 0;
  for (const run of runs) {
    acquire += run.submittedMs - run.acquireMs;
    queue += run.startedMs - run.submittedMs;
    execute += run.endedMs - run.startedMs;
  }
  return `acquire;dur=${format(acquire)}, queue;dur=${format(queue)}, execute;dur=${format(execute)}, handler;dur=${handler}`;
}

/** Microseconds are as fine as it gets. */
function format(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
