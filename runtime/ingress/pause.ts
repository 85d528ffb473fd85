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
  /** Stamp at which the pause is expected to be over; left out: nobody knows. */
  readonly endsMs?: number;
}

/** So many go on at once, or as many as the function had in the host when the pause began. */
const GONE_ON_MIN = 32;

export class Pause {
  readonly #name: string;
  readonly #count: Int32Array;
  readonly #endsMs: number;
  readonly #waiting = new Set<Paused>();
  /** Those that went on and have no answer yet; so many at once. */
  readonly #goneOn = new Set<Paused>();
  readonly #goneOnMax: number;
  #state: 'closed' | 'over' | 'going-on' = 'closed';

  constructor({ name, functionCount, endsMs = 0 }: PauseOptions) {
    this.#name = name;
    this.#count = new Int32Array(functionCount);
    this.#endsMs = endsMs;
    this.#goneOnMax = Math.max(GONE_ON_MIN, Atomics.load(this.#count, 0));
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
      if (this.#goneOn.size >= this.#goneOnMax) break;
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
