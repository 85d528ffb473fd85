// The isolates of one running version: at most as many as its manifest says serve, as many as are needed, and one spare stands
// warm beside them. One that is lost gives its place to the spare at once, and a new spare starts behind it, later and later
// when that happens often. When nothing is needed any more, nothing runs.
import { setMaxListeners } from 'node:events';
import type { Clock } from '../clock.ts';
import { PilotlightError, toPlainError } from '../errors.ts';
import { versionLabel, type Limits } from '../function.ts';
import type { IsolateRecord } from '../records.ts';
import type { VersionView } from './isolate-policy.ts';
import type { IsolateSupply, SupplyMember } from './isolate-supply.ts';
import { IsolateThreads, type IsolateThreadsOptions, type Started, type StartNote } from './isolate-threads.ts';
import type { Isolate, IsolateListener } from './isolate.ts';
import { viewOfAsk, type RoomAsk } from './room-ask.ts';
import { StartBackOff, type StartFailure } from './start-back-off.ts';

export type { ReadSecrets, StartNote } from './isolate-threads.ts';

/** What the owner does when places change hands. */
export interface VersionIsolatesListener extends Omit<IsolateListener, 'lost' | 'overMemory' | 'hoarding'> {
  /** Connects a ready isolate; it must be reachable when this resolves. */
  attach(isolate: Isolate, index: number, role: 'serving' | 'spare', note: StartNote): Promise<void>;
  promote(isolate: Isolate, index: number): void;
  /** What it has in flight is lost. */
  lose(isolate: Isolate): void;
  /** It takes no more; resolves when nothing is in flight on it. */
  retire(isolate: Isolate): Promise<void>;
  /** Sends a new spare through what the version was warmed with. */
  warm(index: number): Promise<void>;
  /** Those who wait for an isolate get none. */
  refuse(error: PilotlightError): void;
  started(record: IsolateRecord): void;
  stopped(isolate: Isolate, why: 'idle' | 'room'): void;
  /** For the host's log. */
  warn(text: string): void;
}

export interface VersionIsolatesOptions extends Omit<IsolateThreadsOptions, 'started' | 'ended'> {
  readonly limits: Limits;
  /** Serving isolates, at most; the spare comes on top. */
  readonly count: number;
  readonly clock: Clock;
  readonly supply: IsolateSupply;
  readonly listener: VersionIsolatesListener;
}

export class VersionIsolates implements IsolateListener, SupplyMember {
  readonly key: string;
  readonly #options: VersionIsolatesOptions;
  readonly #serving: (Isolate | undefined)[];
  /** Places that are to be filled. */
  #wanted = 0;
  #spare: Isolate | undefined;
  /** The one start that is under way, or about to be, besides those of a deploy. */
  #next: 'none' | 'resting' | 'asking' | 'under-way' = 'none';
  #nextReason: IsolateRecord['reason'] = 'request';
  /** The ingress thread that the next one is started for. */
  #nextFor: number | undefined;
  #ask: RoomAsk | undefined;
  #phase: VersionView['phase'] = 'in-use';
  readonly #stopping = new AbortController();
  #replaced = 0;
  readonly #backOff: StartBackOff;
  readonly #threads: IsolateThreads;
  /** Work of isolates that no longer serve but have not ended. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: VersionIsolatesOptions) {
    this.#options = options;
    this.key = `${options.function}@${options.version}`;
    // As many starts listen as are under way; Node would call eleven a leak.
    setMaxListeners(0, this.#stopping.signal);
    this.#serving = Array.from({ length: options.count }, () => undefined);
    this.#backOff = new StartBackOff(options.clock, this.#label);
    this.#threads = new IsolateThreads({ ...options, started: (record) => options.listener.started(record), ended: () => options.supply.changed(this) });
  }

  get serving(): number {
    return this.#serving.reduce((sum, isolate) => (isolate === undefined ? sum : sum + 1), 0);
  }

  /** Isolates replaced since the version started. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Why none runs, when that is because none could start. */
  get failure(): StartFailure | undefined {
    return this.serving === 0 ? this.#backOff.failure : undefined;
  }

  /** When a request of it ended last; undefined when no isolate of it runs. */
  get lastUsedMs(): number | undefined {
    const stamps = this.#serving.flatMap((isolate) => (isolate === undefined ? [] : [isolate.use.lastUsedMs]));
    return stamps.length === 0 ? undefined : Math.max(...stamps);
  }

  /** Starts all and the spare, as far as they do not run; rejects with nothing left of those when one cannot start. All stay until `use`. */
  async start(reason: 'deploy' | 'restart'): Promise<void> {
    const { count, supply } = this.#options;
    this.#wanted = count;
    this.#phase = 'proving';
    const missing = count - this.serving + (this.#spare === undefined ? 1 : 0);
    if (missing === 0) return;
    if (this.#next === 'asking') this.#dropAsk();
    const started: Started[] = [];
    try {
      const starts = await this.#startAll(missing, reason);
      for (const start of starts) if (start.status === 'fulfilled') started.push(start.value);
      for (const start of starts) if (start.status === 'rejected') throw start.reason;
      for (const one of started) await this.#settle(one);
    } catch (error) {
      await this.#takeBack(started);
      throw error;
    }
    this.#startNext();
    supply.changed(this);
  }

  #startAll(count: number, reason: 'deploy' | 'restart'): Promise<readonly PromiseSettledResult<Started>[]> {
    return new Promise((resolve, reject) => this.#askFor({
      kind: 'deploy', count, sinceMs: this.#options.clock.nowMs(),
      granted: () => resolve(Promise.allSettled(Array.from({ length: count }, () => this.#threads.start(this, reason, this.#stopping.signal)))),
      refused: reject,
    }));
  }

  async #settle({ isolate, note }: Started): Promise<void> {
    const { count, listener } = this.#options;
    if (!isolate.isReady) throw new PilotlightError('BAD_HANDLER', `an isolate of ${this.#label} ended right after its start; its log says why`);
    const index = this.#serving.indexOf(undefined);
    if (index !== -1) this.#serving[index] = isolate;
    else if (this.#spare === undefined) this.#spare = isolate;
    else return isolate.terminate(); // one that was under way for a request has come first
    await listener.attach(isolate, index === -1 ? count : index, index === -1 ? 'spare' : 'serving', note);
  }

  async #takeBack(started: readonly Started[]): Promise<void> {
    for (const { isolate } of started) if (this.#holds(isolate)) this.#takeOut(isolate);
    this.#wanted = this.serving;
    await Promise.all(started.map(({ isolate }) => isolate.terminate()));
  }

  /** The version is proven: from now on its isolates come and go as they are needed. */
  use(): void {
    this.#phase = 'in-use';
  }

  /** An ingress thread has a request and only busy isolates, `seen` of them, or none. */
  want(thread: number, seen: number): void {
    const { serving } = this;
    // Others have asked before, or what it wants is on its way to it.
    if (this.#stopping.signal.aborted || this.#wanted > serving || seen < serving || serving === this.#options.count) return;
    const refusal = serving === 0 ? this.#backOff.refusal : undefined;
    if (refusal !== undefined) return this.#options.listener.refuse(refusal);
    this.#wanted = serving + 1;
    if (this.#spare === undefined) {
      this.#nextFor = thread;
      this.#nextReason = 'request';
    }
    this.#fillPlaces();
    this.#startNext();
  }

  /** Ends every isolate; waits for work that outlives its answer as long as a request may take. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wanted = 0;
    const ask = this.#ask;
    this.#ask = undefined;
    ask?.refused(new PilotlightError('DRAINING', `${this.#label} was stopped`));
    const isolates = [...this.#serving, this.#spare].filter((isolate) => isolate !== undefined);
    this.#serving.fill(undefined);
    this.#spare = undefined;
    for (const isolate of isolates) this.#threads.leave(isolate);
    await Promise.all([...isolates.map((isolate) => isolate.close(this.#options.limits.timeoutMs)), ...this.#leaving]);
  }

  view(): VersionView {
    const placed = [...this.#serving, this.#spare].filter((isolate) => isolate !== undefined);
    return {
      key: this.key, function: this.#options.function, phase: this.#phase, ask: viewOfAsk(this.#ask, this.#options.limits, this.serving < this.#wanted ? 'empty' : 'full'),
      isolates: placed.map(({ id, use }) => ({ id, role: id === this.#spare?.id ? 'spare' : 'serving', inFlight: use.inFlight, lastUsedMs: use.lastUsedMs })),
      starting: this.#threads.count - placed.length - this.#threads.ending, ending: this.#threads.ending,
    };
  }

  begin(): void {
    const ask = this.#ask;
    this.#ask = undefined;
    ask?.granted();
  }

  refuse(error: PilotlightError): void {
    const ask = this.#ask;
    this.#ask = undefined;
    ask?.refused(error);
  }

  stopIsolate(id: number, why: 'idle' | 'room'): void {
    const isolate = this.#find(id);
    if (isolate === undefined) return;
    if (this.#spare !== isolate) this.#wanted -= 1;
    this.#takeOut(isolate);
    // A spare that nothing runs beside would be the next to be idle.
    if (this.#wanted === 0 && this.#next === 'asking') this.#dropAsk();
    this.#leave(this.#endIdle(isolate, why));
  }

  /** An ingress thread says that the isolate's event loop does not turn. */
  stuck(id: number): void {
    const isolate = this.#find(id);
    if (isolate !== undefined) this.#end(isolate, 'it did not notice that a request of it was over: its event loop does not turn');
  }

  hoarding(isolate: Isolate, grownBytes: number): void {
    this.#end(isolate, `the host has grown by ${toMib(grownBytes)} while its event loop did not turn, limits.heapMiB is ${this.#options.limits.heapMiB}`);
  }

  lost(isolate: Isolate, reason: string): void {
    this.#replace(isolate, reason);
  }

  overMemory(isolate: Isolate, heapBytes: number, bufferBytes: number): void {
    const { listener, limits } = this.#options;
    if (!this.#holds(isolate)) return;
    const text = `it holds ${toMib(heapBytes)} of heap and ${toMib(bufferBytes)} of buffers, limits.heapMiB is ${limits.heapMiB}`;
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

  get #label(): string {
    return versionLabel({ name: this.#options.function, version: this.#options.version });
  }

  async #endRetired(isolate: Isolate, retired: Promise<void>): Promise<void> {
    const { listener, limits, clock } = this.#options;
    await Promise.race([retired, new Promise<void>((resolve) => { clock.after(limits.timeoutMs, resolve); })]);
    listener.lose(isolate);
    await isolate.terminate();
  }

  /** Nothing is taken from it: what came to it a moment ago ends first, however long that takes. */
  async #endIdle(isolate: Isolate, why: 'idle' | 'room'): Promise<void> {
    const { listener, limits } = this.#options;
    await Promise.race([listener.retire(isolate), isolate.ended]);
    await isolate.close(limits.timeoutMs);
    listener.lose(isolate);
    listener.stopped(isolate, why);
  }

  #find(id: number): Isolate | undefined {
    return [...this.#serving, this.#spare].find((candidate) => candidate?.id === id);
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
    this.#options.listener.warn(`an isolate of ${this.#label} is replaced: ${reason}`);
    this.#takeOut(isolate);
    this.#backOff.lost();
    this.#nextReason = 'replace';
    this.#fillPlaces();
    this.#startNext();
  }

  #takeOut(isolate: Isolate): void {
    if (this.#spare === isolate) this.#spare = undefined;
    else this.#serving[this.#serving.indexOf(isolate)] = undefined;
    this.#threads.leave(isolate);
  }

  #fillPlaces(): void {
    const spare = this.#spare;
    if (this.serving >= this.#wanted || spare === undefined) return;
    const index = this.#serving.indexOf(undefined);
    this.#spare = undefined;
    this.#serving[index] = spare;
    this.#options.listener.promote(spare, index);
  }

  /** One at a time: it takes the place that stands empty, or becomes the spare. */
  #startNext(): void {
    if (this.#stopping.signal.aborted || this.#next !== 'none' || this.#wanted === 0 || this.#spare !== undefined) return;
    const { waitMs } = this.#backOff;
    this.#next = 'resting';
    if (waitMs === 0) this.#askForNext();
    else this.#options.clock.after(waitMs, () => this.#askForNext());
  }

  #askForNext(): void {
    this.#next = 'none';
    if (this.#stopping.signal.aborted || this.#wanted === 0 || this.#ask !== undefined) return; // a start of all asks already
    this.#next = 'asking';
    this.#askFor({
      kind: 'one', count: 1, sinceMs: this.#options.clock.nowMs(),
      granted: () => this.#leave(this.#addNext()),
      refused: (error) => this.#giveUp(error),
    });
  }

  #askFor(ask: RoomAsk): void {
    this.#ask = ask;
    this.#options.supply.changed(this);
  }

  #dropAsk(): void {
    this.#ask = undefined;
    this.#next = 'none';
    this.#nextFor = undefined;
  }

  async #addNext(): Promise<void> {
    const { listener } = this.#options;
    this.#next = 'under-way';
    try {
      if (this.#stopping.signal.aborted) return;
      const started = await this.#threads.start(this, this.#nextReason, this.#stopping.signal, this.#nextFor);
      this.#backOff.started();
      this.#nextFor = undefined;
      if (this.serving < this.#wanted) await this.#place(started);
      else await this.#addSpare(started);
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      listener.warn(`a new isolate of ${this.#label} could not start: ${toPlainError(error, 'BAD_HANDLER').message}`);
      this.#backOff.lost();
      if (this.serving === 0) this.#giveUp(this.#backOff.failed(error));
    } finally {
      this.#next = 'none';
      this.#options.supply.changed(this);
    }
    this.#fillPlaces();
    this.#startNext();
  }

  async #place({ isolate, note }: Started): Promise<void> {
    if (!isolate.isReady || this.#stopping.signal.aborted) return isolate.terminate();
    const index = this.#serving.indexOf(undefined);
    this.#serving[index] = isolate;
    await this.#options.listener.attach(isolate, index, 'serving', note);
  }

  async #addSpare({ isolate, note }: Started): Promise<void> {
    const { listener, count } = this.#options;
    await listener.attach(isolate, count, 'spare', note);
    // A place that stands empty needs it more than it needs warming.
    if (this.serving >= this.#wanted) await listener.warm(count);
    if (this.#stopping.signal.aborted || this.#wanted === 0) return isolate.terminate();
    if (isolate.isReady) this.#spare = isolate;
  }

  /** Those who wait are told; the next request asks again. */
  #giveUp(error: PilotlightError): void {
    this.#wanted = this.serving;
    this.#dropAsk();
    this.#options.listener.refuse(error);
    this.#startNext();
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
