// One listener on a signal for all runs that share it: hundreds of runs of one request are no leak, and Node warns from the eleventh listener on.

/** What a signal can end. */
export interface Abortable {
  abort(reason: unknown): void;
}

const watches = new WeakMap<AbortSignal, AbortWatch>();

export class AbortWatch {
  readonly #signal: AbortSignal;
  readonly #watched = new Set<Abortable>();

  private constructor(signal: AbortSignal) {
    this.#signal = signal;
    watches.set(signal, this);
    signal.addEventListener('abort', this, { once: true });
  }

  /** Aborts `run` with the signal, until it `leave`s; at once when the signal is aborted already. */
  static join(signal: AbortSignal, run: Abortable): AbortWatch | undefined {
    if (signal.aborted) {
      run.abort(signal.reason);
      return undefined;
    }
    const watch = watches.get(signal) ?? new AbortWatch(signal);
    watch.#watched.add(run);
    return watch;
  }

  /** The last one to leave takes the listener with it. */
  leave(run: Abortable): void {
    if (!this.#watched.delete(run) || this.#watched.size > 0) return;
    watches.delete(this.#signal);
    this.#signal.removeEventListener('abort', this);
  }

  /** Of EventListener. */
  handleEvent(): void {
    watches.delete(this.#signal);
    for (const run of this.#watched) run.abort(this.#signal.reason);
  }
}
