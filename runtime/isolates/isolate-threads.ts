// The threads of one version's isolates, from the ask for a start to their end: what counts against the host's bound.
import { randomBytes } from 'node:crypto';
import { monotonicMs } from '../clock.ts';
import { toPlainError, type ErrorCode } from '../errors.ts';
import type { IsolateRecord } from '../records.ts';
import { startIsolate, type Isolate, type IsolateListener } from './isolate.ts';
import type { IsolateSetup } from './setup.ts';

/** Gives the values of the secrets that the function names. Rejects with a coded error. */
export type ReadSecrets = () => Promise<Readonly<Record<string, string>>>;

export interface IsolateThreadsOptions {
  readonly function: string;
  readonly version: string;
  /** Gives what every isolate begins with: before the first one starts, and again after it has rejected. */
  readonly prepare: () => Promise<Omit<IsolateSetup, 'secrets'>>;
  /** Read anew for each isolate, so that one that starts later sees what was changed meanwhile. */
  readonly readSecrets: ReadSecrets;
  readonly started: (record: IsolateRecord) => void;
  /** A thread has ended. */
  readonly ended: () => void;
}

/** What requests that waited for a start are told of it. */
export interface StartNote {
  readonly startId: string;
  readonly startMs: number;
  readonly readyMs: number;
  /** The ingress thread whose request it was made for. */
  readonly thread: number | undefined;
}

export interface Started {
  readonly isolate: Isolate;
  readonly note: StartNote;
}

export class IsolateThreads {
  readonly #options: IsolateThreadsOptions;
  #setup: Promise<Omit<IsolateSetup, 'secrets'>> | undefined;
  #starting = 0;
  readonly #running = new Set<Isolate>();
  readonly #ending = new Set<Isolate>();

  constructor(options: IsolateThreadsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#starting + this.#running.size;
  }

  /** Those of them that serve no more. */
  get ending(): number {
    return this.#ending.size;
  }

  async start(listener: IsolateListener, reason: IsolateRecord['reason'], signal: AbortSignal, thread?: number): Promise<Started> {
    const { function: name, version, readSecrets, started } = this.#options;
    const startId = randomBytes(8).toString('hex');
    const startMs = monotonicMs();
    const tell = (errorCode: ErrorCode | undefined): void => started({
      startId, function: name, version, startMs, endMs: monotonicMs(), reason, ...(errorCode !== undefined && { errorCode }),
    });
    this.#starting += 1;
    try {
      const isolate = await startIsolate({ ...await this.#prepared(), secrets: await readSecrets() }, listener, signal);
      this.#keep(isolate);
      tell(undefined);
      return { isolate, note: { startId, startMs, readyMs: monotonicMs(), thread } };
    } catch (error) {
      // One that was called off has not failed.
      if (!signal.aborted) tell(toPlainError(error, 'BAD_HANDLER').code);
      throw error;
    } finally {
      this.#starting -= 1;
    }
  }

  /** It serves no more; its thread goes on until its work is done. */
  leave(isolate: Isolate): void {
    if (this.#running.has(isolate)) this.#ending.add(isolate);
  }

  #prepared(): Promise<Omit<IsolateSetup, 'secrets'>> {
    this.#setup ??= this.#options.prepare().catch((error: unknown) => {
      this.#setup = undefined;
      throw error;
    });
    return this.#setup;
  }

  #keep(isolate: Isolate): void {
    this.#running.add(isolate);
    void isolate.ended.then(() => {
      this.#running.delete(isolate);
      this.#ending.delete(isolate);
      this.#options.ended();
    });
  }
}
