// What a benchmark says: a value, the reference measured in the same run, their ratio over interleaved pairs with
// its spread, and the bar. These machines are noisy, so a ratio of medians of pairs is judged and never a time alone.

export interface Measure {
  readonly case: string;
  readonly measure: string;
  readonly value: number;
  readonly unit: string;
  /** The same quantity of what it is compared with; absent where nothing is compared. */
  readonly reference?: number;
  readonly ratio?: number;
  /** Smallest and largest ratio (or value, where nothing is compared) of a round. */
  readonly spread?: readonly [number, number];
  /** For example `>= 0.9`; absent: only reported. */
  readonly bar?: string;
  readonly ok: boolean;
}

export interface BenchOptions {
  /** `quick` checks that a case works; its figures mean little. */
  readonly effort: 'quick' | 'full';
}

export interface BenchCase {
  readonly name: string;
  readonly about: string;
  readonly run: (options: BenchOptions) => Promise<readonly Measure[]>;
}

export interface Comparison {
  readonly case: string;
  readonly measure: string;
  readonly unit: string;
  /** Judges the median ratio; for example `{ atLeast: 0.9 }`. */
  readonly bar?: { readonly atLeast: number } | { readonly atMost: number };
}

/** Pairs of (ours, reference), measured in turn; the ratio is ours / reference. */
export function compare(pairs: readonly (readonly [number, number])[], { bar, ...named }: Comparison): Measure {
  const ratios = pairs.map(([ours, reference]) => ours / reference);
  const ratio = median(ratios);
  return {
    ...named, value: median(pairs.map(([ours]) => ours)), reference: median(pairs.map(([, reference]) => reference)), ratio,
    spread: [Math.min(...ratios), Math.max(...ratios)], ...judge(ratio, bar),
  };
}

/** A value judged by itself. */
export function report(values: readonly number[], { bar, ...named }: Comparison): Measure {
  const value = median(values);
  return { ...named, value, spread: [Math.min(...values), Math.max(...values)], ...judge(value, bar) };
}

function judge(value: number, bar: Comparison['bar']): { readonly ok: boolean; readonly bar?: string } {
  if (bar === undefined) return { ok: true };
  return 'atLeast' in bar ? { ok: value >= bar.atLeast, bar: `>= ${bar.atLeast}` } : { ok: value <= bar.atMost, bar: `<= ${bar.atMost}` };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/** By how much each value is larger than the one before: the slope of the line that fits best. */
export function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const rise = values.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0);
  return rise / values.reduce((sum, _value, index) => sum + (index - middle) ** 2, 0);
}

/** Runs `ours` and `reference` in turn, changing who begins, so that drift of the machine hits both. */
export async function interleave(
  rounds: number, ours: (round: number) => Promise<number>, reference: (round: number) => Promise<number>,
): Promise<readonly (readonly [number, number])[]> {
  const pairs: [number, number][] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await ours(round);
      pairs.push([first, await reference(round)]);
    } else {
      const first = await reference(round);
      pairs.push([await ours(round), first]);
    }
  }
  return pairs;
}
