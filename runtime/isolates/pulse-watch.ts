// Finds the isolate that fills the host's memory without ever pausing: its own gauge cannot run, and V8 bounds no buffers.
// The control thread sees only that its pulse has stopped and that the process grows meanwhile, so the bound is generous.
import type { Clock, Timer } from '../clock.ts';

const INTERVAL_MS = 250;

/** When a silent isolate is blamed for the growth of the process, which has other causes too: models load, isolates start. */
export interface Patience {
  /** Looks without a pulse. */
  readonly silentLooks: number;
  /** Growth since the last pulse, in limits of the isolate, and bytes at least. */
  readonly growthLimits: number;
  readonly growthBytesMin: number;
}

const MIB = 1024 * 1024;

/** An import may take its time, and a host that starts loads all its models beside it. */
export const WHILE_IMPORTING: Patience = { silentLooks: 20, growthLimits: 8, growthBytesMin: 1024 * MIB };
export const WHILE_SERVING: Patience = { silentLooks: 2, growthLimits: 2, growthBytesMin: 256 * MIB };

export interface PulseWatchOptions {
  /** Counted up by the isolate whenever its event loop turns. */
  readonly pulse: Int32Array;
  readonly limitBytes: number;
  readonly patience: Patience;
  readonly clock: Clock;
  /** undefined: not to be had now. */
  readonly residentBytes: () => number | undefined;
  /** Called at most once. */
  readonly onHoarding: (grownBytes: number) => void;
}

export class PulseWatch {
  readonly #options: PulseWatchOptions;
  #timer: Timer | undefined;
  #lastPulse = 0;
  #silentLooks = 0;
  #aliveBytes: number | undefined;

  constructor(options: PulseWatchOptions) {
    this.#options = options;
    this.#aliveBytes = options.residentBytes();
    this.#schedule();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(INTERVAL_MS, () => this.#look());
  }

  #look(): void {
    const { pulse, limitBytes, patience, residentBytes, onHoarding } = this.#options;
    const beats = Atomics.load(pulse, 0);
    const bytes = residentBytes();
    if (beats !== this.#lastPulse) {
      this.#lastPulse = beats;
      this.#silentLooks = 0;
      this.#aliveBytes = bytes;
    } else {
      this.#silentLooks += 1;
    }
    const grownBytes = bytes === undefined || this.#aliveBytes === undefined ? 0 : bytes - this.#aliveBytes;
    const blamedBytes = Math.max(patience.growthLimits * limitBytes, patience.growthBytesMin);
    if (this.#silentLooks >= patience.silentLooks && grownBytes > blamedBytes) onHoarding(grownBytes);
    else this.#schedule();
  }
}
