// Hands finished span trees to OpenTelemetry's SDK, which exports them as the OTEL_* variables say. The SDK is
// loaded only when they ask for an exporter: it costs 200 ms and 50 MB. Sampling was decided before.
import { setTimeout } from 'node:timers/promises';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Tracer } from '@opentelemetry/api';
import { toEpochMs } from '../clock.ts';
import type { Span } from './span-tree.ts';

export interface TraceIdentity {
  readonly traceId: string;
  /** Span of the caller, when the trace came with the request. */
  readonly parentSpanId?: string;
}

export interface SpanExport {
  export(root: Span, identity: TraceIdentity): void;
  /** Flushes for a while at most; rejects when spans could not be sent. */
  close(): Promise<void>;
}

export interface SpanExportOptions {
  readonly serviceVersion: string;
  readonly instanceId: string;
}

/** Less than a host has to close; the exporter's own timeout is ten seconds. */
const CLOSE_MS = 2_000;

/** Whether the environment asks for traces to be exported. */
export function wantsSpans(env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED'] === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') return false;
  return ['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].some((name) => (env[name] ?? '') !== '');
}

export async function openSpanExport(options: SpanExportOptions): Promise<SpanExport> {
  const { NodeSDK, resources, tracing } = await import('@opentelemetry/sdk-node');
  const ids = new PresetIds();
  const sdk = new NodeSDK({
    idGenerator: ids,
    sampler: new tracing.AlwaysOnSampler(),
    metricReaders: [],
    logRecordProcessors: [],
    resource: resources.resourceFromAttributes({
      'service.name': 'pilotlight', 'service.version': options.serviceVersion, 'service.instance.id': options.instanceId,
    }).merge(resources.detectResources({ detectors: [resources.envDetector] })),
    autoDetectResources: false,
    instrumentations: [],
  });
  sdk.start();
  const tracer = trace.getTracer('pilotlight', options.serviceVersion);
  return {
    export: (root, identity) => {
      ids.traceId = identity.traceId;
      exportSpan(tracer, ids, root, parentContext(identity));
    },
    close: () => Promise.race([sdk.shutdown(), refuseAfter(CLOSE_MS)]),
  };
}

async function refuseAfter(limitMs: number): Promise<never> {
  await setTimeout(limitMs, undefined, { ref: false });
  throw new Error(`the exporter took longer than ${limitMs} ms`);
}

/** Gives the ids that a request was told when it arrived, else random ones. */
class PresetIds {
  traceId = '';
  spanId = '';

  generateTraceId = (): string => this.traceId;

  generateSpanId = (): string => {
    const preset = this.spanId;
    this.spanId = '';
    return preset === '' ? randomHex(16) : preset;
  };
}

function randomHex(digits: number): string {
  let text = '';
  while (text.length < digits) text += Math.floor(Math.random() * 0x1_0000_0000).toString(16).padStart(8, '0');
  return text.slice(0, digits);
}

function parentContext({ traceId, parentSpanId }: TraceIdentity): Context {
  if (parentSpanId === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: parentSpanId, traceFlags: 1, isRemote: true });
}

function exportSpan(tracer: Tracer, ids: PresetIds, span: Span, parent: Context): void {
  ids.spanId = span.spanId ?? '';
  const exported = tracer.startSpan(span.name, {
    kind: span.kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL,
    startTime: toEpochMs(span.startMs),
    attributes: span.attributes,
    links: span.links.map((link) => ({ context: { ...link, traceFlags: 1 } })),
  }, parent);
  const context = trace.setSpan(parent, exported);
  for (const child of span.children) exportSpan(tracer, ids, child, context);
  if (span.error !== undefined) exported.setStatus({ code: SpanStatusCode.ERROR, message: span.error });
  exported.end(toEpochMs(span.endMs));
}
