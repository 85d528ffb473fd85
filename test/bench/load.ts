// Load from a process of its own (native/bench/http.cc), so that what it costs is little and the same for every server.
import { runNative } from './native-program.ts';

export interface LoadOptions {
  readonly port: number;
  readonly path: string;
  /** File that is posted; absent: GET. */
  readonly body?: string;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second, sent whatever the answers do and timed from when each was due. Absent: as fast as answers come. */
  readonly rate?: number;
  /** Response headers; answers are counted by what they say. */
  readonly tally?: readonly string[];
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
}

export function load({ port, path, body, connections, seconds, rate, tally }: LoadOptions): Promise<LoadResult> {
  const args = [
    '--port', String(port), '--path', path, '--connections', String(connections), '--seconds', String(seconds),
    ...(body === undefined ? [] : ['--method', 'POST', '--body', body, '--type', 'application/octet-stream']),
    ...(rate === undefined ? [] : ['--rate', String(rate)]),
    ...(tally === undefined ? [] : ['--tally', tally.join(',')]),
  ];
  return runNative<LoadResult>({ program: 'http', args });
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
