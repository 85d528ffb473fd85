// One run between submit and result. It settles its promise once, by result, failure or signal, whatever comes first.
import { AbortWatch, type Abortable } from './abort-watch.ts';
import type { RunResult } from './port.ts';
import type { TensorSpec } from './tensor.ts';

export class Flight implements Abortable {
  readonly outputs: readonly TensorSpec[];
  readonly promise: Promise<RunResult>;
  readonly #resolve: (result: RunResult) => void;
  readonly #reject: (reason: unknown) => void;
  #watch: AbortWatch | undefined;
  #cancel: (() => void) | undefined;

  constructor(outputs: readonly TensorSpec[]) {
    this.outputs = outputs;
    this.promise = new Promise(takeBoth);
    this.#resolve = resolveOfNewest;
    this.#reject = rejectOfNewest;
  }

  /** From now on the signal ends it: rejects with its reason, and calls `cancel`. */
  obey(signal: AbortSignal, cancel: () => void): void {
    this.#cancel = cancel;
    this.#watch = AbortWatch.join(signal, this);
  }

  abort(reason: unknown): void {
    this.#reject(reason);
    this.#cancel?.();
    this.#leave();
  }

  resolve(result: RunResult): void {
    this.#leave();
    this.#resolve(result);
  }

  reject(reason: unknown): void {
    this.#leave();
    this.#reject(reason);
  }

  #leave(): void {
    this.#watch?.leave(this);
    this.#watch = undefined;
    this.#cancel = undefined;
  }
}

// A function made once instead of one for every run.
let resolveOfNewest: (result: RunResult) => void;
let rejectOfNewest: (reason: unknown) => void;
function takeBoth(resolve: (result: RunResult) => void, reject: (reason: unknown) => void): void {
  resolveOfNewest = resolve;
  rejectOfNewest = reject;
}
