// Whether a version of a split has passed a bound that its deploy named, decided from what was counted and nothing else. A
// bound counts as passed when that is beyond chance, and never on fewer requests than mean something.
import { PilotlightError } from '../../runtime/errors.ts';
import { upperBoundMs, type VersionTally } from '../../runtime/telemetry/version-tally.ts';

export type Bound =
  /** More of the requests fail than these percents. */
  | { readonly kind: 'errors'; readonly percent: number }
  /** The 99th percentile of the durations is more than so many times that of the other versions. */
  | { readonly kind: 'p99'; readonly times: number };

export type Tally = Pick<VersionTally, 'requests' | 'failures' | 'durations'>;

/** Of the judged version: below this, one unlucky caller is too large a part. */
export const REQUESTS_MIN = 20;
/** Of the other versions, for their 99th percentile: of fewer it is the slowest one alone. */
export const OTHERS_MIN = 100;
/** Of the judged version: when so many have passed no bound, counting starts anew, so that a good past does not hide a bad present. */
export const REQUESTS_MAX = 1_000;
/** The same where the others have so few requests that OTHERS_MIN is long in coming. */
const REQUESTS_MAX_ALONE = 20 * REQUESTS_MAX;
/** A version within its bound is taken for one beyond it at most once in so many looks. */
const CHANCE = 1 / 1_000;

/** Throws BAD_REQUEST. */
export function parseBound(text: string): Bound {
  const [, percent] = /^errors\s*>\s*(\d{1,2}(?:\.\d+)?)\s*%$/.exec(text) ?? [];
  if (percent !== undefined) return { kind: 'errors', percent: Number(percent) };
  const [, times] = /^p99\s*>\s*(\d{1,3}(?:\.\d+)?)\s*x$/.exec(text) ?? [];
  if (times !== undefined && Number(times) >= 1) return { kind: 'p99', times: Number(times) };
  throw new PilotlightError('BAD_REQUEST', `${JSON.stringify(text.slice(0, 100))} is no bound to abort by; "errors>1%" and "p99>2x" are (twice the other versions' 99th percentile, at least 1x)`);
}

/** Why the version must lose its share; undefined: nothing speaks against it, or not enough is known. */
export function findPassedBound(bounds: readonly string[], own: Tally, others: Tally): string | undefined {
  for (const text of bounds) {
    const why = describePassed(parseBound(text), own, others);
    if (why !== undefined) return `${why}, more than ${text.replace(/\s/g, '')} allows`;
  }
  return undefined;
}

export function isRoundOver(own: Tally, others: Tally): boolean {
  return own.requests >= REQUESTS_MAX_ALONE || (own.requests >= REQUESTS_MAX && others.requests >= OTHERS_MIN);
}

function describePassed(bound: Bound, own: Tally, others: Tally): string | undefined {
  if (own.requests < REQUESTS_MIN) return undefined;
  if (bound.kind === 'errors') {
    if (!isBeyond(own.failures, own.requests, bound.percent / 100)) return undefined;
    return `${own.failures} of ${own.requests} requests failed (${(100 * own.failures / own.requests).toFixed(1)} %)`;
  }
  if (others.requests < OTHERS_MIN) return undefined;
  const limitMs = bound.times * p99Ms(others);
  // Its own 99th percentile is above the limit when more than one in a hundred is.
  if (!isBeyond(countSlower(own, limitMs), own.requests, 0.01)) return undefined;
  return `the 99th percentile of ${own.requests} requests was ${p99Ms(own).toFixed(1)} ms, beside ${p99Ms(others).toFixed(1)} ms of the other versions`;
}

/** Whether a version that is just within `rate` would so seldom have `count` or more of `total` that it is not: the binomial distribution's tail. */
function isBeyond(count: number, total: number, rate: number): boolean {
  if (count / total <= rate) return false;
  let fewer = 0;
  let logOfOne = total * Math.log1p(-rate);
  for (let found = 0; found < count; found++) {
    fewer += Math.exp(logOfOne);
    logOfOne += Math.log((total - found) / (found + 1)) + Math.log(rate / (1 - rate));
  }
  return 1 - fewer < CHANCE;
}

/** The upper end of its bucket, so that the others are never thought faster than they are. */
function p99Ms({ requests, durations }: Tally): number {
  let slower = requests;
  const buckets = [...durations].sort(([a], [b]) => a - b);
  for (const [bucket, count] of buckets) {
    slower -= count;
    if (slower <= requests * 0.01) return upperBoundMs(bucket);
  }
  return 0;
}

/** Those whose whole bucket is above the limit. */
function countSlower({ durations }: Tally, limitMs: number): number {
  return [...durations].reduce((sum, [bucket, count]) => sum + (upperBoundMs(bucket - 1) >= limitMs ? count : 0), 0);
}
