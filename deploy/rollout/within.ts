// Bounds a wait by a time and by the host's own end. The work itself is stopped by its owner: whoever waited undoes
// what it started.
import type { Clock } from '../../runtime/clock.ts';

export interface WithinOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly limitMs: number;
  /** What to reject with when the time is up. */
  late(): Error;
}

export async function within<T>(work: Promise<T>, options: WithinOptions): Promise<T> {
  const { clock, signal, limitMs, late } = options;
  signal?.throwIfAborted();
  let giveUp = (_reason: unknown): void => {};
  const cut = new Promise<never>((_resolve, reject) => (giveUp = reject));
  const onAbort = (): void => giveUp(signal?.reason);
  const timer = clock.after(limitMs, () => giveUp(late()));
  signal?.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work, cut]);
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
