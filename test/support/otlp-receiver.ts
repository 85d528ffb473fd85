// A collector for tests: takes OTLP over HTTP, keeps every span that comes as JSON and every body as it came.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** 2 is a server's. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 2: it failed. */
  readonly statusCode: number | undefined;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface ReceivedBody {
  readonly path: string;
  readonly contentType: string;
  readonly bytes: Buffer;
}

const WAIT_MS = 20_000;

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly bodies: ReceivedBody[] = [];
  readonly #server: Server;
  readonly #news = new EventTarget();

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        this.#take({ path: request.url ?? '', contentType: request.headers['content-type'] ?? '', bytes: Buffer.concat(chunks) });
        response.writeHead(200, { 'content-type': request.headers['content-type'] ?? '' }).end();
      });
    });
  }

  static async open(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves with the first value that is there; looks again at each export. */
  async until<T>(look: () => T | undefined): Promise<T> {
    const late = AbortSignal.timeout(WAIT_MS);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (late.aborted) throw new Error(`never exported; spans: ${this.spans.map(({ name }) => name).join(', ')}; bodies: ${this.bodies.length}`);
      await once(this.#news, 'news', { signal: late }).catch(() => {});
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take(body: ReceivedBody): void {
    this.bodies.push(body);
    if (body.contentType.startsWith('application/json')) this.spans.push(...readSpans(JSON.parse(body.bytes.toString()) as OtlpTraces));
    this.#news.dispatchEvent(new Event('news'));
  }
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly OtlpAttribute[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number };
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

function readSpans({ resourceSpans }: OtlpTraces): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map((span) => ({
    traceId: span.traceId, spanId: span.spanId, parentSpanId: span.parentSpanId || undefined, name: span.name, kind: span.kind,
    startNs: BigInt(span.startTimeUnixNano), endNs: BigInt(span.endTimeUnixNano), attributes: plain(span.attributes ?? []),
    links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })), statusCode: span.status?.code, resource: plain(resource.attributes),
  }))));
}

function plain(attributes: readonly OtlpAttribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
