// A function between two versions that have no room side by side: its requests wait here, each as long as its own deadline lets it,
// and are routed anew when the pause is over. They count among the function's requests, so that there are never more than it may have,
// and go on by and by: all at once they would not fit into the lines of the pools that they want.
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
  /** Requests without an answer yet that go on at once when the pause is over, in this thread. */
  readonly atOnceMax: number;
  /** Stamp at which the pause is expected to be over; left out: nobody knows. */
  readonly endsMs?: number;
}

export class Pause {
  readonly #name: string;
  readonly #count: Int32Array;
  readonly #endsMs: number;
  readonly #waiting = new Set<Paused>();
  /** Those that went on and have no answer yet. */
  readonly #goneOn = new Set<Paused>();
  readonly #atOnceMax: number;
  #state: 'closed' | 'over' | 'going-on' = 'closed';

  constructor({ name, functionCount, atOnceMax, endsMs = 0 }: PauseOptions) {
    this.#name = name;
    this.#count = new Int32Array(functionCount);
    this.#endsMs = endsMs;
    this.#atOnceMax = atOnceMax;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
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

  /** It waits no more, or its answer has begun. Harmless for one that is not here. */
  leave(paused: Paused): void {
    if (this.#waiting.delete(paused)) Atomics.sub(this.#count, 0, 1);
    if (this.#goneOn.delete(paused) && this.#state === 'over') this.#goOn();
  }

  /** In the order in which they came. Nobody enters any more. */
  resume(): void {
    this.#goOn();
  }

  #goOn(): void {
    this.#state = 'going-on';
    for (const paused of this.#waiting) {
      if (this.#goneOn.size >= this.#atOnceMax) break;
      this.#waiting.delete(paused);
      this.#goneOn.add(paused);
      paused.onResumed();
      // Now that it is counted where it went.
      Atomics.sub(this.#count, 0, 1);
    }
    this.#state = 'over';
  }

  /** Ends all that wait; gives their number. */
  cutAll(code: ErrorCode, reason: string): number {
    const waiting = [...this.#waiting];
    for (const paused of waiting) paused.cut(code, reason);
    return waiting.length;
  }
}
