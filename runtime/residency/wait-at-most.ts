// A wait that ends by itself, while what is waited for goes on for others.
import type { Clock } from '../clock.ts';

export interface WaitOptions {
  readonly clock: Clock;
  readonly limitMs: number;
  readonly late: () => Error;
}

export function waitAtMost<Value>(work: Promise<Value>, { clock, limitMs, late }: WaitOptions): Promise<Value> {
  return new Promise((resolve, reject) => {
    const limit = clock.after(limitMs, () => reject(late()));
    work.finally(() => limit.cancel()).then(resolve, reject);
  });
}
