// One request and its answer, from arrival to the last byte. It has one state, ends exactly once, and gives back on its end
// what it holds: its place in the target, its deadline, its request in the isolate.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { fromPlainError, PilotlightError, problemBody, type ErrorCode, type ErrorPlain } from '../errors.ts';
import { STREAMED, type AnswerHead, type HandlerDetails, type HandlerTimes, type RequestHead, type WholeBody } from '../isolates/protocol.ts';
import type { HandlerSpan, RequestRecord, RunRecord, Start } from '../records.ts';
import { coldestStart, readHandlerHeaders, serverTiming } from './answer-headers.ts';
import { BodyIntake, tooLarge } from './body-intake.ts';
import { BodyOutput } from './body-output.ts';
import { WheelEntry, type DeadlineWheel } from './deadline-wheel.ts';
import type { Dispatched, IsolateLink } from './isolate-link.ts';
import type { RequestFields } from './request-fields.ts';
import type { Guest, Target } from './target.ts';
import { formatTraceparent, type TraceContext } from './trace-context.ts';

/** Bodies up to this cross in one piece with their head. */
const COLLECTED_BYTES_MAX = 1024 * 1024;
/** Whole answers up to this are handed to the socket at once. */
const AT_ONCE_BYTES_MAX = 64 * 1024;
/** How long a refused body is read and dropped before the connection is cut. */
const LINGER_MS = 1000;

/** What all exchanges of a thread share. */
export interface ExchangeHost {
  readonly wheel: DeadlineWheel;
  readonly bodyIdleTimeoutMs: number;
  /** How long an isolate may take to acknowledge that a request is over. */
  readonly acknowledgeMs: number;
  /** Connections close after their answer. */
  readonly isDraining: boolean;
  record(record: RequestRecord): void;
}

export interface ExchangeOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly host: ExchangeHost;
  readonly requestId: string;
  readonly fields: RequestFields;
  readonly trace: TraceContext;
  readonly arrivedMs: number;
  /** `continue`: the caller waits for a word before he sends the body. */
  readonly expects: 'nothing' | 'continue';
}

/** Where a request goes. */
export interface Destination {
  readonly target: Target;
  /** Route pattern. */
  readonly route: string;
  readonly url: string;
  /** Set for a golden request: this isolate and no other. */
  readonly link: IsolateLink | undefined;
}

type State = 'arrived' | 'receiving' | 'waiting' | 'running' | 'answering' | 'ended';

const NO_RUNS: readonly RunRecord[] = [];
const NO_SPANS: readonly HandlerSpan[] = [];

export class Exchange implements Dispatched, Guest {
  readonly #options: ExchangeOptions;
  readonly #host: ExchangeHost;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #deadline = new WheelEntry(() => this.#late());
  #state: State = 'arrived';
  #destination: Destination | undefined;
  #link: IsolateLink | undefined;
  #linkId = 0;
  #intake: BodyIntake | undefined;
  #output: BodyOutput | undefined;
  #deadlineMs = 0;
  #start: Start = 'warm';
  #dispatchedMs: number | undefined;
  #times: HandlerTimes | undefined;
  #runs = NO_RUNS;
  #spans = NO_SPANS;
  #responseBytes = 0;
  #declaredBytes: number | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#host = options.host;
    this.#request = options.request;
    this.#response = options.response;
    this.#response.on('close', () => this.#gone());
  }

  /** Answers from the host itself. */
  reply(status: number, contentType: string, text: string): void {
    this.#begin(status, ['Content-Type', contentType, 'Content-Length', String(Buffer.byteLength(text))]);
    this.#responseBytes = text.length;
    this.#finish(text);
    this.#end(status, undefined);
  }

  refuse(error: PilotlightError, headers: readonly string[] = []): void {
    if (this.#state === 'ended') return;
    const text = JSON.stringify(problemBody(error, this.#options.requestId));
    const retry = error.retryAfterS === undefined ? [] : ['Retry-After', String(error.retryAfterS)];
    const flat = ['Content-Type', 'application/problem+json', 'Content-Length', String(Buffer.byteLength(text)), ...retry, ...headers];
    this.#begin(error.status, flat);
    this.#responseBytes = text.length;
    this.#finish(text);
    this.#end(error.status, error.code);
  }

  /** Takes the request's body and sends it to an isolate. Throws what refuses it before that. */
  serve(destination: Destination): void {
    const { target } = destination;
    const { limits } = target;
    const { arrivedMs, fields } = this.#options;
    this.#destination = destination;
    target.enter(this);
    this.#deadlineMs = arrivedMs + limits.timeoutMs;
    this.#host.wheel.arm(this.#deadline, this.#deadlineMs);
    const length = fields.contentLength === undefined ? 0 : Number(fields.contentLength);
    if (length > limits.bodyBytesMax) throw tooLarge(limits.bodyBytesMax);
    if (length === 0 && !fields.isChunked) return this.#dispatch(null);
    const { method } = this.#request;
    if (method === 'GET' || method === 'HEAD') {
      this.#request.resume(); // a fetch Request of these methods has no body
      return this.#dispatch(null);
    }
    this.#receive(fields.isChunked ? undefined : length);
  }

  onIsolate(link: IsolateLink): void {
    if (this.#state === 'waiting') this.#send(link);
  }

  cut(code: ErrorCode, reason: string): void {
    this.#fail(new PilotlightError(code, reason));
  }

  onAnswer(head: AnswerHead, body: WholeBody): void {
    this.#link = undefined;
    this.#note(head.times);
    const bytes = byteLength(body);
    const { responseBytesMax } = this.#target.limits;
    if (bytes > responseBytesMax) return this.#fail(responseTooLarge(responseBytesMax));
    if (!this.#tryBegin(head, body === null ? undefined : bytes)) return;
    if (bytes > AT_ONCE_BYTES_MAX && body !== null && this.#request.method !== 'HEAD') return this.#writeLarge(head.status, body);
    this.#responseBytes = bytes;
    this.#finish(body);
    this.#end(head.status, undefined);
  }

  onHead(head: AnswerHead): void {
    this.#note(head.times);
    if (!this.#tryBegin(head, 'streamed')) return;
    if (this.#request.method === 'HEAD') {
      this.#finish(null);
      this.#end(head.status, undefined);
      return;
    }
    this.#response.flushHeaders();
    this.#openOutput(head.status);
    this.#awaitHandler();
  }

  onChunk(bytes: ArrayBuffer): void {
    const output = this.#output;
    if (this.#state !== 'answering' || output === undefined) return;
    const { responseBytesMax } = this.#target.limits;
    const total = output.bytes + bytes.byteLength;
    if (total > responseBytesMax) return this.#fail(responseTooLarge(responseBytesMax));
    if (this.#declaredBytes !== undefined && total > this.#declaredBytes) return this.#fail(wrongLength(this.#declaredBytes, total));
    this.#awaitHandler();
    output.write(new Uint8Array(bytes));
  }

  onEnd(details: HandlerDetails | undefined): void {
    this.#link = undefined;
    this.#noteDetails(details);
    const total = this.#output?.bytes ?? 0;
    if (this.#declaredBytes !== undefined && total !== this.#declaredBytes) return this.#fail(wrongLength(this.#declaredBytes, total));
    this.#finish(null);
    this.#end(this.#response.statusCode, undefined);
  }

  onFail(error: ErrorPlain, times: HandlerTimes): void {
    this.#link = undefined;
    this.#note(times);
    this.#fail(fromPlainError(this.#isGolden ? error : forCallers(error, this.#target.label)));
  }

  onCredit(bytes: number): void {
    this.#intake?.giveCredit(bytes);
  }

  onLost(): void {
    this.#link = undefined;
    this.#fail(new PilotlightError('ISOLATE_LOST', `the isolate of ${this.#target.label} that ran this request has ended; another one takes the next`));
  }

  get #target(): Target {
    if (this.#destination === undefined) throw new Error('bug: an exchange without a target was told of an isolate');
    return this.#destination.target;
  }

  get #isGolden(): boolean {
    return this.#destination?.link !== undefined;
  }

  #receive(length: number | undefined): void {
    this.#state = 'receiving';
    const intake = new BodyIntake({
      request: this.#request, wheel: this.#host.wheel, bytesMax: this.#target.limits.bodyBytesMax,
      idleTimeoutMs: this.#host.bodyIdleTimeoutMs, onFailed: (error) => this.#fail(error),
    });
    this.#intake = intake;
    if (this.#options.expects === 'continue') this.#response.writeContinue();
    if (length !== undefined && length <= COLLECTED_BYTES_MAX) intake.collect(length, (bytes) => this.#dispatch(bytes));
    else this.#dispatch(STREAMED);
  }

  #body: RequestHead['body'] = null;

  #dispatch(body: RequestHead['body']): void {
    if (this.#state === 'ended') return;
    this.#body = body;
    const link = this.#destination?.link ?? this.#target.pick();
    if (link !== undefined) return this.#send(link);
    this.#state = 'waiting';
    this.#start = 'joined';
    this.#target.wait(this);
  }

  #send(link: IsolateLink): void {
    const { requestId, fields, trace } = this.#options;
    const body = this.#body;
    this.#body = null;
    this.#state = 'running';
    this.#link = link;
    this.#dispatchedMs = monotonicMs();
    this.#linkId = link.dispatch({
      method: this.#request.method as string, // a server's requests have one
      url: (this.#destination as Destination).url, // set before any dispatch
      headers: this.#isGolden ? `${fields.lines}\nPilotlight-Warmup\n1` : fields.lines,
      requestId, traceparent: formatTraceparent(trace), deadlineMs: this.#deadlineMs, body,
    }, this);
    if (body === STREAMED) this.#streamBody(link, this.#linkId);
  }

  #streamBody(link: IsolateLink, id: number): void {
    this.#intake?.stream(
      (bytes) => { if (this.#link === link) link.sendChunk(id, bytes); else this.#intake?.discard(); },
      () => { if (this.#link === link) link.sendEnd(id); },
    );
  }

  /** Writes the head of a handler's answer; false when it cannot be one. */
  #tryBegin(head: AnswerHead, length: number | 'streamed' | undefined): boolean {
    if (this.#state === 'ended') return false;
    const handler = readHandlerHeaders(head.headers);
    const flat = [...handler.flat];
    if (length === 'streamed' || this.#request.method === 'HEAD') {
      const declared = typeof length === 'number' ? length : handler.contentLength;
      if (declared !== undefined) flat.push('Content-Length', String(declared));
      if (length === 'streamed') this.#declaredBytes = declared;
    } else if (head.status !== 204 && head.status !== 304) {
      flat.push('Content-Length', String(length ?? 0));
    }
    flat.push('Server-Timing', serverTiming(head.times, this.#runs));
    try {
      this.#begin(head.status, flat);
      return true;
    } catch (error) {
      this.#fail(new PilotlightError('BAD_RESPONSE', `the answer of ${this.#target.label} cannot be sent: ${String(error)}`));
      return false;
    }
  }

  #begin(status: number, flat: string[]): void {
    const target = this.#destination?.target;
    flat.push('Pilotlight-Request-Id', this.#options.requestId);
    if (target !== undefined) flat.push('Pilotlight-Version', target.label, 'Pilotlight-Start', coldestStart(this.#start, this.#runs));
    if (this.#host.isDraining || this.#owesBody) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, flat);
    this.#state = 'answering';
  }

  /** The caller has not sent all that he announced. */
  get #owesBody(): boolean {
    if (this.#intake !== undefined) return !this.#intake.isComplete;
    const { contentLength, isChunked } = this.#options.fields;
    return isChunked || (contentLength !== undefined && contentLength !== '0' && !this.#request.complete);
  }

  #finish(body: WholeBody): void {
    this.#output?.close();
    const response = this.#response;
    if (!this.#owesBody || this.#options.expects === 'continue') {
      if (body === null) response.end();
      else if (typeof body === 'string') response.end(body);
      else response.end(new Uint8Array(body));
      return;
    }
    // Closing with unread bytes would reset the connection before the caller has read the answer.
    if (body !== null) response.write(typeof body === 'string' ? body : new Uint8Array(body));
    else response.flushHeaders();
    if (this.#intake !== undefined) this.#intake.discard();
    else this.#request.resume();
    const cut = new WheelEntry(() => response.end());
    this.#host.wheel.arm(cut, monotonicMs() + LINGER_MS);
    this.#request.once('close', () => {
      this.#host.wheel.disarm(cut);
      response.end();
    });
    this.#request.once('end', () => {
      this.#host.wheel.disarm(cut);
      response.end();
    });
  }

  #openOutput(status: number): BodyOutput {
    this.#output = new BodyOutput({
      response: this.#response, wheel: this.#host.wheel, writeTimeoutMs: this.#target.limits.writeTimeoutMs,
      onDrained: (bytes) => this.#link?.sendCredit(this.#linkId, bytes),
      onStalled: () => this.#reset(status, 'CLIENT_CLOSED'),
    });
    return this.#output;
  }

  #writeLarge(status: number, body: string | ArrayBuffer): void {
    this.#host.wheel.disarm(this.#deadline);
    const bytes = typeof body === 'string' ? Buffer.from(body) : new Uint8Array(body);
    this.#openOutput(status).writeAll(bytes, () => {
      if (this.#state === 'ended') return;
      this.#finish(null);
      this.#end(status, undefined);
    });
  }

  /** A stream may take as long as it likes, but not be silent for longer than a request may take. */
  #awaitHandler(): void {
    this.#host.wheel.arm(this.#deadline, monotonicMs() + this.#target.limits.timeoutMs);
  }

  #late(): void {
    if (this.#state === 'answering' && this.#output?.isBlocked === true) return this.#awaitHandler();
    if (this.#state !== 'answering' && this.#intake?.isOwed === true) return this.#fail(this.#intake.timeoutError());
    const { limits, label } = this.#target;
    const text = `${label} has not answered within limits.timeoutMs (${limits.timeoutMs} ms)`;
    this.#fail(new PilotlightError('DEADLINE', text));
  }

  /** An error answer where that is still possible, else a connection cut short. */
  #fail(error: PilotlightError): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'answering') return this.#reset(this.#response.statusCode, error.code);
    this.#giveUp(error.code);
    const times = this.#times;
    this.refuse(error, times === undefined ? [] : ['Server-Timing', serverTiming(times, this.#runs)]);
  }

  #reset(status: number, code: ErrorCode): void {
    this.#giveUp(code);
    this.#end(code === 'CLIENT_CLOSED' ? 499 : status, code);
    this.#response.destroy();
  }

  #gone(): void {
    if (this.#state === 'ended') return;
    this.#giveUp('CLIENT_CLOSED');
    this.#end(499, 'CLIENT_CLOSED');
  }

  /** Takes the request away from its isolate. */
  #giveUp(code: ErrorCode): void {
    const link = this.#link;
    this.#link = undefined;
    // A caller who left says nothing about the handler: it has its full time before it is called stuck.
    const fromMs = code === 'CLIENT_CLOSED' ? Math.max(monotonicMs(), this.#deadlineMs) : monotonicMs();
    link?.abort(this.#linkId, code, fromMs + this.#host.acknowledgeMs);
  }

  #note(times: HandlerTimes): void {
    this.#times = times;
    this.#noteDetails(times.details);
  }

  #noteDetails(details: HandlerDetails | undefined): void {
    if (details === undefined) return;
    this.#runs = [...this.#runs, ...details.runs];
    this.#spans = [...this.#spans, ...details.spans];
  }

  #end(status: number, errorCode: ErrorCode | undefined): void {
    this.#giveUp('CLIENT_CLOSED');
    this.#state = 'ended';
    this.#host.wheel.disarm(this.#deadline);
    this.#output?.close();
    this.#intake?.discard();
    this.#destination?.target.leave(this);
    this.#host.record(this.#toRecord(status, errorCode));
  }

  #toRecord(status: number, errorCode: ErrorCode | undefined): RequestRecord {
    const { requestId, trace, arrivedMs } = this.#options;
    const destination = this.#destination;
    const times = this.#times;
    return {
      requestId, method: this.#request.method ?? '', path: this.#request.url ?? '', status,
      start: coldestStart(this.#start, this.#runs),
      traceId: trace.traceId, spanId: trace.spanId, sampled: trace.sampled,
      arrivedMs, endedMs: monotonicMs(), runs: this.#runs, spans: this.#spans,
      requestBytes: this.#intake?.bytes ?? 0, responseBytes: this.#output?.bytes ?? this.#responseBytes, golden: this.#isGolden,
      ...(destination !== undefined && { route: destination.route, function: destination.target.name, version: destination.target.version }),
      ...(errorCode !== undefined && { errorCode }),
      ...(trace.traceparent !== undefined && { traceparent: trace.traceparent }),
      ...(trace.tracestate !== undefined && { tracestate: trace.tracestate }),
      ...(this.#dispatchedMs !== undefined && { dispatchedMs: this.#dispatchedMs }),
      ...(times !== undefined && { handlerStartMs: times.startMs, handlerEndMs: times.endMs }),
    };
  }
}

function byteLength(body: WholeBody): number {
  if (body === null) return 0;
  return typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
}

function responseTooLarge(bytesMax: number): PilotlightError {
  return new PilotlightError('BAD_RESPONSE', `the handler's response has more than ${bytesMax} bytes, which limits.responseBytesMax allows`);
}

function wrongLength(declared: number, sent: number): PilotlightError {
  return new PilotlightError('BAD_RESPONSE', `the handler declared ${declared} bytes and sent ${sent}`);
}

/** What a handler threw is for its log, not for callers. */
function forCallers(error: ErrorPlain, label: string): ErrorPlain {
  return error.code === 'HANDLER_FAILED' ? { ...error, message: `the handler of ${label} failed; its log has the reason under this request's id` } : error;
}
