// What this host does now, for whom: told to the supervisor before a preparation begins, so that a process that dies of it
// leaves the name behind. Requests are looked at from time to time instead, since they must pay nothing for this.
import type { Clock } from '../clock.ts';
import type { Activity } from './messages.ts';

/** What ran so short a time ago counts as running: a version that crashes the process is often between two looks. */
const RAN_JUST_NOW_MS = 2_000;

export interface UnderwayOptions {
  readonly clock: Clock;
  readonly tell: (activity: Activity) => void;
}

/** `using _ = underway.prepare([label])` around whatever runs native code of a version for the first time. */
export class Underway {
  readonly #options: UnderwayOptions;
  readonly #preparing = new Map<object, readonly string[]>();
  /** When each was last seen running, in the order in which they began. */
  readonly #lastSeenMs = new Map<string, number>();
  #told = '';

  constructor(options: UnderwayOptions) {
    this.#options = options;
  }

  /** From now until it is disposed of these versions are being prepared; the supervisor knows when this returns. */
  prepare(labels: readonly string[]): Disposable {
    const preparation = {};
    this.#preparing.set(preparation, labels);
    this.#tell();
    return {
      [Symbol.dispose]: () => {
        this.#preparing.delete(preparation);
        this.#tell();
      },
    };
  }

  /** A look at which versions have requests now. */
  see(labels: readonly string[]): void {
    const nowMs = this.#options.clock.nowMs();
    for (const label of labels) this.#lastSeenMs.set(label, nowMs);
    for (const [label, seenMs] of this.#lastSeenMs) if (nowMs - seenMs > RAN_JUST_NOW_MS) this.#lastSeenMs.delete(label);
    this.#tell();
  }

  #tell(): void {
    const activity: Activity = { running: [...this.#lastSeenMs.keys()], preparing: [...new Set([...this.#preparing.values()].flat())] };
    const text = JSON.stringify(activity);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.tell(activity);
  }
}
