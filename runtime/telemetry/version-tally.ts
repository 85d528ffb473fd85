// How many requests each version has answered, how many of them failed and how long they took: finer than a metric's histogram,
// so that two versions can be compared. Plain data, so that it crosses threads; it counts from one report to the next.
import { ERROR_KINDS } from '../errors.ts';
import type { RequestRecord } from '../records.ts';

export interface VersionTally {
  readonly function: string;
  readonly version: string;
  requests: number;
  /** Answered by a 5xx status, or cut short by the function or its host. */
  failures: number;
  /** Requests by `bucketOf` their duration, arrival to last byte. */
  readonly durations: Map<number, number>;
}

/** By version alone: the digest covers the function's name, and a key made for each request would cost as much as all the rest. */
export type VersionTallies = Map<string, VersionTally>;

const FIRST_MS = 0.1;
/** Bounds 9 % apart. */
const BUCKETS_PER_OCTAVE = 8;

/** The bucket whose upper bound is the first that is not below the duration. */
export function bucketOf(durationMs: number): number {
  return durationMs <= FIRST_MS ? 0 : Math.ceil(Math.log2(durationMs / FIRST_MS) * BUCKETS_PER_OCTAVE);
}

/** All durations in the bucket are at most this, and more than that of the bucket before. */
export function upperBoundMs(bucket: number): number {
  return FIRST_MS * 2 ** (bucket / BUCKETS_PER_OCTAVE);
}

export function tallyRequest(into: VersionTallies, record: RequestRecord): void {
  const { function: name, version } = record;
  if (name === undefined || version === undefined) return;
  const tally = tallyOf(into, name, version);
  const bucket = bucketOf(record.endedMs - record.arrivedMs);
  tally.requests++;
  if (isFailure(record)) tally.failures++;
  tally.durations.set(bucket, (tally.durations.get(bucket) ?? 0) + 1);
}

export function addTally(into: VersionTallies, from: VersionTally): void {
  const tally = tallyOf(into, from.function, from.version);
  tally.requests += from.requests;
  tally.failures += from.failures;
  for (const [bucket, count] of from.durations) tally.durations.set(bucket, (tally.durations.get(bucket) ?? 0) + count);
}

function tallyOf(tallies: VersionTallies, name: string, version: string): VersionTally {
  const known = tallies.get(version);
  if (known !== undefined) return known;
  const tally: VersionTally = { function: name, version, requests: 0, failures: 0, durations: new Map() };
  tallies.set(version, tally);
  return tally;
}

/** What a caller did wrong, or left, is not the version's fault. */
function isFailure({ status, errorCode }: RequestRecord): boolean {
  return status >= 500 || (errorCode !== undefined && ERROR_KINDS[errorCode].status >= 500);
}
