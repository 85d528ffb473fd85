// A response's body on its way out: written as fast as the caller reads, told when bytes have left, and given up when the
// caller has not read for writeTimeoutMs.
import type { ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { WheelEntry, type DeadlineWheel } from './deadline-wheel.ts';

/** Pieces in which a large buffer is written, so that a slow reader can show that he reads. */
const SLICE_BYTES = 64 * 1024;

export interface BodyOutputOptions {
  readonly response: ServerResponse;
  readonly wheel: DeadlineWheel;
  readonly writeTimeoutMs: number;
  /** Bytes that have left for the socket: credit for who produces them. */
  readonly onDrained: (bytes: number) => void;
  readonly onStalled: () => void;
}

export class BodyOutput {
  readonly #response: ServerResponse;
  readonly #wheel: DeadlineWheel;
  readonly #options: BodyOutputOptions;
  readonly #stall: WheelEntry;
  #bytes = 0;
  #undrained = 0;

  constructor(options: BodyOutputOptions) {
    this.#options = options;
    this.#response = options.response;
    this.#wheel = options.wheel;
    this.#stall = new WheelEntry(options.onStalled);
    this.#response.on('drain', () => this.#drained());
  }

  /** Bytes taken so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The caller is who everybody waits for. */
  get isBlocked(): boolean {
    return this.#stall.isArmed;
  }

  write(bytes: Uint8Array): void {
    this.#bytes += bytes.byteLength;
    this.#undrained += bytes.byteLength;
    if (this.#response.write(bytes)) this.#drained();
    else if (!this.#stall.isArmed) this.#wheel.arm(this.#stall, monotonicMs() + this.#options.writeTimeoutMs);
  }

  /** Writes all of a large buffer, piece by piece; `onWritten` when the last piece was handed over. */
  writeAll(bytes: Uint8Array, onWritten: () => void): void {
    let at = 0;
    const next = (): void => {
      while (at < bytes.byteLength) {
        const slice = bytes.subarray(at, at + SLICE_BYTES);
        at += slice.byteLength;
        this.write(slice);
        if (this.isBlocked) return;
      }
      this.#response.off('drain', next);
      onWritten();
    };
    this.#response.on('drain', next);
    next();
  }

  close(): void {
    this.#wheel.disarm(this.#stall);
  }

  #drained(): void {
    this.#wheel.disarm(this.#stall);
    const bytes = this.#undrained;
    this.#undrained = 0;
    if (bytes > 0) this.#options.onDrained(bytes);
  }
}
