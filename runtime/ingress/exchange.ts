// One request and its answer, from arrival to the last byte. It has one state, ends exactly once, and gives back on its end
// what it holds: its place in the target, its deadline, its request in the isolate.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { fromPlainError, PilotlightError, type ErrorCode, type ErrorPlain } from '../errors.ts';
import { STREAMED, type AnswerHead, type HandlerDetails, type HandlerTimes, type RequestHead, type WholeBody } from '../isolates/protocol.ts';
import type { StartNote } from '../isolates/version-isolates.ts';
import type { RequestRecord } from '../records.ts';
import { readHandlerHeaders } from './answer-headers.ts';
import { AnswerWriter } from './answer-writer.ts';
import { deadlinePassed, forCallers, isolateLost, responseTooLarge, unsendable, wrongLength } from './answer-problems.ts';
import { BodyIntake, tooLarge } from './body-intake.ts';
import type { BodyOutput } from './body-output.ts';
import { WheelEntry, type DeadlineWheel } from './deadline-wheel.ts';
import type { Dispatched, IsolateLink } from './isolate-link.ts';
import type { Pause, Paused } from './pause.ts';
import type { RequestFields } from './request-fields.ts';
import type { Guest, Target } from './target.ts';
import { formatTraceparent, type TraceContext } from './trace-context.ts';
import { Trail } from './trail.ts';

/** Bodies up to this cross in one piece with their head. */
const COLLECTED_BYTES_MAX = 1024 * 1024;
/** Whole answers up to this are handed to the socket at once. */
const AT_ONCE_BYTES_MAX = 64 * 1024;
/** Of a path in a record. */
const PATH_CHARS_MAX = 512;

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

type State = 'arrived' | 'paused' | 'receiving' | 'waiting' | 'running' | 'answering' | 'ended';

export class Exchange implements Dispatched, Guest, Paused {
  seat = -1;
  readonly #options: ExchangeOptions;
  readonly #host: ExchangeHost;
  readonly #method: string;
  readonly #trail: Trail;
  readonly #writer: AnswerWriter;
  readonly #deadline = new WheelEntry(() => this.#late());
  #state: State = 'arrived';
  #destination: Destination | undefined;
  #pause: { readonly place: Pause; readonly again: () => void } | undefined;
  #intake: BodyIntake | undefined;
  /** Held from arrival until it is sent. */
  #body: RequestHead['body'] = null;
  #link: IsolateLink | undefined;
  #linkId = 0;
  #output: BodyOutput | undefined;
  /** Of a stream whose handler told its length. */
  #declaredBytes: number | undefined;

  constructor(options: ExchangeOptions) {
    const { request, response, host, requestId, trace, arrivedMs } = options;
    this.#options = options;
    this.#host = host;
    this.#method = request.method ?? '';
    this.#trail = new Trail({ requestId, method: this.#method, path: pathOf(request.url ?? ''), trace, arrivedMs });
    this.#writer = new AnswerWriter({ request, response, wheel: host.wheel, requestId });
    response.on('close', () => this.#leaveBy('CLIENT_CLOSED'));
  }

  /** Answers from the host itself. */
  reply(status: number, contentType: string, text: string): void {
    this.#begin(status, ['Content-Type', contentType, 'Content-Length', String(Buffer.byteLength(text))]);
    this.#finish(text);
    this.#end(status, undefined);
  }

  refuse(error: PilotlightError, headers: readonly string[] = []): void {
    if (this.#state === 'ended') return;
    const { flat, text } = this.#writer.problem(error, headers);
    this.#begin(error.status, flat);
    this.#finish(text);
    this.#end(error.status, error.code);
  }

  /** Takes the request's body and sends it to an isolate. Throws what refuses it before that. */
  serve(destination: Destination): void {
    const { target, route } = destination;
    const { limits } = target;
    const { fields, arrivedMs, request } = this.#options;
    this.#destination = destination;
    this.#trail.routed(route, target.name, target.version);
    target.enter(this, this.#isGolden || this.#pause !== undefined ? 'admitted' : 'new');
    this.#host.wheel.arm(this.#deadline, arrivedMs + limits.timeoutMs);
    const length = fields.contentLength === undefined ? 0 : Number(fields.contentLength);
    if (length > limits.bodyBytesMax) throw tooLarge(limits.bodyBytesMax);
    if (length === 0 && !fields.isChunked) return this.#dispatch(null);
    if (this.#method !== 'GET' && this.#method !== 'HEAD') return this.#receive(fields.isChunked ? undefined : length);
    request.resume(); // a fetch Request of these methods has no body
    this.#dispatch(null);
  }

  /** Waits until its function answers again; then `again` routes it anew. Throws what refuses it at once. */
  pause(destination: Destination, place: Pause, again: () => void): void {
    const { target: { name, version, limits: { concurrency, timeoutMs } }, route } = destination;
    const deadlineMs = this.#options.arrivedMs + timeoutMs;
    this.#destination = destination;
    this.#trail.routed(route, name, version);
    this.#pause?.place.leave(this);
    place.enter(this, { concurrency, deadlineMs });
    this.#host.wheel.arm(this.#deadline, deadlineMs);
    this.#pause = { place, again };
    this.#trail.paused();
    this.#state = 'paused';
  }

  onResumed(): void {
    this.#state = 'arrived';
    this.#pause?.again();
  }

  onIsolate(link: IsolateLink, start: 'cold' | 'joined', note: StartNote | undefined): void {
    if (this.#state !== 'waiting') return;
    this.#trail.waited(start, note);
    this.#send(link);
  }

  onRefused(error: PilotlightError): void {
    if (this.#state === 'waiting') this.#fail(error);
  }

  cut(code: ErrorCode, reason: string): void {
    this.#fail(new PilotlightError(code, reason));
  }

  onAnswer(head: AnswerHead, body: WholeBody): void {
    this.#link = undefined;
    this.#trail.handled(head.times);
    const bytes = byteLength(body);
    const { responseBytesMax } = this.#target.limits;
    if (bytes > responseBytesMax) return this.#fail(responseTooLarge(responseBytesMax));
    if (!this.#tryBegin(head, this.#lengthOf(head, body === null ? undefined : bytes))) return;
    if (bytes > AT_ONCE_BYTES_MAX && body !== null && this.#method !== 'HEAD') return this.#writeLarge(head.status, body);
    this.#finish(body);
    this.#end(head.status, undefined);
  }

  onHead(head: AnswerHead): void {
    this.#trail.handled(head.times);
    const declared = readHandlerHeaders(head.headers).contentLength;
    if (!this.#tryBegin(head, declared)) return;
    if (this.#method === 'HEAD') {
      this.#finish(null);
      return this.#end(head.status, undefined);
    }
    this.#declaredBytes = declared;
    this.#output = this.#openOutput();
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
    this.#trail.detailed(details);
    const total = this.#output?.bytes ?? 0;
    if (this.#declaredBytes !== undefined && total !== this.#declaredBytes) return this.#fail(wrongLength(this.#declaredBytes, total));
    this.#finish(null);
    this.#end(this.#writer.status, undefined);
  }

  onFail(error: ErrorPlain, times: HandlerTimes): void {
    this.#link = undefined;
    this.#trail.handled(times);
    this.#fail(fromPlainError(this.#isGolden ? error : forCallers(error, this.#target.label)));
  }

  onCredit(bytes: number): void {
    this.#intake?.giveCredit(bytes);
  }

  onLost(): void {
    this.#link = undefined;
    this.#fail(isolateLost(this.#target.label));
  }

  get #target(): Target {
    if (this.#destination === undefined) throw new Error('bug: an exchange without a target was told of an isolate');
    return this.#destination.target;
  }

  get #isGolden(): boolean {
    return this.#destination?.link !== undefined;
  }

  /** The caller has not sent all that he announced. */
  get #owesBody(): boolean {
    if (this.#intake !== undefined) return !this.#intake.isComplete;
    const { fields: { contentLength, isChunked }, request } = this.#options;
    return (isChunked || (contentLength !== undefined && contentLength !== '0')) && !request.complete;
  }

  #receive(length: number | undefined): void {
    const { request, response, expects } = this.#options;
    this.#state = 'receiving';
    this.#intake = new BodyIntake({
      request, wheel: this.#host.wheel, bytesMax: this.#target.limits.bodyBytesMax,
      idleTimeoutMs: this.#host.bodyIdleTimeoutMs, onFailed: (error) => this.#fail(error),
    });
    if (expects === 'continue') response.writeContinue();
    if (length !== undefined && length <= COLLECTED_BYTES_MAX) this.#intake.collect(length, (bytes) => this.#dispatch(bytes));
    else this.#dispatch(STREAMED);
  }

  #dispatch(body: RequestHead['body']): void {
    if (this.#state === 'ended') return;
    this.#body = body;
    const link = this.#destination?.link ?? this.#target.pick();
    if (link !== undefined) return this.#send(link);
    this.#state = 'waiting';
    this.#trail.waits(this.#target.wait(this));
  }

  #send(link: IsolateLink): void {
    const { requestId, fields, trace } = this.#options;
    const body = this.#body;
    this.#body = null;
    this.#state = 'running';
    this.#link = link;
    this.#trail.dispatched();
    this.#linkId = link.dispatch({
      method: this.#method, url: this.#destination?.url ?? '', requestId, traceparent: formatTraceparent(trace), deadlineMs: this.#deadline.atMs, body,
      headers: this.#isGolden ? `${fields.lines}\nPilotlight-Warmup\n1` : fields.lines,
    }, this);
    if (body === STREAMED) this.#streamBody(link, this.#linkId);
  }

  #streamBody(link: IsolateLink, id: number): void {
    this.#intake?.stream(
      (bytes) => { if (this.#link === link) link.sendChunk(id, bytes); },
      () => { if (this.#link === link) link.sendEnd(id); },
    );
  }

  /** What the caller is told of the body's length; undefined: nothing. */
  #lengthOf(head: AnswerHead, bytes: number | undefined): number | undefined {
    if (head.status === 204 || head.status === 304) return undefined;
    // The answer to HEAD has no body, and its handler alone knows how long that of GET would be.
    return this.#method === 'HEAD' ? bytes ?? readHandlerHeaders(head.headers).contentLength : bytes ?? 0;
  }

  /** Writes the head of a handler's answer; false when it cannot be one. */
  #tryBegin(head: AnswerHead, length: number | undefined): boolean {
    if (this.#state === 'ended') return false;
    const flat = [...readHandlerHeaders(head.headers).flat];
    if (length !== undefined) flat.push('Content-Length', String(length));
    flat.push('Server-Timing', this.#trail.serverTiming ?? '');
    try {
      this.#begin(head.status, flat);
      return true;
    } catch (error) {
      this.#fail(unsendable(this.#target.label, error));
      return false;
    }
  }

  #begin(status: number, flat: string[]): void {
    const target = this.#destination?.target;
    if (target !== undefined) flat.push('Pilotlight-Version', target.label, 'Pilotlight-Start', this.#trail.start);
    this.#pause?.place.leave(this);
    if (this.#host.isDraining || this.#owesBody) this.#writer.closeAfter();
    this.#writer.begin(status, flat);
    this.#state = 'answering';
  }

  #finish(body: WholeBody): void {
    // Before the last byte: who reads the answer and asks again finds the place free.
    this.#destination?.target.leave(this);
    // A caller who waits for our word never sends the body.
    if (!this.#owesBody || this.#options.expects === 'continue') return this.#writer.end(body);
    this.#intake?.discard();
    this.#writer.endAfterRequest(body);
  }

  #openOutput(): BodyOutput {
    return this.#writer.open({
      writeTimeoutMs: this.#target.limits.writeTimeoutMs,
      onDrained: (bytes) => this.#link?.sendCredit(this.#linkId, bytes),
      onStalled: () => this.#reset('CLIENT_CLOSED'),
    });
  }

  #writeLarge(status: number, body: string | ArrayBuffer): void {
    this.#host.wheel.disarm(this.#deadline);
    const bytes = typeof body === 'string' ? Buffer.from(body) : new Uint8Array(body);
    this.#openOutput().writeAll(bytes, () => {
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
    if (this.#state === 'answering' && this.#writer.isBlocked) return this.#awaitHandler();
    if (this.#state !== 'answering' && this.#intake?.isOwed === true) return this.#fail(this.#intake.timeoutError());
    this.#fail(deadlinePassed(this.#target.label, this.#target.limits.timeoutMs));
  }

  /** An error answer where that is still possible, else a connection cut short. */
  #fail(error: PilotlightError): void {
    if (this.#state === 'ended') return;
    if (this.#state === 'answering') return this.#reset(error.code);
    this.#giveUp(error.code);
    const timing = this.#trail.serverTiming;
    this.refuse(error, timing === undefined ? [] : ['Server-Timing', timing]);
  }

  #reset(code: ErrorCode): void {
    this.#leaveBy(code);
    this.#writer.reset();
  }

  /** Ends an exchange whose caller gets no more of the answer. */
  #leaveBy(code: ErrorCode): void {
    if (this.#state === 'ended') return;
    this.#giveUp(code);
    this.#end(code === 'CLIENT_CLOSED' ? 499 : this.#writer.status, code);
  }

  /** Takes the request away from its isolate. */
  #giveUp(code: ErrorCode): void {
    const link = this.#link;
    this.#link = undefined;
    // A caller who left says nothing about the handler: it has its full time before it is called stuck.
    const fromMs = code === 'CLIENT_CLOSED' ? Math.max(monotonicMs(), this.#deadline.atMs) : monotonicMs();
    link?.abort(this.#linkId, code, fromMs + this.#host.acknowledgeMs);
  }

  #end(status: number, errorCode: ErrorCode | undefined): void {
    this.#giveUp('CLIENT_CLOSED');
    this.#state = 'ended';
    this.#host.wheel.disarm(this.#deadline);
    this.#writer.release();
    if (this.#intake?.isComplete === false) this.#intake.discard();
    this.#destination?.target.leave(this);
    this.#pause?.place.leave(this);
    this.#host.record(this.#trail.toRecord({
      status, errorCode, requestBytes: this.#intake?.bytes ?? 0, responseBytes: this.#writer.bytes, golden: this.#isGolden,
    }));
  }
}

/** Queries may hold secrets, and records are kept. */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  return (query === -1 ? target : target.slice(0, query)).slice(0, PATH_CHARS_MAX);
}

function byteLength(body: WholeBody): number {
  if (body === null) return 0;
  return typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
}
