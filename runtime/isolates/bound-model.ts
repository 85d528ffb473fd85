// `env.NAME`: a model bound to one request, so that its runs end with the request and their times are told with it.
// A pool that is not resident costs one question to the control thread; the warm way costs none.
import { monotonicMs } from '../clock.ts';
import type { EngineClient, RunResult } from '../engine/port.ts';
import type { Tensor, Tensors } from '../engine/tensor.ts';
import { PilotlightError } from '../errors.ts';
import type { ModelBinding } from '../function.ts';
import type { RunRecord, Start } from '../records.ts';
import type { Lease, Model, RunOptions } from '../sdk.ts';
import type { Acquired } from './setup.ts';

/** The request that a binding belongs to. */
export interface RunScope {
  readonly signal: AbortSignal;
  /** Stamp after which a run that starts now is given up. */
  runDeadlineMs(nowMs: number): number;
  ran(run: RunRecord): void;
  /** Leases end with the request at the latest. */
  held(lease: Lease): void;
}

export interface Engines {
  readonly client: EngineClient;
  /** Asks the control thread for a pool that is not resident. */
  acquire(key: string, binding: string): Promise<Acquired>;
}

interface Wait {
  start: Start;
  loadId: string | undefined;
}

const COLDNESS: Record<Start, number> = { warm: 0, joined: 1, cold: 2 };

export function colder(a: Start, b: Start): Start {
  return COLDNESS[a] >= COLDNESS[b] ? a : b;
}

export class BoundModel implements Model {
  readonly #model: ModelBinding;
  readonly #engines: Engines;
  readonly #scope: RunScope;
  #preloading: Promise<void> | undefined;

  constructor(model: ModelBinding, engines: Engines, scope: RunScope) {
    this.#model = model;
    this.#engines = engines;
    this.#scope = scope;
  }

  async run(inputs: Tensors, options: RunOptions = {}): Promise<Record<string, Tensor>> {
    const { binding, pool, signature } = this.#model;
    const acquireMs = monotonicMs();
    const limits = this.#limits(options, acquireMs);
    const wait: Wait = { start: 'warm', loadId: undefined };
    try {
      // The load's answer must be told before the request's: it is what made the request cold.
      if (this.#preloading !== undefined) await orGiveUp(this.#preloading, limits, binding);
      const result = await this.#whenResident(limits, wait, () => this.#engines.client.run(pool.key, signature, inputs, limits));
      this.#tell(wait, acquireMs, result, undefined);
      return result.outputs;
    } catch (error) {
      const nowMs = monotonicMs();
      this.#tell(wait, acquireMs, { submittedMs: nowMs, startedMs: nowMs, endedMs: nowMs }, error);
      throw nameFailure(error, binding, limits.signal);
    }
  }

  async acquire(): Promise<Lease> {
    const { client } = this.#engines;
    const { pool } = this.#model;
    const acquireMs = monotonicMs();
    const wait: Wait = { start: 'warm', loadId: undefined };
    let hold = await this.#whenResident(this.#limits({}, acquireMs), wait, () => client.hold?.(pool.key));
    // A wait that no run made is told as one that ran for no time: the request was cold all the same.
    if (wait.start !== 'warm') {
      const nowMs = monotonicMs();
      this.#tell(wait, acquireMs, { submittedMs: nowMs, startedMs: nowMs, endedMs: nowMs }, undefined);
    }
    const release = (): void => {
      hold?.release();
      hold = undefined;
    };
    const lease: Lease = { release, [Symbol.dispose]: release };
    this.#scope.held(lease);
    return lease;
  }

  /** Starts the load beside the handler; a failure shows when the handler runs the model. */
  preload(): void {
    try {
      this.#engines.client.hold?.(this.#model.pool.key).release();
    } catch {
      this.#preloading = this.acquire().then((lease) => lease.release(), () => undefined);
    }
  }

  #limits(options: RunOptions, nowMs: number): { deadlineMs: number; signal: AbortSignal } {
    const own = this.#scope.signal;
    const deadlineMs = this.#scope.runDeadlineMs(nowMs);
    return {
      deadlineMs: options.timeoutMs === undefined ? deadlineMs : Math.min(deadlineMs, nowMs + options.timeoutMs),
      signal: options.signal === undefined || options.signal === own ? own : AbortSignal.any([own, options.signal]),
    };
  }

  async #whenResident<T>(limits: { deadlineMs: number; signal: AbortSignal }, wait: Wait, work: () => T | Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof PilotlightError) || error.code !== 'NOT_RESIDENT') throw error;
      }
      const { pool, binding } = this.#model;
      const acquired = await orGiveUp(this.#engines.acquire(pool.key, binding), limits, binding);
      wait.start = colder(wait.start, acquired.start);
      wait.loadId = acquired.loadId ?? wait.loadId;
    }
  }

  #tell(wait: Wait, acquireMs: number, times: Omit<RunResult, 'outputs'>, error: unknown): void {
    const { submittedMs, startedMs, endedMs } = times;
    const { binding, pool } = this.#model;
    this.#scope.ran({
      binding, pool: pool.key, start: wait.start, acquireMs: wait.start === 'warm' ? submittedMs : acquireMs, submittedMs, startedMs, endedMs,
      ...(wait.loadId !== undefined && { loadId: wait.loadId }),
      ...(error instanceof PilotlightError && { errorCode: error.code }),
    });
  }
}

function nameFailure(error: unknown, binding: string, signal: AbortSignal): unknown {
  // A handler may have several models with an input of the same name.
  if (error instanceof PilotlightError && error.code === 'BAD_TENSOR') return new PilotlightError(error.code, `env.${binding}.run: ${error.message}`, { cause: error });
  if (error instanceof PilotlightError) return error;
  return signal.aborted ? error : new PilotlightError('ENGINE_FAILED', `env.${binding}.run failed: ${String(error)}`, { cause: error });
}

/** The load goes on for others; this caller waits no longer than he may. */
async function orGiveUp<T>(work: Promise<T>, limits: { deadlineMs: number; signal: AbortSignal }, binding: string): Promise<T> {
  const { deadlineMs, signal } = limits;
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const givenUp = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const late = (): void => reject(new PilotlightError('DEADLINE', `env.${binding}: the request's deadline passed while its pool was loading`));
    timer = setTimeout(late, Math.max(0, deadlineMs - monotonicMs()));
  });
  try {
    return await Promise.race([work, givenUp]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
