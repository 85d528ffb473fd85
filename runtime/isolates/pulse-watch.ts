// Finds the isolate that fills the host's memory without ever pausing: its own gauge cannot run, and V8 bounds no buffers.
// The control thread sees only that its pulse has stopped and that the process grows meanwhile, so the bound is generous.
import type { Clock, Timer } from '../clock.ts';

const INTERVAL_MS = 250;
/** Looks without a pulse after which an isolate counts as silent. */
const SILENT_LOOKS = 2;
/** Growth of the process, in limits of the isolate, that a silent one is blamed for. */
const GROWTH_LIMITS = 2;

export interface PulseWatchOptions {
  /** Counted up by the isolate whenever its event loop turns. */
  readonly pulse: Int32Array;
  readonly limitBytes: number;
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
    const { pulse, limitBytes, residentBytes, onHoarding } = this.#options;
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
    if (this.#silentLooks >= SILENT_LOOKS && grownBytes > GROWTH_LIMITS * limitBytes) onHoarding(grownBytes);
    else this.#schedule();
  }
}
