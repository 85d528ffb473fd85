// Telemetry on the control thread: everything that happened arrives here after it has happened, and becomes
// metrics, spans and log events. It never holds anything up: what comes too fast is counted and dropped.
import type {
  EvictionRecord, IsolateRecord, LoadRecord, RepairRecord, RequestRecord, RolloutRecord, RunRecord, RunVariant, TakenVariant,
} from '../records.ts';
import { EventMetrics } from './event-metrics.ts';
import type { Log } from './log.ts';
import { openMetricsText } from './open-metrics.ts';
import { deviceFamilies, type DeviceLedger } from './device-metrics.ts';
import { poolFamilies, type NamedPoolStats } from './pool-metrics.ts';
import type { MeterReport } from './request-meter.ts';
import { requestFamilies } from './request-metrics.ts';
import { mergeSeries, sumUpIdlest, type RequestSeriesMap } from './request-series.ts';
import type { SpanExport } from './span-export.ts';
import { repairSpan, requestSpan, rolloutSpan } from './span-tree.ts';
import { TraceBook, type KeptTrace } from './trace-book.ts';

export interface TelemetryOptions {
  readonly log: Log;
  /** Absent: spans are only kept in memory. */
  readonly spanExport?: SpanExport;
  readonly pools: () => readonly NamedPoolStats[];
  readonly devices: () => readonly DeviceLedger[];
  /** What a run of a request ran on, of a model with variants. */
  readonly variantOf?: (run: RunRecord, record: RequestRecord) => TakenVariant | undefined;
}

/** Records whose load's trace is not known yet wait for one more report of an ingress thread. */
const UNLINKED_MAX = 2_000;
/** Each new version has series of its own. */
const SERIES_MAX = 1_000;
/** Loads that a rollout under way may still be told with; each holds all its warm-up runs. */
const RECENT_LOADS_MAX = 200;

export class Telemetry {
  readonly #options: TelemetryOptions;
  readonly #series: RequestSeriesMap = new Map();
  readonly #events = new EventMetrics();
  readonly #book = new TraceBook();
  readonly #recentLoads: LoadRecord[] = [];
  #unlinked: RequestRecord[] = [];

  constructor(options: TelemetryOptions) {
    this.#options = options;
  }

  metered(report: MeterReport): void {
    mergeSeries(this.#series, report.series);
    sumUpIdlest(this.#series, SERIES_MAX);
    for (const record of report.records) {
      this.#book.addRequest(record, this.#variantsOf(record));
      this.#logRequest(record);
    }
    for (const record of report.latest) this.#book.addLatest(record, this.#variantsOf(record));
    this.#exportRequests(report.records);
    if (report.dropped > 0) this.#options.log.warn({ dropped: report.dropped }, 'telemetry.dropped');
  }

  load(record: LoadRecord): void {
    this.#events.load(record);
    this.#book.addLoad(record);
    this.#recentLoads.push(record);
    if (this.#recentLoads.length > RECENT_LOADS_MAX) this.#recentLoads.shift();
    const { steps: _steps, warm, ...fields } = record;
    const told = { ...fields, durationMs: record.endMs - record.startMs, warmRuns: warm.length };
    if (record.errorCode === undefined) this.#options.log.info(told, 'pool.loaded');
    else this.#options.log.error(told, 'pool.load_failed');
  }

  evicted(record: EvictionRecord): void {
    this.#events.evicted(record);
    this.#options.log.info(record, 'pool.evicted');
  }

  repaired(record: RepairRecord): void {
    this.#events.repaired(record);
    this.#options.spanExport?.export(repairSpan(record), { traceId: record.repairId.padStart(32, '0') });
    const { checks, load, ...fields } = record;
    const told = { ...fields, durationMs: record.endMs - record.startMs, slot: checks[0]?.slot, ...(load === undefined ? {} : { loadId: load.loadId }) };
    if (record.outcome === 'failed') this.#options.log.error(told, 'pool.repair_failed');
    else this.#options.log.warn(told, record.outcome === 'rebuilt' ? 'pool.repaired' : 'pool.check_failed');
  }

  thrashing(device: string, thrashing: boolean): void {
    const text = thrashing ? 'demand cycles over more models than fit: pin those that matter (residency "pinned") or raise the budget (setting devices)'
      : 'models stay loaded again';
    this.#options.log[thrashing ? 'warn' : 'info']({ device, text }, thrashing ? 'device.thrashing' : 'device.calm');
  }

  isolate(record: IsolateRecord): void {
    this.#events.isolate(record);
    const told = { ...record, durationMs: record.endMs - record.startMs };
    if (record.errorCode === undefined) this.#options.log.info(told, 'isolate.started');
    else this.#options.log.error(told, 'isolate.failed');
  }

  rollout(record: RolloutRecord): void {
    this.#events.rollout(record);
    const loads = this.#recentLoads.filter((load) => (load.reason === 'deploy' || load.reason === 'restart') && load.startMs >= record.startMs && load.endMs <= record.endMs);
    this.#options.spanExport?.export(rolloutSpan(record, loads), { traceId: record.rolloutId.padStart(32, '0').slice(-32) });
    const { steps, ...fields } = record;
    const told = { ...fields, durationMs: record.endMs - record.startMs, steps: steps.map(({ name }) => name) };
    if (record.errorCode === undefined) this.#options.log.info(told, 'rollout.done');
    else this.#options.log.warn(told, 'rollout.failed');
  }

  openMetrics(): string {
    const pools = this.#options.pools();
    return openMetricsText([
      ...requestFamilies([...this.#series.values()]), ...this.#events.families(), ...poolFamilies(pools), ...deviceFamilies(this.#options.devices(), pools),
    ]);
  }

  findTrace(requestId: string): KeptTrace | undefined {
    return this.#book.find(requestId);
  }

  recentTraces(countMax: number): readonly KeptTrace[] {
    return this.#book.recent(countMax);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#exportNow(this.#unlinked);
    this.#unlinked = [];
    try {
      await this.#options.spanExport?.close();
    } catch (error) {
      // A collector that is away must not turn the host's end into a failure.
      this.#options.log.warn({ err: error }, 'telemetry.spans_lost');
    }
  }

  /** A joined request links to the load's span, whose trace is known when the request that started it has ended. */
  #exportRequests(records: readonly RequestRecord[]): void {
    if (this.#options.spanExport === undefined) return;
    const waited = this.#unlinked;
    const unlinked = new Set(records.filter((record) => this.#lacksLink(record)).slice(0, UNLINKED_MAX));
    this.#unlinked = [...unlinked];
    this.#exportNow([...waited, ...records.filter((record) => !unlinked.has(record))]);
  }

  #lacksLink(record: RequestRecord): boolean {
    const { wait } = record;
    if (wait?.start === 'joined' && wait.startId !== undefined && this.#book.findStart(wait.startId) === undefined) return true;
    return record.runs.some((run) => run.start === 'joined' && run.loadId !== undefined && this.#book.findLoad(run.loadId)?.traceId === undefined);
  }

  #exportNow(records: readonly RequestRecord[]): void {
    for (const record of records) {
      const parentSpanId = record.traceparent?.split('-')[2];
      this.#options.spanExport?.export(requestSpan(record, this.#book.findLoad, this.#book.findStart), {
        traceId: record.traceId, ...(parentSpanId === undefined ? {} : { parentSpanId }),
      });
    }
  }

  /** Each model once, however often it ran. */
  #variantsOf(record: RequestRecord): readonly RunVariant[] {
    const { variantOf } = this.#options;
    if (variantOf === undefined) return [];
    const found = new Map<string, RunVariant>();
    for (const run of record.runs) {
      const variant = found.has(run.binding) ? undefined : variantOf(run, record);
      if (variant !== undefined) found.set(run.binding, { binding: run.binding, ...variant });
    }
    return [...found.values()];
  }

  #logRequest(record: RequestRecord): void {
    if (record.errorCode === undefined && record.start === 'warm') return;
    this.#options.log.info({
      requestId: record.requestId, traceId: record.traceId, spanId: record.spanId, method: record.method, path: record.path, status: record.status,
      function: record.function, version: record.version, start: record.start, errorCode: record.errorCode, durationMs: record.endedMs - record.arrivedMs,
    }, 'request.kept');
  }
}
