// Says whether the answer to a golden request is the expected one, and if not, in which place.
import type { Expectation } from './manifest.ts';

/** One line for people about the first difference; undefined when the answer is as expected. */
export function findMismatch(expected: Expectation, answer: { readonly status: number; readonly body: Uint8Array }): string | undefined {
  throw new Error(`bug: not built yet: ${expected.status} ${answer.status}`);
}
