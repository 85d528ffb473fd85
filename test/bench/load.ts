// Load from a process of its own (native/bench/http.cc), so that what it costs is little and the same for every server.
import { runNative } from './native-program.ts';

export interface LoadTiming {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second, sent whatever the answers do and timed from when each was due. Absent: as fast as answers come. */
  readonly rate?: number;
  /** In all, as fast as connections are free; ends with the last answer, `seconds` at most. */
  readonly requests?: number;
  /** Response headers; answers are counted by what they say. */
  readonly tally?: readonly string[];
}

export interface LoadOptions extends LoadTiming {
  readonly path: string;
  /** File that is posted; absent: GET. */
  readonly body?: string;
}

/** A path that is posted to, and how often against the others. */
export interface Share {
  readonly weight: number;
  readonly path: string;
  readonly body: string;
}

export interface PathResult {
  readonly answered: number;
  readonly unserved: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadResult {
  readonly answered: number;
  readonly perSecond: number;
  /** Connections that broke under a request, or could not be made. */
  readonly failed: number;
  readonly refused: number;
  /** Not answered ten seconds after the end. */
  readonly unanswered: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Longest time between two answers of 200. */
  readonly longestSilenceMs: number;
  /** By the named headers' values, joined by a space. */
  readonly tally: Readonly<Record<string, number>>;
  readonly paths: Readonly<Record<string, PathResult>>;
}

export function load({ path, body, ...timing }: LoadOptions): Promise<LoadResult> {
  const posted = body === undefined ? [] : ['--method', 'POST', '--body', body, ...BINARY];
  return runLoad(timing, ['--path', path, ...posted]);
}

/** Each request goes to a path that is drawn by weight, the same ones in every run. */
export function loadShares(shares: readonly Share[], timing: LoadTiming): Promise<LoadResult> {
  return runLoad(timing, ['--method', 'POST', ...BINARY, ...shares.flatMap(({ weight, path, body }) => ['--share', `${weight},${path},${body}`])]);
}

/** Requests that did not get a 200. */
export function unserved({ failed, unanswered, answered, statuses }: LoadResult): number {
  return failed + unanswered + answered - (statuses['200'] ?? 0);
}

/** For cases whose figure means nothing when a request was refused. */
export function assertServed(result: LoadResult): LoadResult {
  if (unserved(result) > 0 || result.answered === 0) throw new Error(`not every request was served: ${JSON.stringify(result)}`);
  return result;
}

const BINARY = ['--type', 'application/octet-stream'];

function runLoad({ port, connections, seconds, rate, requests, tally }: LoadTiming, to: readonly string[]): Promise<LoadResult> {
  const args = [
    '--port', String(port), '--connections', String(connections), '--seconds', String(seconds), ...to,
    ...(rate === undefined ? [] : ['--rate', String(rate)]),
    ...(requests === undefined ? [] : ['--requests', String(requests)]),
    ...(tally === undefined ? [] : ['--tally', tally.join(',')]),
  ];
  return runNative<LoadResult>({ program: 'http', args });
}
