// Bounds a wait by a time and by the host's own end. The work itself is stopped by its owner: whoever waited undoes
// what it started.
import type { Clock } from '../../runtime/clock.ts';
import { PilotlightError } from '../../runtime/errors.ts';

export interface WithinOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly limitMs: number;
  /** What to reject with when the time is up. */
  late(): Error;
}

/** Undoing and tidying are bounded too, so that a stuck part cannot keep later rollouts of the function waiting. */
export const TIDY_LIMIT_MS = 30_000;

export function tidied<T>(what: string, work: Promise<T>, clock: Clock): Promise<T> {
  return within(work, { clock, limitMs: TIDY_LIMIT_MS, late: () => tooLate(what) });
}

export function tooLate(what: string): PilotlightError {
  return new PilotlightError('DEADLINE', `${what} took longer than ${TIDY_LIMIT_MS} ms; a restart of the host finishes it`);
}

export async function within<T>(work: Promise<T>, options: WithinOptions): Promise<T> {
  const { clock, signal, limitMs, late } = options;
  // Whoever gives up waiting leaves it to fail by itself.
  work.catch(() => {});
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
