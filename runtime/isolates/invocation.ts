// One request inside an isolate: calls the handler, keeps its times, and says the outcome once. After an abort nothing
// more is said, so a late answer can never meet another request.
import { monotonicMs } from '../clock.ts';
import { describeThrown, PilotlightError, toPlainError, type ErrorCode, type ErrorPlain } from '../errors.ts';
import type { HandlerSpan, RunRecord } from '../records.ts';
import type { HandlerContext, Lease } from '../sdk.ts';
import { BoundModel, type RunScope } from './bound-model.ts';
import { joinHeaders, type HeaderLines } from './header-lines.ts';
import { IncomingRequest } from './incoming-request.ts';
import { requestScope } from './isolate-log.ts';
import type { LoadedHandler } from './loaded-handler.ts';
import {
  STREAM_WINDOW_BYTES, STREAMED, type AnswerHead, type HandlerDetails, type HandlerTimes, type RequestHead, type WholeBody,
} from './protocol.ts';
import { QuickResponse } from './quick-response.ts';
import { RequestStream } from './request-stream.ts';
import { ResponseStream } from './response-stream.ts';

/** Runs and spans told of one request; a handler that makes more loses the rest of the detail, not the request. */
const DETAILS_MAX = 256;

/** Where an invocation tells its outcome. */
export interface InvocationSink {
  sendAnswer(id: number, head: AnswerHead, body: WholeBody): void;
  sendHead(id: number, head: AnswerHead): void;
  sendChunk(id: number, bytes: ArrayBuffer): void;
  sendEnd(id: number, details: HandlerDetails | undefined): void;
  sendFail(id: number, error: ErrorPlain, times: HandlerTimes): void;
  sendCredit(id: number, bytes: number): void;
  /** Nothing more comes of it. */
  settled(id: number): void;
}

type State = 'running' | 'streaming' | 'settled';

export class Invocation implements HandlerContext, RunScope {
  readonly requestId: string;
  readonly traceparent: string;
  readonly #id: number;
  readonly #head: RequestHead;
  readonly #loaded: LoadedHandler;
  readonly #sink: InvocationSink;
  #state: State = 'running';
  #startMs = 0;
  #endMs = 0;
  #runs: RunRecord[] | undefined;
  #spans: HandlerSpan[] | undefined;
  #leases: Lease[] | undefined;
  #abort: AbortController | undefined;
  #abortReason: unknown;
  #incoming: RequestStream | undefined;
  #outgoing: ResponseStream | undefined;

  constructor(head: RequestHead, loaded: LoadedHandler, sink: InvocationSink) {
    this.requestId = head.requestId;
    this.traceparent = head.traceparent;
    this.#id = head.id;
    this.#head = head;
    this.#loaded = loaded;
    this.#sink = sink;
    if (head.body === STREAMED) this.#incoming = new RequestStream((bytes) => this.#giveCredit(bytes));
  }

  start(): void {
    requestScope.run(this, () => this.#call());
  }

  chunk(bytes: ArrayBuffer): void {
    this.#incoming?.push(bytes);
  }

  end(): void {
    this.#incoming?.end();
  }

  credit(bytes: number): void {
    this.#outgoing?.giveCredit(bytes);
  }

  abort(code: ErrorCode): void {
    this.#abortReason = code === 'DEADLINE'
      ? new DOMException('The deadline of the request has passed', 'TimeoutError')
      : new DOMException(code === 'CLIENT_CLOSED' ? 'The caller has left' : `The request was ended: ${code}`, 'AbortError');
    this.#settle();
    this.#abort?.abort(this.#abortReason);
    this.#incoming?.fail(this.#abortReason);
    this.#outgoing?.cancel(this.#abortReason);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
    }
    return this.#abort.signal;
  }

  get traceId(): string {
    return this.traceparent.slice(3, 35); // version-traceid-spanid-flags
  }

  get function(): string {
    return this.#loaded.setup.function;
  }

  get version(): string {
    return this.#loaded.label;
  }

  waitUntil(work: Promise<unknown>): void {
    this.#loaded.outlive(work, this);
  }

  passThroughOnException(): void {}

  async span<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const startMs = monotonicMs();
    let failed = true;
    try {
      const result = await work();
      failed = false;
      return result;
    } finally {
      this.#spans ??= [];
      if (this.#spans.length < DETAILS_MAX) this.#spans.push({ name: String(name).slice(0, 128), startMs, endMs: monotonicMs(), failed });
    }
  }

  runDeadlineMs(nowMs: number): number {
    return this.#state === 'streaming' ? nowMs + this.#loaded.setup.limits.timeoutMs : this.#head.deadlineMs;
  }

  ran(run: RunRecord): void {
    this.#runs ??= [];
    if (this.#runs.length < DETAILS_MAX) this.#runs.push(run);
  }

  held(lease: Lease): void {
    if (this.#state === 'settled') lease.release();
    else (this.#leases ??= []).push(lease);
  }

  #call(): void {
    this.#startMs = monotonicMs();
    try {
      const answer: unknown = this.#loaded.handler.fetch(this.#request(), this.#env(), this);
      if (answer instanceof Promise) answer.then((response) => this.#respond(response), (error: unknown) => this.#fail(error, 'HANDLER_FAILED'));
      else this.#respond(answer);
    } catch (error) {
      this.#fail(error, 'HANDLER_FAILED');
    }
  }

  #request(): Request {
    const { method, url, headers, body } = this.#head;
    const incoming = this.#incoming;
    return new IncomingRequest({
      method, url, headers, signal: () => this.signal,
      body: incoming === undefined ? (body as ArrayBuffer | null) : () => incoming.stream,
    }) as unknown as Request; // its prototype is Request's
  }

  /** A fresh object for each request: what a handler writes to it ends with the request. */
  #env(): Record<string, unknown> {
    const { setup, engines } = this.#loaded;
    const env: Record<string, unknown> = { ...setup.vars, ...setup.secrets };
    if (engines === undefined) return env;
    for (const model of setup.models) {
      const bound = new BoundModel(model, engines, this);
      if (model.preload) bound.preload();
      env[model.binding] = bound;
    }
    return env;
  }

  #respond(response: unknown): void {
    if (this.#state === 'settled') return;
    this.#endMs = monotonicMs();
    try {
      if (!(response instanceof Response)) throw new TypeError(`fetch() gave ${describeType(response)}, not a Response`);
      if (response.bodyUsed) throw new TypeError('fetch() gave a Response whose body was read already');
      this.#send(response);
    } catch (error) {
      this.#fail(error, 'BAD_RESPONSE');
    }
  }

  #send(response: Response): void {
    const plain = QuickResponse.toPlainAnswer(response);
    if (plain !== undefined) return this.#answer({ status: plain.status, headers: plain.headers, times: this.#times() }, plain.body);
    const head = { status: response.status, headers: readHeaders(response.headers) };
    if (response.body === null) return this.#answer({ ...head, times: this.#times() }, null);
    this.#stream(response.body, head);
  }

  #answer(head: AnswerHead, body: WholeBody): void {
    const bytes = typeof body === 'string' ? body.length : body?.byteLength ?? 0;
    const { responseBytesMax } = this.#loaded.setup.limits;
    if (bytes > responseBytesMax) {
      throw new PilotlightError('BAD_RESPONSE', `the handler's response has more than ${responseBytesMax} bytes, which limits.responseBytesMax allows`);
    }
    this.#sink.sendAnswer(this.#id, head, body);
    this.#settle();
  }

  #stream(body: NonNullable<Response['body']>, head: Pick<AnswerHead, 'status' | 'headers'>): void {
    this.#outgoing = new ResponseStream(body, STREAM_WINDOW_BYTES, {
      whole: (bytes) => this.#answer({ ...head, times: this.#times() }, bytes),
      open: () => {
        this.#state = 'streaming';
        this.#sink.sendHead(this.#id, { ...head, times: this.#times() });
      },
      chunk: (bytes) => this.#sink.sendChunk(this.#id, bytes),
      end: () => {
        this.#sink.sendEnd(this.#id, this.#takeDetails());
        this.#settle();
      },
      fail: (error) => this.#fail(error, 'HANDLER_FAILED'),
    });
    this.#outgoing.start();
  }

  #fail(error: unknown, otherwise: ErrorCode): void {
    if (this.#state === 'settled') {
      if (this.#abortReason === undefined) this.#loaded.log.write('error', `failed after its answer: ${describeStack(error)}`, this);
      return;
    }
    if (this.#endMs === 0) this.#endMs = monotonicMs();
    const plain = toPlainError(error, otherwise);
    if (plain.code === otherwise) this.#loaded.log.write('error', describeStack(error), this);
    this.#sink.sendFail(this.#id, plain, this.#times());
    this.#settle();
  }

  #giveCredit(bytes: number): void {
    if (this.#state !== 'settled') this.#sink.sendCredit(this.#id, bytes);
  }

  #times(): HandlerTimes {
    return { startMs: this.#startMs, endMs: this.#endMs, details: this.#takeDetails() };
  }

  /** Details are told once: with the head, and what came after it with the end. */
  #takeDetails(): HandlerDetails | undefined {
    if (this.#runs === undefined && this.#spans === undefined) return undefined;
    const details = { runs: this.#runs ?? [], spans: this.#spans ?? [] };
    this.#runs = undefined;
    this.#spans = undefined;
    return details;
  }

  #settle(): void {
    if (this.#state === 'settled') return;
    this.#state = 'settled';
    for (const lease of this.#leases ?? []) lease.release();
    this.#sink.settled(this.#id);
  }
}

/** A line feed would make two headers of one; real Headers refuse it, a replaced `headers` may not. */
function readHeaders(headers: Headers): HeaderLines {
  const flat: string[] = [];
  for (const [name, value] of headers) flat.push(name, value);
  if (flat.some((part) => typeof part !== 'string' || part.includes('\n'))) throw new TypeError('a header of the response holds a line feed');
  return joinHeaders(flat);
}

function describeType(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? `an object of ${value.constructor?.name ?? 'no class'}` : `a ${typeof value}`;
}

function describeStack(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : describeThrown(error);
}
