// How long a pool that failed rests before it is tried again.

const FIRST_MS = 1_000;
const MAX_MS = 30_000;

/** By the number of failures in a row, from 1 on. */
export function backOffMs(count: number): number {
  return Math.min(FIRST_MS * 2 ** (count - 1), MAX_MS);
}
