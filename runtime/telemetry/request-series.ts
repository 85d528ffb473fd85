// Requests folded into series. One series is one combination of labels that manifests bound; every request
// metric is a sum over some of them, so a request is counted once and cheaply.
import { toEpochMs } from '../clock.ts';
import type { ErrorCode } from '../errors.ts';
import type { RequestRecord, Start } from '../records.ts';
import { merge, newHistogram, observe, type Exemplar, type Histogram } from './histogram.ts';

export interface RequestLabels {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly function: string;
  readonly version: string;
  readonly start: Start;
  readonly errorCode: ErrorCode | '';
}

export interface RequestSeries {
  readonly labels: RequestLabels;
  /** Arrival to last byte. */
  readonly total: Histogram;
  /** Handler entered to answer ready; only requests that reached a handler. */
  readonly handler: Histogram;
}

export type RequestSeriesMap = Map<string, RequestSeries>;

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

export function foldRequest(into: RequestSeriesMap, record: RequestRecord, isKept: boolean): void {
  // Methods are the caller's words: unknown ones share one label, so that nobody can mint series.
  const method = METHODS.has(record.method) ? record.method : '_OTHER';
  const key = `${method} ${record.route ?? ''} ${record.status} ${record.version ?? ''} ${record.start} ${record.errorCode ?? ''}`;
  let series = into.get(key);
  if (series === undefined) {
    series = { labels: labelsOf(record, method), total: newHistogram(), handler: newHistogram() };
    into.set(key, series);
  }
  const totalS = (record.endedMs - record.arrivedMs) / 1000;
  observe(series.total, totalS, isKept ? exemplarOf(record, totalS) : undefined);
  if (record.handlerStartMs !== undefined && record.handlerEndMs !== undefined) {
    const handlerS = (record.handlerEndMs - record.handlerStartMs) / 1000;
    observe(series.handler, handlerS, isKept ? exemplarOf(record, handlerS) : undefined);
  }
}

/** Those that something came to are the last ones of `into` then. */
export function mergeSeries(into: RequestSeriesMap, from: RequestSeriesMap): void {
  for (const [key, series] of from) addSeries(into, key, series);
}

/** Takes the version off the series that nothing came to for longest, until no more than `seriesMax` are left: sums by function stay whole. */
export function sumUpIdlest(all: RequestSeriesMap, seriesMax: number): void {
  for (const [key, series] of all) {
    if (all.size <= seriesMax) return;
    const { labels } = series;
    if (labels.version === '') continue;
    all.delete(key);
    const labelsOfSum = { ...labels, version: '' };
    addSeries(all, JSON.stringify(labelsOfSum), { ...series, labels: labelsOfSum });
  }
}

function addSeries(into: RequestSeriesMap, key: string, series: RequestSeries): void {
  const known = into.get(key);
  into.delete(key);
  into.set(key, known ?? series);
  if (known === undefined) return;
  merge(known.total, series.total);
  merge(known.handler, series.handler);
}

function labelsOf(record: RequestRecord, method: string): RequestLabels {
  return {
    method, route: record.route ?? '', status: record.status, function: record.function ?? '', version: record.version ?? '',
    start: record.start, errorCode: record.errorCode ?? '',
  };
}

function exemplarOf(record: RequestRecord, valueS: number): Exemplar {
  return { traceId: record.traceId, spanId: record.spanId, valueS, epochMs: toEpochMs(record.endedMs) };
}
