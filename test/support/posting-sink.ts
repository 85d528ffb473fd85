// A record sink that posts every record to the control thread, for tests that look at records.
import type { RecordSink, RecordSinkContext } from '../../runtime/ingress/record-sink.ts';

export function openRecordSink({ post }: RecordSinkContext): RecordSink {
  return { record: post, close: () => undefined };
}
