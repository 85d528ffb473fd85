// A function between two versions that have no room side by side: its requests wait here, each as long as its own deadline lets it,
// and are routed anew when the pause is over. They count among the function's requests, so that there are never more than it may have.
import { monotonicMs } from '../clock.ts';
import { PilotlightError, type ErrorCode } from '../errors.ts';

/** A request that waits. */
export interface Paused {
  /** Routed and served anew, within this call; it leaves the pause after that. */
  onResumed(): void;
  cut(code: ErrorCode, reason: string): void;
}

export interface PauseOptions {
  readonly name: string;
  /** Requests of the function in all threads: one Int32, shared. */
  readonly functionCount: SharedArrayBuffer;
  /** Stamp at which the pause is expected to be over; left out: nobody knows. */
  readonly endsMs?: number;
}

export class Pause {
  readonly #name: string;
  readonly #count: Int32Array;
  readonly #endsMs: number;
  readonly #waiting = new Set<Paused>();

  constructor({ name, functionCount, endsMs = 0 }: PauseOptions) {
    this.#name = name;
    this.#count = new Int32Array(functionCount);
    this.#endsMs = endsMs;
  }

  /** Throws TOO_BUSY when the function has as many requests as it may, DRAINING when the request would not live to see the end. */
  enter(paused: Paused, { concurrency, deadlineMs }: { readonly concurrency: number; readonly deadlineMs: number }): void {
    if (this.#endsMs > deadlineMs) {
      const retryAfterS = Math.ceil((this.#endsMs - monotonicMs()) / 1000);
      const text = `${this.#name} is being replaced, and its models with it: it is expected to answer again in ${retryAfterS} s, later than limits.timeoutMs allows to wait`;
      throw new PilotlightError('DRAINING', text, { retryAfterS });
    }
    if (Atomics.add(this.#count, 0, 1) >= concurrency) {
      Atomics.sub(this.#count, 0, 1);
      throw new PilotlightError('TOO_BUSY', `${this.#name} has ${concurrency} requests in the host, as many as limits.concurrency allows; they wait for its next version`);
    }
    this.#waiting.add(paused);
  }

  /** Harmless for one that is not here. */
  leave(paused: Paused): void {
    if (this.#waiting.delete(paused)) Atomics.sub(this.#count, 0, 1);
  }

  /** In the order in which they came. Nobody enters any more. */
  resume(): void {
    for (const paused of this.#waiting) {
      paused.onResumed();
      this.leave(paused);
    }
  }

  /** Ends all that wait; gives their number. */
  cutAll(code: ErrorCode, reason: string): number {
    const waiting = [...this.#waiting];
    for (const paused of waiting) paused.cut(code, reason);
    return waiting.length;
  }
}
