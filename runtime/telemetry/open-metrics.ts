// Renders metric families as OpenMetrics 1.0 text with exemplars. Names follow OpenTelemetry's rules for
// Prometheus: dots become underscores, the unit is appended, counters end in _total.
// https://prometheus.io/docs/specs/om/open_metrics_spec/
import { countOf, type Exemplar, type Histogram } from './histogram.ts';
import type { Labels, MetricFamily } from './metric-family.ts';
import { DURATION_BOUNDS_S } from './names.ts';

export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const UNITS: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

export function openMetricsText(families: readonly MetricFamily[]): string {
  return [...families.flatMap(familyLines), '# EOF', ''].join('\n');
}

function familyLines(family: MetricFamily): string[] {
  const unit = UNITS[family.unit];
  const base = family.name.replaceAll('.', '_');
  const name = unit === undefined || base.endsWith(`_${unit}`) ? base : `${base}_${unit}`;
  return [
    `# TYPE ${name} ${family.kind}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escape(family.help)}`,
    ...family.points.flatMap((point) =>
      'histogram' in point
        ? histogramLines(name, point.labels, point.histogram)
        : [`${name}${family.kind === 'counter' ? '_total' : ''}${labelText(point.labels)} ${point.value}`]),
  ];
}

function histogramLines(name: string, labels: Labels, histogram: Histogram): string[] {
  let cumulative = 0;
  const buckets = histogram.counts.map((count, i) => {
    cumulative += count;
    const bound = DURATION_BOUNDS_S[i];
    const le = bound === undefined ? '+Inf' : Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
    return `${name}_bucket${labelText({ ...labels, le })} ${cumulative}${exemplarText(histogram.exemplars[i])}`;
  });
  return [...buckets, `${name}_count${labelText(labels)} ${countOf(histogram)}`, `${name}_sum${labelText(labels)} ${histogram.sumS}`];
}

function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return '';
  return ` # {trace_id="${exemplar.traceId}",span_id="${exemplar.spanId}"} ${exemplar.valueS} ${(exemplar.epochMs / 1000).toFixed(3)}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).filter(([, value]) => value !== '').map(([key, value]) => `${key.replaceAll('.', '_')}="${escape(String(value))}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
