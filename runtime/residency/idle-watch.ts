// Gives up pools that were not used for as long as their manifest says, when that time is over and not before.
import type { Clock, Timer } from '../clock.ts';

export interface IdlePool {
  readonly key: string;
  readonly idleMs: number;
  readonly timeoutMs: number;
}

export interface IdleWatchOptions {
  readonly clock: Clock;
  /** Resident pools that are not kept for ever. */
  readonly pools: () => readonly IdlePool[];
  /** May find that a job holds it: then it is no longer idle. */
  readonly giveUp: (key: string) => void;
}

/** One that is due and held is looked at again after this time. */
const LOOK_EVERY_MIN_MS = 1000;

export class IdleWatch {
  readonly #options: IdleWatchOptions;
  #next: Timer | undefined;

  constructor(options: IdleWatchOptions) {
    this.#options = options;
  }

  /** After each load; nothing is looked at while there is nothing to look at. */
  wake(): void {
    this.#next?.cancel();
    const waitsMs = this.#options.pools().map(({ idleMs, timeoutMs }) => timeoutMs - idleMs);
    this.#next = waitsMs.length === 0 ? undefined : this.#options.clock.after(Math.max(LOOK_EVERY_MIN_MS, Math.min(...waitsMs)), () => this.#look());
  }

  #look(): void {
    for (const { key, idleMs, timeoutMs } of this.#options.pools()) if (idleMs >= timeoutMs) this.#options.giveUp(key);
    this.wake();
  }
}
