// A request's body on its way in: collected when it is known to be small, else streamed within the isolate's credit.
// Keeps three bounds: bytes counted as they come, credit (the socket is not read without it), silence of the caller.
import type { IncomingMessage } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { PilotlightError } from '../errors.ts';
import { STREAM_WINDOW_BYTES } from '../isolates/protocol.ts';
import { WheelEntry, type DeadlineWheel } from './deadline-wheel.ts';

export interface BodyIntakeOptions {
  readonly request: IncomingMessage;
  readonly wheel: DeadlineWheel;
  readonly bytesMax: number;
  /** Longest silence of a caller who still owes bytes, milliseconds. */
  readonly idleTimeoutMs: number;
  readonly onFailed: (error: PilotlightError) => void;
}

export class BodyIntake {
  readonly #request: IncomingMessage;
  readonly #wheel: DeadlineWheel;
  readonly #idle: WheelEntry;
  readonly #options: BodyIntakeOptions;
  #state: 'open' | 'paused' | 'complete' | 'stopped' = 'open';
  #credit = STREAM_WINDOW_BYTES;
  #bytes = 0;

  constructor(options: BodyIntakeOptions) {
    this.#options = options;
    this.#request = options.request;
    this.#wheel = options.wheel;
    this.#idle = new WheelEntry(() => this.#fail(this.timeoutError()));
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The caller, not the handler, is who everybody waits for. */
  get isOwed(): boolean {
    return this.#state === 'open';
  }

  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  timeoutError(): PilotlightError {
    return new PilotlightError('BODY_TIMEOUT', `the request's body stopped after ${this.#bytes} bytes; send it without long silence`);
  }

  /** The whole body in one buffer of its own. */
  collect(length: number, onWhole: (bytes: ArrayBuffer) => void): void {
    const whole = new Uint8Array(length);
    this.#listen(
      (chunk) => whole.set(chunk, this.#bytes - chunk.byteLength),
      () => onWhole(whole.buffer),
    );
  }

  stream(onChunk: (bytes: ArrayBuffer) => void, onEnd: () => void): void {
    this.#listen((chunk) => {
      // A copy: the chunk is a part of a buffer that Node shares among reads.
      onChunk(new Uint8Array(chunk).buffer);
      this.#credit -= chunk.byteLength;
      if (this.#credit <= 0) this.#pause();
    }, onEnd);
  }

  giveCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#state !== 'paused' || this.#credit <= 0) return;
    this.#state = 'open';
    this.#awaitCaller();
    this.#request.resume();
  }

  /** Nobody wants the rest: it is read and dropped, so that the caller gets to read the answer. */
  discard(): void {
    this.#wheel.disarm(this.#idle);
    if (this.#state === 'complete') return;
    this.#state = 'stopped';
    this.#request.removeAllListeners('data');
    this.#request.resume();
  }

  #listen(onData: (chunk: Buffer) => void, onEnd: () => void): void {
    this.#awaitCaller();
    this.#request.on('data', (chunk: Buffer) => {
      if (this.#state === 'stopped') return;
      this.#bytes += chunk.byteLength;
      if (this.#bytes > this.#options.bytesMax) return this.#fail(tooLarge(this.#options.bytesMax));
      this.#awaitCaller();
      onData(chunk);
    });
    this.#request.on('end', () => {
      const isWanted = this.#state !== 'stopped';
      this.#state = 'complete';
      this.#wheel.disarm(this.#idle);
      if (isWanted) onEnd();
    });
  }

  #awaitCaller(): void {
    this.#wheel.arm(this.#idle, monotonicMs() + this.#options.idleTimeoutMs);
  }

  #pause(): void {
    if (this.#state !== 'open') return;
    this.#state = 'paused';
    this.#wheel.disarm(this.#idle);
    this.#request.pause();
  }

  #fail(error: PilotlightError): void {
    this.#state = 'stopped';
    this.#wheel.disarm(this.#idle);
    this.#options.onFailed(error);
  }
}

export function tooLarge(bytesMax: number): PilotlightError {
  return new PilotlightError('BODY_TOO_LARGE', `the request's body has more than ${bytesMax} bytes, which limits.bodyBytesMax of the function allows`);
}
