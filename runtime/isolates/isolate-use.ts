// How much an isolate is used, in memory that all threads share: ingress threads write it with each request, the isolate
// itself for work that goes on after answers, and the control thread reads it when it decides. So a warm request costs no message.
import { monotonicMs } from '../clock.ts';

const IN_FLIGHT = 0;
const LAST_USED = 1;

export class IsolateUse {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(8);
    this.#words = new Int32Array(this.shared);
    if (shared === undefined) this.#stamp();
  }

  get inFlight(): number {
    return Atomics.load(this.#words, IN_FLIGHT);
  }

  /** When its last request ended, or it was made. */
  get lastUsedMs(): number {
    const nowMs = monotonicMs();
    // Signed: another thread's clock may be a hair ahead of this one's.
    return nowMs - Math.max(0, ((nowMs | 0) - Atomics.load(this.#words, LAST_USED)) | 0);
  }

  enter(): void {
    Atomics.add(this.#words, IN_FLIGHT, 1);
  }

  leave(): void {
    this.#stamp();
    Atomics.sub(this.#words, IN_FLIGHT, 1);
  }

  /** Whole milliseconds modulo 2^32: as far back as 24 days can be told. */
  #stamp(): void {
    Atomics.store(this.#words, LAST_USED, monotonicMs() | 0);
  }
}
