// How long what failed rests before it is tried again: a pool that did not load, a version whose isolates did not start.

const FIRST_MS = 1_000;
const MAX_MS = 30_000;

/** By the number of failures in a row, from 1 on. */
export function backOffMs(count: number): number {
  return Math.min(FIRST_MS * 2 ** (count - 1), MAX_MS);
}
