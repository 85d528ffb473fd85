// The data plane as the control thread holds it: starts and stops versions, swaps route tables, drains. No request passes
// through here.
import { MessageChannel } from 'node:worker_threads';
import { realClock } from '../clock.ts';
import { assert, PilotlightError, toPlainError } from '../errors.ts';
import { versionLabel, type DeclaredVersion, type FunctionVersion } from '../function.ts';
import { keepLoopsInterruptible } from '../isolates/interruptible-loops.ts';
import { Isolate } from '../isolates/isolate.ts';
import type { Acquired, EngineModule, LogLevel } from '../isolates/setup.ts';
import { IsolateSupply } from '../isolates/isolate-supply.ts';
import type { StartFailure } from '../isolates/start-back-off.ts';
import { VersionIsolates, type ReadSecrets, type StartNote, type VersionIsolatesListener } from '../isolates/version-isolates.ts';
import type { IsolateRecord } from '../records.ts';
import type { RouteTable } from '../router/table.ts';
import { byFunction, changesBetween, type RoutesByFunction } from '../router/table-changes.ts';
import { GoldenLine, type GoldenAnswer, type GoldenRequest } from './golden-line.ts';
import { IngressThread } from './ingress-thread.ts';
import { targetKey, type Health, type Listen, type SinkModule } from './orders.ts';
import type { TargetPlan } from './target.ts';

export type { GoldenAnswer, GoldenRequest } from './golden-line.ts';
export type { ReadSecrets } from '../isolates/version-isolates.ts';
export type { Health, Listen, SinkModule } from './orders.ts';

export interface VersionStatus {
  readonly name: string;
  readonly version: string;
  /** Those that run now; the spare is not counted. */
  readonly isolates: number;
  readonly inFlight: number;
  /** When a request of it ended last; undefined when no isolate of it runs. */
  readonly lastUsedMs: number | undefined;
  /** Isolates lost and replaced since the version started. */
  readonly replaced: number;
  /** No isolate of it runs, and the last start failed. */
  readonly failure?: StartFailure;
}

export interface DataPlane {
  /**
   * Starts the version's `isolates` and one spare, or those of them that do not run. Rejects BAD_HANDLER (import threw, no fetch, never settles
   * within initTimeoutMs), OVERLOADED (no room for them); then nothing is left of them.
   */
  start(version: FunctionVersion, readSecrets: ReadSecrets, reason: 'deploy' | 'restart'): Promise<void>;
  /**
   * Makes a version known without starting anything: its isolates start when requests come, as `prepare` says then. What that
   * rejects with, those who wait are told as LOAD_FAILED, or DEVICE_LOST; it is asked again after a back-off.
   */
  declare(version: DeclaredVersion, readSecrets: ReadSecrets, prepare: () => Promise<FunctionVersion>): void;
  /** Sends one golden request the whole way to isolate `index` (0..isolates, the spare is the last). */
  golden(version: FunctionVersion, index: number, request: GoldenRequest): Promise<GoldenAnswer>;
  /** All ingress threads route by this table when it resolves. They listen from the first one on: nobody is told that a route is missing which is only not there yet. */
  publish(table: RouteTable): Promise<void>;
  /** Resolves when nothing is in flight on the version (by full digest); after deadlineMs the rest is cut with DRAINING. Gives the number cut. */
  drain(name: string, version: string, deadlineMs: number): Promise<number>;
  /**
   * Lets new requests of the function wait, each as long as its deadline lets it, while what is in flight ends. Resolves when nothing is any
   * more, or after `settleMs`; gives the number that still is.
   */
  pause(name: string, options: PauseWish): Promise<number>;
  /** Requests of the function that wait in a pause. */
  waiting(name: string): number;
  /** Those who wait are routed by the table that is published now. Harmless where nobody waits. */
  resume(name: string): Promise<void>;
  /** Stops the isolates of a version. */
  stop(name: string, version: string): Promise<void>;
  /** What `/v2/health/ready` says; `close` sets `draining` by itself. */
  announce(health: Health): void;
  /** Stops accepting (then calls `released`), finishes what is in flight until deadlineMs, closes all threads. Gives the number cut. */
  close(deadlineMs: number, released?: () => void): Promise<number>;
  snapshot(): readonly VersionStatus[];
}

export interface PauseWish {
  /** How long the pause is expected to last; those whose deadline is earlier are refused at once. Left out: nobody knows. */
  readonly gapMs?: number;
  readonly settleMs: number;
}

/** A line of a handler's log, or of the host about a handler. */
export interface LogEvent {
  readonly level: LogLevel;
  readonly text: string;
  /** Unix time. */
  readonly timeMs: number;
  readonly source: 'handler' | 'host';
  readonly function?: string;
  readonly version?: string;
  readonly requestId?: string;
  readonly traceId?: string;
}

/** An isolate was stopped because nothing came to it, or another function needed its place. */
export interface IsolateStopped {
  readonly function: string;
  readonly version: string;
  readonly isolate: number;
  readonly why: 'idle' | 'room';
}

export interface DataPlaneOptions {
  /** One ingress thread for each. */
  readonly listen: readonly Listen[];
  readonly engine: EngineModule | undefined;
  readonly sink: SinkModule | undefined;
  /** Share of new traces that are sampled, 0 to 1. */
  readonly traceSampling: number;
  /** Longest silence inside a request's body. */
  readonly bodyIdleTimeoutMs: number;
  /** For each ingress thread. */
  readonly connectionsMax: number;
  /** An isolate without a request for this long is stopped; 0: never. */
  readonly isolateIdleMs: number;
  /** Isolates of all functions, their spares among them. */
  readonly isolatesMax: number;
  /** Awaited once, before the threads listen; what it rejects with, `publish` rejects with. */
  readonly beforeListening?: () => Promise<void>;
  /** A run met a pool that is not resident; nobody waits for the answer longer than `waitMs`. Rejects with a coded error. */
  readonly acquire: (key: string, functionName: string, binding: string, waitMs: number) => Promise<Acquired>;
  readonly onLog: (event: LogEvent) => void;
  readonly onIsolate: (record: IsolateRecord) => void;
  readonly onIsolateStopped?: (news: IsolateStopped) => void;
  /** What the record sinks post. */
  readonly onSink: (thread: number, message: unknown) => void;
  /** An ingress thread has ended by a bug: the host cannot go on. */
  readonly onFatal: (error: Error) => void;
}

interface Running {
  readonly version: DeclaredVersion;
  readonly plan: TargetPlan;
  readonly isolates: VersionIsolates;
  /** The last start of all of its isolates; none for a version that was only declared. */
  started: Promise<void> | undefined;
  /** What the version was warmed with, for isolates that come later. */
  readonly goldens: Map<string, GoldenRequest>;
}

/** Requests that go on at once after a pause: so many, or as many as there were in the host when it began. */
const GO_ON_MIN = 32;
/** Golden requests remembered of a version. */
const GOLDENS_MAX = 16;

export class DataPlaneThreads implements DataPlane {
  readonly #options: DataPlaneOptions;
  readonly #golden: GoldenLine;
  readonly #threads: readonly IngressThread[];
  readonly #running = new Map<string, Running>();
  readonly #supply: IsolateSupply;
  readonly #functionCounts = new Map<string, SharedArrayBuffer>();
  /** What the ingress threads route by. */
  #published: RoutesByFunction = new Map();
  #ports: readonly number[] = [];
  #listening: Promise<void> | undefined;

  private constructor(options: DataPlaneOptions, golden: GoldenLine) {
    this.#options = options;
    this.#golden = golden;
    this.#supply = new IsolateSupply({ isolateIdleMs: options.isolateIdleMs, isolatesMax: options.isolatesMax, clock: realClock });
    this.#threads = options.listen.map((listen, index) => new IngressThread(
      {
        index, listen, sink: options.sink, traceSampling: options.traceSampling, bodyIdleTimeoutMs: options.bodyIdleTimeoutMs,
        connectionsMax: options.connectionsMax, privatePath: index === 0 ? golden.path : undefined,
      },
      {
        want: (thread, key, seen) => this.#running.get(key)?.isolates.want(thread, seen),
        stuck: (isolate) => this.#running.forEach((running) => running.isolates.stuck(isolate)),
        sink: (thread, message) => options.onSink(thread, message),
        died: (thread, error) => options.onFatal(new Error(`ingress thread ${thread} has ended: ${error.message}`, { cause: error })),
      },
    ));
  }

  /** Resolves when every ingress thread takes orders. */
  static async open(options: DataPlaneOptions): Promise<DataPlaneThreads> {
    keepLoopsInterruptible();
    const plane = new DataPlaneThreads(options, await GoldenLine.open());
    try {
      await Promise.all(plane.#threads.map((thread) => thread.started()));
    } catch (error) {
      await plane.#end();
      throw error;
    }
    return plane;
  }

  /** The port of each ingress thread, from the first table on. */
  get ports(): readonly number[] {
    return this.#ports;
  }

  async start(version: FunctionVersion, readSecrets: ReadSecrets, reason: 'deploy' | 'restart'): Promise<void> {
    const key = targetKey(version);
    const known = this.#running.get(key);
    if (known !== undefined) return this.#complete(known, reason);
    const plan = this.#plan(version);
    const isolates = this.#isolates(version, plan, readSecrets, async () => version);
    const started = isolates.start(reason);
    this.#running.set(key, { version, plan, isolates, started, goldens: new Map() });
    try {
      await started;
    } catch (error) {
      await this.#forget(key);
      throw error;
    }
  }

  /** Isolates of a version that runs may have stopped meanwhile; those who ask at once wait for one start. */
  #complete(running: Running, reason: 'deploy' | 'restart'): Promise<void> {
    const before = running.started ?? Promise.resolve();
    running.started = before.catch(() => undefined).then(() => running.isolates.start(reason));
    return running.started;
  }

  declare(version: DeclaredVersion, readSecrets: ReadSecrets, prepare: () => Promise<FunctionVersion>): void {
    const key = targetKey(version);
    if (this.#running.has(key)) return;
    const plan = this.#plan(version);
    this.#running.set(key, { version, plan, isolates: this.#isolates(version, plan, readSecrets, prepare), started: undefined, goldens: new Map() });
    for (const thread of this.#threads) thread.tell({ kind: 'declare', target: plan });
  }

  async golden(version: FunctionVersion, index: number, request: GoldenRequest): Promise<GoldenAnswer> {
    const key = targetKey(version);
    const running = this.#running.get(key);
    if (running === undefined) throw new PilotlightError('NO_VERSION', `${versionLabel(version)} does not run, so it cannot be warmed`);
    const name = `${request.method} ${request.path} ${request.body?.byteLength ?? 0}`;
    if (running.goldens.size < GOLDENS_MAX) running.goldens.set(name, request);
    return this.#golden.send(key, index, request);
  }

  async publish(table: RouteTable): Promise<void> {
    const routes = byFunction(table);
    const changed = changesBetween(this.#published, routes);
    for (const entry of changed.flatMap(({ entries }) => entries)) {
      if (entry.refusal !== undefined) continue;
      const key = targetKey({ name: entry.function, version: entry.version });
      const running = this.#running.get(key);
      assert(running !== undefined, `route table ${table.generation} names ${key}, which does not run`);
      running.isolates.use();
    }
    await Promise.all(this.#threads.map((thread) => thread.ask({ kind: 'table', changes: { generation: table.generation, changed } })));
    this.#published = routes;
    this.#listening ??= this.#listen();
    await this.#listening;
  }

  async pause(name: string, { gapMs, settleMs }: PauseWish): Promise<number> {
    const functionCount = this.#functionCount(name);
    const atOnceMax = Math.ceil(Math.max(GO_ON_MIN, Atomics.load(new Int32Array(functionCount), 0)) / this.#threads.length);
    const pause = { name, functionCount, atOnceMax, ...(gapMs === undefined ? {} : { endsMs: realClock.nowMs() + gapMs }) };
    await Promise.all(this.#threads.map((thread) => thread.ask({ kind: 'pause', pause })));
    const keys = [...this.#running].filter(([, { version }]) => version.name === name).map(([key]) => key);
    return await this.#isEmptyWithin(keys, settleMs) ? 0 : this.#inVersions(name);
  }

  waiting(name: string): number {
    return Atomics.load(new Int32Array(this.#functionCount(name)), 0) - this.#inVersions(name);
  }

  async resume(name: string): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.ask({ kind: 'resume', name })));
  }

  async drain(name: string, version: string, deadlineMs: number): Promise<number> {
    const key = targetKey({ name, version });
    if (await this.#isEmptyWithin([key], deadlineMs)) return 0;
    const cut = await Promise.all(this.#threads.map((thread) => thread.ask({ kind: 'cut', key })));
    return cut.reduce((sum, count) => sum + count, 0);
  }

  async stop(name: string, version: string): Promise<void> {
    const key = targetKey({ name, version });
    const running = this.#running.get(key);
    if (running === undefined) return;
    await running.started?.catch(() => undefined);
    await running.isolates.stop();
    await this.#forget(key);
  }

  announce(health: Health): void {
    for (const thread of this.#threads) thread.tell({ kind: 'health', health });
  }

  async close(deadlineMs: number, released: () => void = () => {}): Promise<number> {
    await Promise.all(this.#threads.map((thread) => thread.ask({ kind: 'release' })));
    released();
    const counts = await Promise.all(this.#threads.map((thread) => thread.ask({ kind: 'close', deadlineMs })));
    this.#supply.close();
    await Promise.all([...this.#running.values()].map((running) => running.isolates.stop()));
    this.#running.clear();
    await this.#end();
    return counts.reduce((sum, count) => sum + count, 0);
  }

  snapshot(): readonly VersionStatus[] {
    return [...this.#running.values()].map(({ version, plan, isolates: { serving, lastUsedMs, replaced, failure } }) => ({
      name: version.name, version: version.version, isolates: serving, inFlight: Atomics.load(new Int32Array(plan.versionCount), 0), lastUsedMs, replaced,
      ...(failure === undefined ? {} : { failure }),
    }));
  }

  async #isEmptyWithin(keys: readonly string[], deadlineMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => { timer = setTimeout(() => resolve('late'), deadlineMs); });
    const empty = Promise.all(keys.flatMap((key) => this.#threads.map((thread) => thread.ask({ kind: 'drain', key }))));
    const outcome = await Promise.race([empty, late]);
    clearTimeout(timer);
    return outcome !== 'late';
  }

  /** Rejects BAD_SETTING when a thread cannot listen. */
  async #listen(): Promise<void> {
    await this.#options.beforeListening?.();
    this.#ports = await Promise.all(this.#threads.map((thread) => thread.listen()));
  }

  #plan({ name, version, limits, isolates }: DeclaredVersion): TargetPlan {
    return { name, version, limits, isolates, functionCount: this.#functionCount(name), versionCount: new SharedArrayBuffer(4) };
  }

  #inVersions(name: string): number {
    return this.snapshot().reduce((sum, one) => (one.name === name ? sum + one.inFlight : sum), 0);
  }

  #functionCount(name: string): SharedArrayBuffer {
    const count = this.#functionCounts.get(name) ?? new SharedArrayBuffer(4);
    this.#functionCounts.set(name, count);
    return count;
  }

  #isolates(version: DeclaredVersion, plan: TargetPlan, readSecrets: ReadSecrets, prepare: () => Promise<FunctionVersion>): VersionIsolates {
    const { limits } = version;
    const about = { function: version.name, version: version.version };
    const { engine } = this.#options;
    return new VersionIsolates({
      ...about, limits, count: version.isolates, readSecrets, clock: realClock, supply: this.#supply, listener: this.#listener(version, plan),
      prepare: async () => {
        const { handlerFile, models, vars } = await prepare();
        return { ...about, handlerFile, models, vars, limits, engine };
      },
    });
  }

  #listener(version: DeclaredVersion, plan: TargetPlan): VersionIsolatesListener {
    const { name } = version;
    const { acquire, onLog, onIsolate, onIsolateStopped } = this.#options;
    const about = { function: name, version: version.version };
    return {
      attach: (isolate, index, role, note) => this.#attach(plan, isolate, { index, role, note }),
      promote: (isolate, index) => this.#threads.forEach((thread) => thread.tell({ kind: 'promote', isolate: isolate.id, index })),
      lose: (isolate) => this.#threads.forEach((thread) => thread.tell({ kind: 'lose', isolate: isolate.id })),
      retire: async (isolate) => { await Promise.all(this.#threads.map((thread) => thread.ask({ kind: 'retire', isolate: isolate.id }))); },
      warm: (index) => this.#warm(version, index),
      refuse: (error) => this.#threads.forEach((thread) => thread.tell({ kind: 'refuse', key: targetKey(version), error: toPlainError(error, 'INTERNAL') })),
      stopped: (isolate, why) => onIsolateStopped?.({ ...about, why, isolate: isolate.id }),
      acquire: (_isolate, key, binding) => acquire(key, name, binding, version.limits.timeoutMs),
      started: onIsolate,
      warn: (text) => onLog({ ...about, level: 'warn', text, timeMs: Date.now(), source: 'host' }),
      log: (_isolate, lines, dropped) => {
        for (const line of lines) onLog({ ...about, ...line, source: 'handler' });
        if (dropped > 0) onLog({ ...about, level: 'warn', text: `${dropped} lines of the handler's log were dropped: it writes too many`, timeMs: Date.now(), source: 'host' });
      },
    };
  }

  async #attach(plan: TargetPlan, isolate: Isolate, place: { readonly index: number; readonly role: 'serving' | 'spare'; readonly note: StartNote }): Promise<void> {
    await Promise.all(this.#threads.map((thread) => {
      const { port1, port2 } = new MessageChannel();
      isolate.attach(port2);
      return thread.ask({ kind: 'attach', target: plan, isolate: isolate.id, use: isolate.use.shared, ...place, port: port1 }, [port1]);
    }));
  }

  async #warm(version: DeclaredVersion, index: number): Promise<void> {
    const key = targetKey(version);
    for (const request of this.#running.get(key)?.goldens.values() ?? []) await this.#golden.send(key, index, request);
  }

  async #forget(key: string): Promise<void> {
    this.#running.delete(key);
    await Promise.all(this.#threads.map((thread) => thread.ask({ kind: 'forget', key })));
  }

  async #end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
    await this.#golden.close();
  }
}
