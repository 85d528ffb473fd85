// The isolates of one running version: as many as the manifest says serve, and one spare stands warm beside them. One that
// is lost gives its place to the spare at once, and a new spare starts behind it, later and later when that happens often.
import { monotonicMs, type Clock } from '../clock.ts';
import { PilotlightError, toPlainError, type ErrorCode } from '../errors.ts';
import type { IsolateRecord } from '../records.ts';
import { startIsolate, type Isolate, type IsolateListener } from './isolate.ts';
import type { IsolateSetup } from './setup.ts';

/** What the owner does when places change hands. */
export interface VersionIsolatesListener extends Omit<IsolateListener, 'lost' | 'overMemory' | 'hoarding'> {
  /** Connects a ready isolate; it must be reachable when this resolves. */
  attach(isolate: Isolate, index: number, role: 'serving' | 'spare'): Promise<void>;
  promote(isolate: Isolate, index: number): void;
  /** What it has in flight is lost. */
  lose(isolate: Isolate): void;
  /** It takes no more; resolves when nothing is in flight on it. */
  retire(isolate: Isolate): Promise<void>;
  /** Sends a new spare through what the version was warmed with. */
  warm(index: number): Promise<void>;
  started(record: IsolateRecord): void;
  /** For the host's log. */
  warn(text: string): void;
}

export interface VersionIsolatesOptions {
  readonly setup: Omit<IsolateSetup, 'secrets'>;
  /** Read anew for each isolate, so that one that starts later sees what was changed meanwhile. */
  readonly readSecrets: ReadSecrets;
  /** Serving isolates; the spare comes on top. */
  readonly count: number;
  readonly clock: Clock;
  readonly listener: VersionIsolatesListener;
}

/** Gives the values of the secrets that the function names. Rejects with a coded error. */
export type ReadSecrets = () => Promise<Readonly<Record<string, string>>>;

const RECENT_MS = 30_000;
const FREE_REPLACEMENTS = 3;
const BACK_OFF_FIRST_MS = 100;
const BACK_OFF_MAX_MS = 5_000;

/** How long a new spare waits, by the number of replacements of the last half minute. */
export function backOffMs(recent: number): number {
  if (recent <= FREE_REPLACEMENTS) return 0;
  return Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** (recent - FREE_REPLACEMENTS - 1));
}

export class VersionIsolates implements IsolateListener {
  readonly #options: VersionIsolatesOptions;
  readonly #serving: (Isolate | undefined)[];
  #spare: Isolate | undefined;
  #spareStart: 'none' | 'under-way' = 'none';
  readonly #stopping = new AbortController();
  #replaced = 0;
  #recentMs: number[] = [];
  /** Isolates that no longer serve but have not ended. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: VersionIsolatesOptions) {
    this.#options = options;
    this.#serving = Array.from({ length: options.count }, () => undefined);
  }

  get serving(): number {
    return this.#serving.filter((isolate) => isolate !== undefined).length;
  }

  /** Isolates replaced since the version started. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Starts all and the spare; rejects with nothing left when one cannot start. */
  async start(reason: 'deploy' | 'restart'): Promise<void> {
    const { count } = this.#options;
    const starts = await Promise.allSettled(Array.from({ length: count + 1 }, () => this.#startOne(reason)));
    const failed = starts.find((start) => start.status === 'rejected');
    if (failed !== undefined) {
      await Promise.all(starts.map((start) => (start.status === 'fulfilled' ? start.value.terminate() : undefined)));
      throw failed.reason;
    }
    const isolates = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    for (const [index, isolate] of isolates.entries()) {
      if (!isolate.isReady) throw await this.#startFailed(isolates, isolate);
      if (index === count) this.#spare = isolate;
      else this.#serving[index] = isolate;
      await this.#options.listener.attach(isolate, index, index === count ? 'spare' : 'serving');
    }
  }

  async #startFailed(isolates: readonly Isolate[], ended: Isolate): Promise<PilotlightError> {
    this.#serving.fill(undefined);
    this.#spare = undefined;
    await Promise.all(isolates.map((isolate) => isolate.terminate()));
    return new PilotlightError('BAD_HANDLER', `an isolate of ${labelOf(ended.setup)} ended right after its start; its log says why`);
  }

  /** Ends every isolate; waits for work that outlives its answer as long as a request may take. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const isolates = [...this.#serving, this.#spare].filter((isolate) => isolate !== undefined);
    this.#serving.fill(undefined);
    this.#spare = undefined;
    await Promise.all([...isolates.map((isolate) => isolate.close(this.#options.setup.limits.timeoutMs)), ...this.#leaving]);
  }

  /** An ingress thread says that the isolate's event loop does not turn. */
  stuck(id: number): void {
    const isolate = [...this.#serving, this.#spare].find((candidate) => candidate?.id === id);
    if (isolate !== undefined) this.#end(isolate, 'it did not notice that a request of it was over: its event loop does not turn');
  }

  hoarding(isolate: Isolate, grownBytes: number): void {
    this.#end(isolate, `the host has grown by ${toMib(grownBytes)} while its event loop did not turn, limits.heapMiB is ${this.#options.setup.limits.heapMiB}`);
  }

  lost(isolate: Isolate, reason: string): void {
    this.#replace(isolate, reason);
  }

  overMemory(isolate: Isolate, heapBytes: number, bufferBytes: number): void {
    const { listener, setup } = this.#options;
    if (!this.#holds(isolate)) return;
    const text = `it holds ${toMib(heapBytes)} of heap and ${toMib(bufferBytes)} of buffers, limits.heapMiB is ${setup.limits.heapMiB}`;
    const retired = listener.retire(isolate);
    this.#vacate(isolate, text);
    this.#leave(this.#endRetired(isolate, retired));
  }

  log(...line: Parameters<IsolateListener['log']>): void {
    this.#options.listener.log(...line);
  }

  acquire(...ask: Parameters<IsolateListener['acquire']>): ReturnType<IsolateListener['acquire']> {
    return this.#options.listener.acquire(...ask);
  }

  async #endRetired(isolate: Isolate, retired: Promise<void>): Promise<void> {
    const { listener, setup, clock } = this.#options;
    await Promise.race([retired, new Promise<void>((resolve) => { clock.after(setup.limits.timeoutMs, resolve); })]);
    listener.lose(isolate);
    await isolate.terminate();
  }

  #holds(isolate: Isolate): boolean {
    return this.#spare === isolate || this.#serving.includes(isolate);
  }

  /** Replaces it without waiting for its end. */
  #end(isolate: Isolate, reason: string): void {
    if (!this.#holds(isolate)) return;
    this.#replace(isolate, reason);
    this.#leave(isolate.terminate());
  }

  #replace(isolate: Isolate, reason: string): void {
    if (!this.#holds(isolate)) return;
    this.#options.listener.lose(isolate);
    this.#vacate(isolate, reason);
  }

  /** The isolate's place is free: the spare takes it, and a new spare starts. */
  #vacate(isolate: Isolate, reason: string): void {
    this.#replaced += 1;
    this.#options.listener.warn(`an isolate of ${labelOf(this.#options.setup)} is replaced: ${reason}`);
    if (this.#spare === isolate) this.#spare = undefined;
    else this.#serving[this.#serving.indexOf(isolate)] = undefined;
    this.#fillPlaces();
    this.#startSpare();
  }

  #fillPlaces(): void {
    const index = this.#serving.indexOf(undefined);
    const spare = this.#spare;
    if (index === -1 || spare === undefined) return;
    this.#spare = undefined;
    this.#serving[index] = spare;
    this.#options.listener.promote(spare, index);
  }

  #startSpare(): void {
    if (this.#stopping.signal.aborted || this.#spareStart === 'under-way') return;
    this.#spareStart = 'under-way';
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    this.#recentMs = [...this.#recentMs.filter((atMs) => nowMs - atMs < RECENT_MS), nowMs];
    const waitMs = backOffMs(this.#recentMs.length);
    if (waitMs === 0) this.#leave(this.#addSpare());
    else clock.after(waitMs, () => this.#leave(this.#addSpare()));
  }

  async #addSpare(): Promise<void> {
    const { listener, count } = this.#options;
    try {
      if (this.#stopping.signal.aborted) return;
      const isolate = await this.#startOne('replace');
      await listener.attach(isolate, count, 'spare');
      // A place that stands empty needs it more than it needs warming.
      if (!this.#serving.includes(undefined)) await listener.warm(count);
      if (this.#stopping.signal.aborted) return await isolate.terminate();
      if (isolate.isReady) this.#spare = isolate;
    } catch (error) {
      if (!this.#stopping.signal.aborted) listener.warn(`a new isolate of ${labelOf(this.#options.setup)} could not start: ${toPlainError(error, 'BAD_HANDLER').message}`);
    } finally {
      this.#spareStart = 'none';
    }
    this.#fillPlaces();
    if (this.#spare === undefined) this.#startSpare();
  }

  async #startOne(reason: IsolateRecord['reason']): Promise<Isolate> {
    const { setup, readSecrets, listener } = this.#options;
    const startMs = monotonicMs();
    const tell = (errorCode: ErrorCode | undefined): void => listener.started({
      function: setup.function, version: setup.version, startMs, endMs: monotonicMs(), reason, ...(errorCode !== undefined && { errorCode }),
    });
    try {
      const isolate = await startIsolate({ ...setup, secrets: await readSecrets() }, this, this.#stopping.signal);
      tell(undefined);
      return isolate;
    } catch (error) {
      tell(toPlainError(error, 'BAD_HANDLER').code);
      throw error;
    }
  }

  /** Ends on its own; `stop` waits for it. */
  #leave(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.#leaving.delete(tracked));
    this.#leaving.add(tracked);
  }
}

function toMib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

function labelOf(setup: Pick<IsolateSetup, 'function' | 'version'>): string {
  return `${setup.function}@${setup.version.slice(0, 8)}`;
}
