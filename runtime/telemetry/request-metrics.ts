// The request metrics, each a sum over the series by the labels that it shows.
import { countOf, merge, newHistogram, type Histogram } from './histogram.ts';
import type { Labels, MetricFamily } from './metric-family.ts';
import { ATTRIBUTES as A, METRICS } from './names.ts';
import type { RequestLabels, RequestSeries } from './request-series.ts';

type Choose = (labels: RequestLabels) => Labels | undefined;

export function requestFamilies(series: readonly RequestSeries[]): readonly MetricFamily[] {
  const histograms = (name: string, help: string, part: 'total' | 'handler', choose: Choose): MetricFamily => ({
    name, kind: 'histogram', unit: 's', help, points: sumHistograms(series, part, choose),
  });
  const counter = (name: string, unit: string, help: string, choose: Choose): MetricFamily => ({
    name, kind: 'counter', unit, help,
    points: sumHistograms(series, 'total', choose).map(({ labels, histogram }) => ({ labels, value: countOf(histogram) })),
  });
  return [
    histograms(METRICS.httpDuration, 'Arrival of a request to the last byte of its answer.', 'total', httpLabels),
    histograms(METRICS.invokeDuration, 'Time in the handler.', 'handler', faasLabels),
    histograms(METRICS.startDuration, 'Arrival to last byte of requests of functions, by how they started.', 'total', startLabels),
    counter(METRICS.coldstarts, '{coldstart}', 'Requests that started a load or an isolate.', (l) => (l.start === 'cold' ? faasLabels(l) : undefined)),
    counter(METRICS.errors, '{error}', 'Requests that a function or its host failed.', errorLabels),
    counter(METRICS.timeouts, '{timeout}', 'Requests that passed their deadline.', (l) => (l.status === 504 ? faasLabels(l) : undefined)),
  ];
}

function isError(labels: RequestLabels): boolean {
  return labels.status >= 500 && labels.status !== 504;
}

function errorLabels(labels: RequestLabels): Labels | undefined {
  return isError(labels) ? { ...faasLabels(labels), [A.errorType]: labels.errorCode || labels.status } : undefined;
}

function httpLabels(labels: RequestLabels): Labels {
  return {
    [A.httpMethod]: labels.method, [A.httpRoute]: labels.route.slice(labels.route.indexOf('/')), [A.httpStatus]: labels.status, [A.urlScheme]: 'http', [A.errorType]: labels.errorCode,
  };
}

function faasLabels(labels: RequestLabels): Labels | undefined {
  if (labels.function === '') return undefined;
  return { [A.faasName]: labels.function, [A.faasVersion]: labels.version.slice(0, 8), [A.faasTrigger]: 'http' };
}

function startLabels(labels: RequestLabels): Labels | undefined {
  const faas = faasLabels(labels);
  return faas === undefined ? undefined : { ...faas, [A.start]: labels.start };
}

function sumHistograms(series: readonly RequestSeries[], part: 'total' | 'handler', choose: Choose): { labels: Labels; histogram: Histogram }[] {
  const sums = new Map<string, { labels: Labels; histogram: Histogram }>();
  for (const one of series) {
    const labels = choose(one.labels);
    if (labels === undefined) continue;
    const key = JSON.stringify(labels);
    const sum = sums.get(key) ?? { labels, histogram: newHistogram() };
    merge(sum.histogram, one[part]);
    sums.set(key, sum);
  }
  return [...sums.values()];
}
