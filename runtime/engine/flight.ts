// One run between submit and result. It is the listener of its own signal, and settles its promise once, whatever comes first.
import type { RunResult } from './port.ts';
import type { TensorSpec } from './tensor.ts';

export class Flight {
  readonly outputs: readonly TensorSpec[];
  readonly promise: Promise<RunResult>;
  readonly #resolve: (result: RunResult) => void;
  readonly #reject: (reason: unknown) => void;
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  constructor(outputs: readonly TensorSpec[]) {
    this.outputs = outputs;
    this.promise = new Promise(takeBoth);
    this.#resolve = resolveOfNewest;
    this.#reject = rejectOfNewest;
  }

  /** Rejects with the signal's reason and calls `onAbort`, unless the result is first. */
  watch(signal: AbortSignal, onAbort: () => void): void {
    this.#signal = signal;
    this.#onAbort = onAbort;
    signal.addEventListener('abort', this, { once: true });
  }

  /** Of EventListener. */
  handleEvent(): void {
    this.#reject(this.#signal?.reason);
    this.#onAbort?.();
    this.#unwatch();
  }

  resolve(result: RunResult): void {
    this.#unwatch();
    this.#resolve(result);
  }

  reject(reason: unknown): void {
    this.#unwatch();
    this.#reject(reason);
  }

  #unwatch(): void {
    if (this.#signal === undefined) return;
    this.#signal.removeEventListener('abort', this);
    this.#signal = undefined;
    this.#onAbort = undefined;
  }
}

// A function made once instead of one for every run.
let resolveOfNewest: (result: RunResult) => void;
let rejectOfNewest: (reason: unknown) => void;
function takeBoth(resolve: (result: RunResult) => void, reject: (reason: unknown) => void): void {
  resolveOfNewest = resolve;
  rejectOfNewest = reject;
}
