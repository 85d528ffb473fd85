// The words that an ingress thread and an isolate exchange about requests. A batch is one flat array of plain values
// (numbers, strings, buffers): structured objects would cost three quarters of the throughput that this costs a third of.
// Encoding and decoding of a word stand side by side, so that the layout is told once.
import type { ErrorCode, ErrorPlain } from '../errors.ts';
import type { HandlerSpan, RunRecord } from '../records.ts';
import type { HeaderLines } from './header-lines.ts';

/** Bytes that one side may send of a streamed body before the other gives credit. */
export const STREAM_WINDOW_BYTES = 256 * 1024;

/** Buffers below this are copied with the batch; above it they change owner, which costs more for small ones. */
export const TRANSFER_BYTES_MIN = 16 * 1024;

export type Wire = number | string | ArrayBuffer | null | undefined | HandlerDetails;

/** Where words are collected until they leave together. */
export interface WordSink {
  readonly words: Wire[];
  readonly transfers: ArrayBuffer[];
}

/** A body: none, whole, or streamed in chunks that follow. */
export type WholeBody = string | ArrayBuffer | null;
export const STREAMED = 1;

export interface RequestHead {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderLines;
  readonly requestId: string;
  readonly traceparent: string;
  /** Stamp on the shared monotonic clock. */
  readonly deadlineMs: number;
  readonly body: ArrayBuffer | null | typeof STREAMED;
}

/** What happened inside a handler besides its start and end; absent when nothing did. */
export interface HandlerDetails {
  readonly runs: readonly RunRecord[];
  readonly spans: readonly HandlerSpan[];
}

export interface HandlerTimes {
  readonly startMs: number;
  readonly endMs: number;
  readonly details: HandlerDetails | undefined;
}

export interface AnswerHead {
  readonly status: number;
  readonly headers: HeaderLines;
  readonly times: HandlerTimes;
}

/** What an isolate is told. */
export interface IsolateSide {
  request(head: RequestHead): void;
  chunk(id: number, bytes: ArrayBuffer): void;
  end(id: number): void;
  credit(id: number, bytes: number): void;
  /** The request is over for the caller; the isolate acknowledges at once and discards what comes later. */
  abort(id: number, code: ErrorCode): void;
}

/** What an ingress thread is told. */
export interface IngressSide {
  answer(id: number, head: AnswerHead, body: WholeBody): void;
  head(id: number, head: AnswerHead): void;
  chunk(id: number, bytes: ArrayBuffer): void;
  end(id: number, details: HandlerDetails | undefined): void;
  fail(id: number, error: ErrorPlain, times: HandlerTimes): void;
  credit(id: number, bytes: number): void;
  aborted(id: number): void;
}

const REQUEST = 1;
const CHUNK = 2;
const END = 3;
const CREDIT = 4;
const ABORT = 5;
const ANSWER = 6;
const HEAD = 7;
const FAIL = 8;
const ABORTED = 9;

function transfer(out: WordSink, body: unknown): void {
  if (body instanceof ArrayBuffer && body.byteLength >= TRANSFER_BYTES_MIN) out.transfers.push(body);
}

export function pushRequest(out: WordSink, head: RequestHead): void {
  transfer(out, head.body);
  out.words.push(REQUEST, head.id, head.method, head.url, head.headers, head.requestId, head.traceparent, head.deadlineMs, head.body);
}

export function pushChunk(out: WordSink, id: number, bytes: ArrayBuffer): void {
  transfer(out, bytes);
  out.words.push(CHUNK, id, bytes);
}

export function pushEnd(out: WordSink, id: number, details?: HandlerDetails): void {
  out.words.push(END, id, details);
}

export function pushCredit(out: WordSink, id: number, bytes: number): void {
  out.words.push(CREDIT, id, bytes);
}

export function pushAbort(out: WordSink, id: number, code: ErrorCode): void {
  out.words.push(ABORT, id, code);
}

export function pushAborted(out: WordSink, id: number): void {
  out.words.push(ABORTED, id);
}

export function pushAnswer(out: WordSink, id: number, head: AnswerHead, body: WholeBody): void {
  transfer(out, body);
  out.words.push(ANSWER, id, head.status, head.headers, body, head.times.startMs, head.times.endMs, head.times.details);
}

export function pushHead(out: WordSink, id: number, head: AnswerHead): void {
  out.words.push(HEAD, id, head.status, head.headers, head.times.startMs, head.times.endMs, head.times.details);
}

export function pushFail(out: WordSink, id: number, error: ErrorPlain, times: HandlerTimes): void {
  out.words.push(FAIL, id, error.code, error.message, error.retryAfterS, times.startMs, times.endMs, times.details);
}

/** Reads fields one after the other; both ends run the same build, so their types are known. */
class WordReader {
  readonly #words: readonly Wire[];
  #next = 0;

  constructor(words: readonly Wire[]) {
    this.#words = words;
  }

  get hasMore(): boolean {
    return this.#next < this.#words.length;
  }

  read<T extends Wire>(): T {
    return this.#words[this.#next++] as T;
  }

  times(): HandlerTimes {
    return { startMs: this.read(), endMs: this.read(), details: this.read() };
  }
}

export function readForIsolate(words: readonly Wire[], side: IsolateSide): void {
  const reader = new WordReader(words);
  while (reader.hasMore) {
    const word: number = reader.read();
    const id: number = reader.read();
    if (word === REQUEST) {
      side.request({
        id, method: reader.read(), url: reader.read(), headers: reader.read(), requestId: reader.read(),
        traceparent: reader.read(), deadlineMs: reader.read(), body: reader.read(),
      });
    } else if (word === CHUNK) side.chunk(id, reader.read());
    else if (word === END) { reader.read(); side.end(id); }
    else if (word === CREDIT) side.credit(id, reader.read());
    else if (word === ABORT) side.abort(id, reader.read());
    else throw new Error(`bug: an isolate was told the unknown word ${word}`);
  }
}

export function readForIngress(words: readonly Wire[], side: IngressSide): void {
  const reader = new WordReader(words);
  while (reader.hasMore) {
    const word: number = reader.read();
    const id: number = reader.read();
    if (word === ANSWER) {
      const status: number = reader.read();
      const headers: HeaderLines = reader.read();
      const body: WholeBody = reader.read();
      side.answer(id, { status, headers, times: reader.times() }, body);
    } else if (word === HEAD) side.head(id, { status: reader.read(), headers: reader.read(), times: reader.times() });
    else if (word === CHUNK) side.chunk(id, reader.read());
    else if (word === END) side.end(id, reader.read());
    else if (word === CREDIT) side.credit(id, reader.read());
    else if (word === ABORTED) side.aborted(id);
    else if (word === FAIL) readFail(reader, id, side);
    else throw new Error(`bug: an ingress thread was told the unknown word ${word}`);
  }
}

function readFail(reader: WordReader, id: number, side: IngressSide): void {
  const code: ErrorCode = reader.read();
  const message: string = reader.read();
  const retryAfterS: number | undefined = reader.read();
  side.fail(id, retryAfterS === undefined ? { code, message } : { code, message, retryAfterS }, reader.times());
}
