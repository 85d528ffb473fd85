// Writes one answer to the caller: the head with the host's own headers, the body at his pace, and an end that lets him read
// the answer even when he has not finished sending.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { problemBody, type PilotlightError } from '../errors.ts';
import type { WholeBody } from '../isolates/protocol.ts';
import { BodyOutput, type BodyOutputOptions } from './body-output.ts';
import { WheelEntry, type DeadlineWheel } from './deadline-wheel.ts';

/** How long a body that nobody wants is read and dropped before the connection is cut. */
const LINGER_MS = 1000;

export interface AnswerWriterOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly wheel: DeadlineWheel;
  readonly requestId: string;
}

export class AnswerWriter {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #wheel: DeadlineWheel;
  readonly #requestId: string;
  #output: BodyOutput | undefined;
  #wholeBytes = 0;

  constructor({ request, response, wheel, requestId }: AnswerWriterOptions) {
    this.#request = request;
    this.#response = response;
    this.#wheel = wheel;
    this.#requestId = requestId;
  }

  get status(): number {
    return this.#response.statusCode;
  }

  /** Bytes of the body so far. */
  get bytes(): number {
    return this.#output?.bytes ?? this.#wholeBytes;
  }

  /** The caller does not read as fast as the answer comes. */
  get isBlocked(): boolean {
    return this.#output?.isBlocked === true;
  }

  /** The connection ends with this answer. Before `begin`. */
  closeAfter(): void {
    this.#response.shouldKeepAlive = false;
  }

  /** Throws on a status or header that cannot be sent; then nothing was sent. */
  begin(status: number, flat: string[]): void {
    flat.push('Pilotlight-Request-Id', this.#requestId);
    this.#response.writeHead(status, flat);
  }

  /** A whole small body, and the end. */
  end(body: WholeBody): void {
    this.#output?.close();
    if (body === null) {
      this.#response.end();
    } else if (typeof body === 'string') {
      this.#wholeBytes = body.length;
      this.#response.end(body);
    } else {
      this.#wholeBytes = body.byteLength;
      this.#response.end(new Uint8Array(body));
    }
  }

  /** As `end`, but the rest of the request is read first: closing with unread bytes would reset the connection before the caller has read the answer. */
  endAfterRequest(body: WholeBody): void {
    this.#output?.close();
    if (body === null) this.#response.flushHeaders();
    else this.#response.write(typeof body === 'string' ? body : new Uint8Array(body));
    const cut = new WheelEntry(() => this.#response.end());
    this.#wheel.arm(cut, monotonicMs() + LINGER_MS);
    const done = (): void => {
      this.#wheel.disarm(cut);
      this.#response.end();
    };
    this.#request.once('end', done).once('close', done).resume();
  }

  problem(error: PilotlightError, headers: readonly string[]): { readonly flat: string[]; readonly text: string } {
    const text = JSON.stringify(problemBody(error, this.#requestId));
    const retry = error.retryAfterS === undefined ? [] : ['Retry-After', String(error.retryAfterS)];
    return { text, flat: ['Content-Type', 'application/problem+json', 'Content-Length', String(Buffer.byteLength(text)), ...retry, ...headers] };
  }

  /** The body follows in pieces. */
  open(options: Pick<BodyOutputOptions, 'writeTimeoutMs' | 'onDrained' | 'onStalled'>): BodyOutput {
    this.#response.flushHeaders();
    this.#output = new BodyOutput({ response: this.#response, wheel: this.#wheel, ...options });
    return this.#output;
  }

  /** Nothing more is timed. */
  release(): void {
    this.#output?.close();
  }

  /** Cuts the connection, so that the caller sees that the answer is not whole. */
  reset(): void {
    this.#output?.close();
    // A reset, because a caller of HTTP/1.0 takes the plain end of the connection for the end of the answer.
    this.#response.socket?.resetAndDestroy();
    this.#response.destroy();
  }
}
