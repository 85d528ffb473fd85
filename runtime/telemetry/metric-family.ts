// A metric and its points at one moment: what sources give and every outlet (OpenMetrics text, others) takes.
import type { Histogram } from './histogram.ts';

export type Labels = Readonly<Record<string, string | number>>;

export interface MetricFamily {
  /** OpenTelemetry's name, dotted. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** UCUM, as OpenTelemetry writes it: `s`, `By`, or an annotation like `{coldstart}`. */
  readonly unit: string;
  readonly help: string;
  readonly points: readonly (NumberPoint | HistogramPoint)[];
}

export interface NumberPoint {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramPoint {
  readonly labels: Labels;
  readonly histogram: Histogram;
}
