// Turns what happened into spans, after it has happened: pure, so that the waterfall a person reads and the
// spans that are exported are the same thing. Nesting is that of the reference on telemetry:
// `POST /digits` > `isolate` > `start`, `invoke digits` > `acquire` > (`load` > `warm`), `queue`, `execute`.
import type { EvictionRecord, LoadRecord, RepairRecord, RequestRecord, RolloutRecord, RunRecord } from '../records.ts';
import { ATTRIBUTES as A } from './names.ts';

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

export interface Span {
  readonly name: string;
  readonly kind: 'server' | 'internal';
  readonly startMs: number;
  readonly endMs: number;
  /** Fixed where others must be able to point at it; otherwise made on export. */
  readonly spanId?: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Set when the span failed: the code or text. */
  readonly error?: string;
  readonly links: readonly SpanLink[];
  readonly children: readonly Span[];
}

/** What is known of a load when a request that waited for it is drawn. */
export interface KnownLoad {
  readonly record: LoadRecord;
  /** Trace that holds the load's span; undefined until the request that started it has ended. */
  readonly traceId?: string;
}

export type FindLoad = (loadId: string) => KnownLoad | undefined;

/** The trace that holds a start's span, once it is known. */
export type FindStart = (startId: string) => string | undefined;

const span = (name: string, startMs: number, endMs: number, more: Partial<Span> = {}): Span => ({
  name, kind: 'internal', startMs, endMs, attributes: {}, links: [], children: [], ...more,
});

export function requestSpan(record: RequestRecord, findLoad: FindLoad, findStart: FindStart = () => undefined): Span {
  const wait = waitSpan(record, findStart);
  const invoke = invokeSpan(record, findLoad);
  return span(record.route === undefined ? record.method : `${record.method} ${pathOf(record.route)}`, record.arrivedMs, record.endedMs, {
    kind: 'server',
    spanId: record.spanId,
    attributes: {
      [A.httpMethod]: record.method, [A.urlPath]: record.path, [A.urlScheme]: 'http', [A.httpStatus]: record.status,
      ...(record.route === undefined ? {} : { [A.httpRoute]: pathOf(record.route) }),
      ...faasAttributes(record),
      ...(record.errorCode === undefined ? {} : { [A.errorType]: record.errorCode }),
      ...(record.golden ? { [A.golden]: true } : {}),
    },
    ...(record.status >= 500 ? { error: record.errorCode ?? String(record.status) } : {}),
    children: [wait, invoke].filter((child) => child !== undefined),
  });
}

/** The wait for an isolate. The one whose need started it holds the whole start, the others link to it. */
function waitSpan({ wait, function: name = '' }: RequestRecord, findStart: FindStart): Span | undefined {
  if (wait === undefined) return undefined;
  const { start, fromMs, untilMs, startId, startMs, readyMs } = wait;
  if (wait.for === 'rollout') return span('rollout', fromMs, untilMs, { attributes: { [A.faasName]: name, [A.start]: start } });
  const attributes = { [A.faasName]: name, [A.start]: start };
  if (startId === undefined || startMs === undefined || readyMs === undefined) return span('isolate', fromMs, untilMs, { attributes });
  if (start === 'cold') {
    return span('isolate', fromMs, untilMs, { attributes, children: [span('start', startMs, readyMs, { spanId: startId, attributes: { [A.faasName]: name } })] });
  }
  const traceId = findStart(startId);
  return span('isolate', fromMs, untilMs, { attributes, links: traceId === undefined ? [] : [{ traceId, spanId: startId }] });
}

function loadSpan(record: LoadRecord): Span {
  const steps = record.steps.map((step) => span(step.name, step.startMs, step.endMs, { children: step.name === 'room' ? record.evicted.map(evictSpan) : [] }));
  const warm = record.warm.map((run) => span('run', run.startMs, run.endMs, { attributes: { [A.slot]: run.slot, [A.shape]: run.shape } }));
  const first = record.warm[0];
  const last = record.warm.at(-1);
  const warmSpans = first === undefined || last === undefined ? [] : [span('warm', first.startMs, last.endMs, { children: warm })];
  return span('load', record.startMs, record.endMs, {
    spanId: record.loadId,
    attributes: { [A.faasName]: record.function, [A.binding]: record.binding, [A.pool]: record.pool, [A.reason]: record.reason },
    ...(record.errorCode === undefined ? {} : { error: record.errorCode }),
    children: [...steps, ...warmSpans],
  });
}

function evictSpan(record: EvictionRecord): Span {
  return span('evict', record.startMs, record.endMs, {
    attributes: {
      [A.faasName]: record.function, [A.binding]: record.binding, [A.pool]: record.pool, [A.reason]: record.reason,
      [A.bytes]: record.bytes, [A.idleSeconds]: record.idleMs / 1000,
    },
  });
}

export function rolloutSpan(record: RolloutRecord, loads: readonly LoadRecord[]): Span {
  const steps = record.steps.map((step) => {
    const within = loads.filter((load) => load.startMs >= step.startMs && load.endMs <= step.endMs);
    return span(step.name, step.startMs, step.endMs, { children: within.map(loadSpan) });
  });
  return span(`${record.kind} ${record.function}`, record.startMs, record.endMs, {
    attributes: {
      [A.faasName]: record.function,
      ...(record.version === undefined ? {} : { [A.faasVersion]: record.version }),
      ...(record.gapMs === undefined ? {} : { [A.gapMs]: record.gapMs }),
    },
    ...(record.errorCode === undefined ? {} : { error: record.errorCode }),
    children: steps,
  });
}

/** The checks that failed and the load that they led to: a trace of its own. */
export function repairSpan(record: RepairRecord): Span {
  const checks = record.checks.map((check) =>
    span('check', check.startMs, check.endMs, { attributes: { [A.slot]: check.slot }, ...(check.fault === undefined ? {} : { error: check.fault }) }));
  return span(`repair ${record.function}`, record.startMs, record.endMs, {
    attributes: { [A.faasName]: record.function, [A.binding]: record.binding, [A.pool]: record.pool, [A.reason]: record.reason, [A.outcome]: record.outcome },
    ...(record.outcome === 'failed' ? { error: record.errorMessage ?? record.fault } : {}),
    children: record.load === undefined ? checks : [...checks, loadSpan(record.load)],
  });
}

function invokeSpan(record: RequestRecord, findLoad: FindLoad): Span | undefined {
  if (record.function === undefined || record.dispatchedMs === undefined) return undefined;
  const { handlerStartMs, handlerEndMs } = record;
  const own = record.spans.map((one) => span(one.name, one.startMs, one.endMs, one.failed ? { error: 'failed' } : {}));
  const runs = record.runs.flatMap((run) => runSpans(run, findLoad));
  return span(`invoke ${record.function}`, handlerStartMs ?? record.dispatchedMs, handlerEndMs ?? record.endedMs, {
    attributes: { ...faasAttributes(record), [A.start]: record.start },
    children: [...runs, ...own].sort((a, b) => a.startMs - b.startMs),
  });
}

function runSpans(run: RunRecord, findLoad: FindLoad): readonly Span[] {
  const attributes = { [A.binding]: run.binding, [A.pool]: run.pool };
  const acquire = span('acquire', run.acquireMs, run.submittedMs, { attributes: { ...attributes, [A.start]: run.start }, ...loadOf(run, findLoad) });
  if (run.errorCode !== undefined && run.startedMs === run.endedMs) return [{ ...acquire, endMs: run.endedMs, error: run.errorCode }];
  if (run.submittedMs === run.endedMs) return [acquire];
  return [
    acquire,
    span('queue', run.submittedMs, run.startedMs, { attributes }),
    span('execute', run.startedMs, run.endedMs, { attributes, ...(run.errorCode === undefined ? {} : { error: run.errorCode }) }),
  ];
}

function loadOf(run: RunRecord, findLoad: FindLoad): Partial<Span> {
  const load = run.loadId === undefined ? undefined : findLoad(run.loadId);
  if (load === undefined) return {};
  if (run.start === 'cold') return { children: [loadSpan(load.record)] };
  return load.traceId === undefined ? {} : { links: [{ traceId: load.traceId, spanId: load.record.loadId }] };
}

function faasAttributes(record: RequestRecord): Record<string, string | boolean> {
  if (record.function === undefined) return {};
  return {
    [A.faasName]: record.function, [A.faasVersion]: record.version ?? '', [A.faasTrigger]: 'http',
    [A.faasColdstart]: record.start === 'cold', [A.faasInvocationId]: record.requestId,
  };
}

/** A route pattern may begin with its method; the span's name already does. */
function pathOf(route: string): string {
  return route.slice(route.indexOf('/'));
}
