// One isolate, seen from the control thread: a worker thread that runs one version's handler. It starts within a time limit
// or not at all, and ends by itself (exit, uncaught error, heap limit) or by termination; either way its owner is told once.
import { Worker, type MessagePort } from 'node:worker_threads';
import { realClock } from '../clock.ts';
import { describeThrown, PilotlightError, toPlainError } from '../errors.ts';
import { IsolateUse } from './isolate-use.ts';
import { residentBytes } from './process-memory.ts';
import { PulseWatch, WHILE_IMPORTING, WHILE_SERVING, type Patience } from './pulse-watch.ts';
import type { Acquired, FromIsolate, IsolateSetup, IsolateThreadSetup, LogLine, ToIsolate } from './setup.ts';

/** What an isolate's owner must know. */
export interface IsolateListener {
  log(isolate: Isolate, lines: readonly LogLine[], dropped: number): void;
  acquire(isolate: Isolate, key: string, binding: string): Promise<Acquired>;
  /** After a collection it still holds more than it may. */
  overMemory(isolate: Isolate, heapBytes: number, bufferBytes: number): void;
  /** The process grows while the isolate's event loop does not turn. */
  hoarding(isolate: Isolate, grownBytes: number): void;
  /** The thread of a ready isolate has ended without being asked to. */
  lost(isolate: Isolate, reason: string): void;
}

/**
 * Where V8 itself gives up. Far above what an isolate may hold, because V8 ends the whole process when a single step
 * (a growing Map, JSON.parse, concat) goes past it by more than Node's 16 MiB of grace; gauge and pulse end the isolate long before.
 */
function hardLimitMib(heapMiB: number): number {
  return 4 * heapMiB + 512;
}

type State = 'starting' | 'ready' | 'ending' | 'ended';

let lastId = 0;

export class Isolate {
  /** Unique in the process. */
  readonly id = ++lastId;
  readonly setup: IsolateSetup;
  readonly #worker: Worker;
  readonly #listener: IsolateListener;
  /** Resolves when its thread has ended. */
  readonly ended: Promise<void>;
  /** Written by the ingress threads. */
  readonly use = new IsolateUse();
  readonly #pulse = new SharedArrayBuffer(4);
  #state: State = 'starting';
  #lastError: string | undefined;
  #onClosed: (() => void) | undefined;
  #watch: PulseWatch;

  /** Use `startIsolate`. */
  constructor(setup: IsolateSetup, listener: IsolateListener, onStarted: (unfit: string | undefined) => void) {
    this.setup = setup;
    this.#listener = listener;
    this.#worker = new Worker(new URL('./entry.js', import.meta.url), {
      workerData: { ...setup, pulse: this.#pulse, use: this.use.shared } satisfies IsolateThreadSetup, name: `${setup.function}@${setup.version.slice(0, 8)}`,
      // The host's environment is none of a handler's business: it has `env`.
      env: {}, execArgv: [], stdout: true, stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: hardLimitMib(setup.limits.heapMiB) },
    });
    this.#watch = this.#watchPulse(WHILE_IMPORTING, () => onStarted(`it outgrew limits.heapMiB (${setup.limits.heapMiB} MiB) while it was imported`));
    this.#worker.on('message', (news: FromIsolate) => this.#hear(news, onStarted));
    this.#worker.on('error', (error: unknown) => { this.#lastError = describeError(error); });
    this.ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#exit(code, onStarted);
        resolve();
      });
    });
    this.#captureOutput('info');
    this.#captureOutput('error');
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Gives the isolate its end of a port to an ingress thread. */
  attach(port: MessagePort): void {
    this.#tell({ kind: 'attach', port }, [port]);
  }

  /** Waits for work that outlives its answers, at most `deadlineMs`, then ends the thread, whatever timers or sockets it keeps. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#state === 'ready') {
      this.#state = 'ending';
      await this.#quiet(deadlineMs);
    }
    await this.terminate();
  }

  /** Ends the thread now; also one that loops. */
  async terminate(): Promise<void> {
    if (this.#state !== 'ended') {
      this.#state = 'ending';
      await this.#worker.terminate();
    }
    await this.ended;
  }

  async #quiet(deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, deadlineMs); });
    const closed = new Promise<void>((resolve) => { this.#onClosed = resolve; });
    this.#tell({ kind: 'close' });
    await Promise.race([closed, late, this.ended]);
    clearTimeout(timer);
  }

  #tell(order: ToIsolate, transfers: readonly MessagePort[] = []): void {
    this.#worker.postMessage(order, transfers);
  }

  #hear(news: FromIsolate, onStarted: (unfit: string | undefined) => void): void {
    switch (news.kind) {
      case 'ready': return this.#started(onStarted);
      case 'unfit': return onStarted(news.reason);
      case 'acquire': return this.#acquire(news.ask, news.key, news.binding);
      case 'log': return this.#listener.log(this, news.lines, news.dropped);
      case 'over-memory': return this.#listener.overMemory(this, news.heapBytes, news.bufferBytes);
      case 'closed': return this.#onClosed?.();
    }
  }

  #started(onStarted: (unfit: string | undefined) => void): void {
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.#watch.close();
    this.#watch = this.#watchPulse(WHILE_SERVING, (grownBytes) => {
      if (this.#state === 'ready') this.#listener.hoarding(this, grownBytes);
    });
    onStarted(undefined);
  }

  #watchPulse(patience: Patience, onHoarding: (grownBytes: number) => void): PulseWatch {
    const limitBytes = this.setup.limits.heapMiB * 1024 * 1024;
    return new PulseWatch({ pulse: new Int32Array(this.#pulse), limitBytes, patience, clock: realClock, residentBytes, onHoarding });
  }

  #acquire(ask: number, key: string, binding: string): void {
    this.#listener.acquire(this, key, binding).then(
      (acquired) => this.#tell({ kind: 'acquired', ask, acquired }),
      (error: unknown) => this.#tell({ kind: 'refused', ask, error: toPlainError(error, 'LOAD_FAILED') }),
    );
  }

  #exit(code: number, onStarted: (unfit: string | undefined) => void): void {
    const before = this.#state;
    this.#state = 'ended';
    this.#watch.close();
    const reason = this.#lastError ?? describeExit(code);
    if (before === 'starting') onStarted(reason);
    if (before === 'ready') this.#listener.lost(this, reason);
  }

  /** What a handler writes past the console. */
  #captureOutput(level: 'info' | 'error'): void {
    const stream = level === 'info' ? this.#worker.stdout : this.#worker.stderr;
    stream.on('data', (chunk: Buffer) => {
      this.#listener.log(this, [{ level, text: chunk.toString().slice(0, 8192).trimEnd(), timeMs: Date.now() }], 0);
    });
  }
}

/** Node's own code for a module that can never be ready. */
const UNSETTLED_AWAIT = 13;

function describeExit(code: number): string {
  if (code === UNSETTLED_AWAIT) return 'its import never ends: a top-level await waits for something that nothing is left to bring about';
  return `its thread ended with code ${code}`;
}

/** Resolves with a ready isolate; rejects BAD_HANDLER when it is not ready in time, and leaves nothing. */
export async function startIsolate(setup: IsolateSetup, listener: IsolateListener, signal: AbortSignal): Promise<Isolate> {
  const { initTimeoutMs } = setup.limits;
  const label = `${setup.function}@${setup.version.slice(0, 8)}`;
  let isolate: Isolate | undefined;
  let timer: NodeJS.Timeout | undefined;
  // The signal outlives the start: what listens to it would stay with it, start after start.
  const started = new AbortController();
  const unfit = await new Promise<string | undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve('it was stopped while it started'), { once: true, signal: started.signal });
    timer = setTimeout(() => resolve(`it was not ready within limits.initTimeoutMs (${initTimeoutMs} ms)`), initTimeoutMs);
    try {
      isolate = new Isolate(setup, listener, resolve);
    } catch (error) {
      resolve(describeThrown(error)); // no more threads to be had
    }
  });
  clearTimeout(timer);
  started.abort();
  if (unfit === undefined && isolate !== undefined) return isolate;
  await isolate?.terminate();
  throw new PilotlightError('BAD_HANDLER', `the handler of ${label} cannot serve: ${unfit}`);
}

function describeError(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return 'its heap outgrew limits.heapMiB';
  return error instanceof Error && error.stack !== undefined ? `uncaught ${error.stack}` : `uncaught ${describeThrown(error)}`;
}
