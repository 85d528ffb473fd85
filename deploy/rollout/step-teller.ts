// Where a step tells what happens inside it, and how it counts.

export interface StepTeller {
  progress(detail: string): void;
  /** Worth knowing, no reason to stop. */
  warn(detail: string): void;
}

export function countOf(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
