// Where an ingress thread's records go. Telemetry gives the module; it runs inside the thread, because a message a request
// to another thread would cost as much as the request.
import type { RequestRecord } from '../records.ts';
import type { SinkModule } from './orders.ts';

export interface RecordSink {
  record(record: RequestRecord): void;
  /** The thread ends: what was kept must leave now. */
  close(): void;
}

export interface RecordSinkContext {
  readonly settings: unknown;
  /** Which ingress thread this is. */
  readonly index: number;
  /** To the listener on the control thread. */
  post(message: unknown): void;
}

const noSink: RecordSink = { record: () => undefined, close: () => undefined };

export async function openSink(module: SinkModule | undefined, index: number, post: (message: unknown) => void): Promise<RecordSink> {
  if (module === undefined) return noSink;
  const { openRecordSink } = (await import(module.url)) as { openRecordSink(context: RecordSinkContext): RecordSink | Promise<RecordSink> };
  return openRecordSink({ settings: module.settings, index, post });
}
