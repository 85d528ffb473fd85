// Readers of options' values; what they refuse is wrong usage.
import { InvalidArgumentError } from 'commander';

export function wholePercent(text: string): number {
  const percent = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (percent <= 100) return percent;
  throw new InvalidArgumentError('It is a whole number from 0 to 100.');
}

/** Of an option that may be given again. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
