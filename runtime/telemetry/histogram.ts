// A histogram with fixed bounds and one exemplar a bucket. Plain data, so that it crosses threads; counts are
// per bucket, not cumulative.
import { DURATION_BOUNDS_S } from './names.ts';

export interface Exemplar {
  readonly traceId: string;
  readonly spanId: string;
  readonly valueS: number;
  readonly epochMs: number;
}

export interface Histogram {
  /** One more than there are bounds: the last holds what is above all of them. */
  readonly counts: number[];
  sumS: number;
  readonly exemplars: (Exemplar | undefined)[];
}

export function newHistogram(): Histogram {
  const buckets = DURATION_BOUNDS_S.length + 1;
  return { counts: new Array<number>(buckets).fill(0), sumS: 0, exemplars: new Array<Exemplar | undefined>(buckets).fill(undefined) };
}

export function observe(histogram: Histogram, valueS: number, exemplar?: Exemplar): void {
  let bucket = 0;
  while (bucket < DURATION_BOUNDS_S.length && valueS > (DURATION_BOUNDS_S[bucket] as number)) bucket++;
  histogram.counts[bucket] = (histogram.counts[bucket] as number) + 1;
  histogram.sumS += valueS;
  if (exemplar !== undefined) histogram.exemplars[bucket] = exemplar;
}

export function merge(into: Histogram, from: Histogram): void {
  from.counts.forEach((count, i) => {
    into.counts[i] = (into.counts[i] as number) + count;
    into.exemplars[i] = from.exemplars[i] ?? into.exemplars[i];
  });
  into.sumS += from.sumS;
}

export function countOf(histogram: Histogram): number {
  return histogram.counts.reduce((total, count) => total + count, 0);
}
