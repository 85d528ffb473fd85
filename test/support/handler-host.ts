// A data plane for tests: handlers are given as source text, written to a folder of their own, started and routed; records
// and log lines are kept to be looked at.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventEmitter } from 'node:events';
import type { FunctionVersion, Limits } from '../../runtime/function.ts';
import { DataPlaneThreads, type DataPlaneOptions, type IsolateStopped, type LogEvent } from '../../runtime/ingress/data-plane.ts';
import type { IsolateRecord, RequestRecord } from '../../runtime/records.ts';
import type { RouteEntry, RouteSplit, Share } from '../../runtime/router/table.ts';

export const LIMITS: Limits = {
  timeoutMs: 5000, initTimeoutMs: 20_000, writeTimeoutMs: 5000, bodyBytesMax: 10_485_760, responseBytesMax: 104_857_600, concurrency: 256, heapMiB: 256,
};

export interface HandlerOptions {
  readonly name?: string;
  readonly routes?: readonly string[];
  readonly limits?: Partial<Limits>;
  readonly isolates?: number;
  readonly vars?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly models?: FunctionVersion['models'];
}

export class HandlerHost {
  readonly plane: DataPlaneThreads;
  readonly records: RequestRecord[] = [];
  readonly logs: LogEvent[] = [];
  readonly isolates: IsolateRecord[] = [];
  readonly stopped: IsolateStopped[] = [];
  readonly #news = new EventEmitter();
  readonly #folder: string;
  readonly #entries: RouteEntry[] = [];
  readonly #splits = new Map<string, RouteSplit>();
  #generation = 0;

  private constructor(plane: DataPlaneThreads, folder: string, kept: Pick<HandlerHost, 'records' | 'logs' | 'isolates' | 'stopped'>, news: EventEmitter) {
    this.plane = plane;
    this.#folder = folder;
    this.records = kept.records;
    this.logs = kept.logs;
    this.isolates = kept.isolates;
    this.stopped = kept.stopped;
    this.#news = news;
  }

  static async open(options: Partial<DataPlaneOptions> = {}): Promise<HandlerHost> {
    const news = new EventEmitter();
    const kept = { records: [] as RequestRecord[], logs: [] as LogEvent[], isolates: [] as IsolateRecord[], stopped: [] as IsolateStopped[] };
    const keep = <T>(list: T[], item: T): void => {
      list.push(item);
      news.emit('news');
    };
    const plane = await DataPlaneThreads.open({
      listen: [{ host: '127.0.0.1', port: 0 }], engine: undefined, traceSampling: 0, bodyIdleTimeoutMs: 5000, connectionsMax: 1000, isolateIdleMs: 0, isolatesMax: 1000,
      sink: { url: new URL('./posting-sink.js', import.meta.url).href, settings: undefined },
      acquire: () => Promise.reject(new Error('this test has no pools')),
      onFatal: (error) => { throw error; },
      onLog: (event) => keep(kept.logs, event),
      onIsolate: (record) => keep(kept.isolates, record),
      onIsolateStopped: (stopped) => keep(kept.stopped, stopped),
      onSink: (_thread, message) => keep(kept.records, message as RequestRecord),
      ...options,
    });
    try {
      await plane.publish({ generation: 0, entries: [], splits: [] });
    } catch (error) {
      await plane.close(0);
      throw error;
    }
    return new HandlerHost(plane, await mkdtemp(join(tmpdir(), 'handlers-')), kept, news);
  }

  get url(): string {
    return `http://127.0.0.1:${this.plane.ports[0]}`;
  }

  /** Starts the handler and routes to it. */
  async serve(source: string, options: HandlerOptions = {}): Promise<FunctionVersion> {
    const version = await this.write(source, options);
    await this.plane.start(version, async () => options.secrets ?? {}, 'deploy');
    await this.route(version);
    return version;
  }

  /** Routes to the handler, which starts when it is asked for. */
  async declare(source: string, options: HandlerOptions = {}): Promise<FunctionVersion> {
    const version = await this.write(source, options);
    this.plane.declare(version, async () => options.secrets ?? {}, async () => version);
    await this.route(version);
    return version;
  }

  /** A version that was not started. */
  async write(source: string, options: HandlerOptions = {}): Promise<FunctionVersion> {
    const digest = createHash('sha256').update(source).update(JSON.stringify(options)).digest('hex');
    const handlerFile = join(this.#folder, `${digest}.mjs`);
    await writeFile(handlerFile, source);
    return {
      name: options.name ?? 'hello', version: digest, handlerFile, models: options.models ?? [], vars: options.vars ?? {},
      secrets: Object.keys(options.secrets ?? {}), isolates: options.isolates ?? 1, limits: { ...LIMITS, ...options.limits },
      routes: (options.routes ?? ['/*']).map(parseRoute),
    };
  }

  /** Replaces the function's routes by this version's. */
  route(version: FunctionVersion): Promise<void> {
    return this.#publish(version.name, entriesOf(version));
  }

  /** Replaces the function's routes by those of several of its versions, each with its percents. */
  split(versions: readonly (readonly [version: FunctionVersion, percent: number])[]): Promise<void> {
    const shares = versions.map(([{ version }, percent]) => ({ version, percent }));
    return this.#publish(versions[0]?.[0].name ?? '', versions.flatMap(([version]) => entriesOf(version)), shares);
  }

  /** Takes the function's routes away, drains and stops the version; gives the number of requests cut. */
  async stop(version: FunctionVersion, drainMs = 5000): Promise<number> {
    await this.#publish(version.name, []);
    const cut = await this.plane.drain(version.name, version.version, drainMs);
    await this.plane.stop(version.name, version.version);
    return cut;
  }

  async #publish(name: string, own: readonly RouteEntry[], shares: readonly Share[] = []): Promise<void> {
    const others = this.#entries.filter((entry) => entry.function !== name);
    this.#entries.splice(0, this.#entries.length, ...others, ...own);
    this.#generation += 1;
    this.#splits.delete(name);
    if (shares.length > 1) this.#splits.set(name, { function: name, shares });
    await this.plane.publish({ generation: this.#generation, entries: [...this.#entries], splits: [...this.#splits.values()] });
  }

  /** Resolves with the first value that is there; looks again at each record, log line and isolate start. */
  async until<T>(look: () => T | undefined, deadlineMs = 10_000): Promise<T> {
    const signal = AbortSignal.timeout(deadlineMs);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await once(this.#news, 'news', { signal });
    }
  }

  /** The record of the request whose path this is. */
  record(path: string): Promise<RequestRecord> {
    return this.until(() => this.records.find((record) => record.path === path));
  }

  async close(): Promise<void> {
    await this.plane.close(1000);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function parseRoute(text: string): FunctionVersion['routes'][number] {
  const [first = '', path] = text.split(' ');
  return path === undefined ? { method: undefined, path: first } : { method: first, path };
}

function entriesOf({ name, version, routes }: FunctionVersion): readonly RouteEntry[] {
  return routes.map((pattern) => ({ pattern, function: name, version }));
}
