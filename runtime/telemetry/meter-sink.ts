// The record sink of a real host: loaded inside each ingress thread, meters there, posts reports to the control thread.
import { realClock } from '../clock.ts';
import type { RequestRecord } from '../records.ts';
import { RequestMeter, type MeterReport } from './request-meter.ts';

export function openRecordSink({ post }: { post(report: MeterReport): void }): { record(record: RequestRecord): void; close(): void } {
  const meter = new RequestMeter({ clock: realClock, report: (report) => post(report) });
  return { record: (record) => meter.record(record), close: () => meter.flush() };
}
