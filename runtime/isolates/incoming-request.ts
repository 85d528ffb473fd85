// The Request that a handler gets: a real one in all that it does, but method, URL, headers and a whole body are read
// straight from the message. Only what is rarely asked for (forms, streams, clones) builds the real Request.
import { splitHeaders, type HeaderLines } from './header-lines.ts';

const RealRequest = globalThis.Request;
const RealHeaders = globalThis.Headers;

type BodyStream = NonNullable<Request['body']>;

export interface IncomingParts {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderLines;
  /** Whole, none, or how to open the stream; opened at most once. */
  readonly body: ArrayBuffer | null | (() => BodyStream);
  readonly signal: () => AbortSignal;
}

export class IncomingRequest {
  readonly #parts: IncomingParts;
  #headers: Headers | undefined;
  #real: Request | undefined;
  #isRead = false;

  constructor(parts: IncomingParts) {
    this.#parts = parts;
  }

  /** The real Request behind an incoming one, for what looks inside: `new Request(request)`, `fetch(request)`. */
  static toReal(value: unknown): unknown {
    return typeof value === 'object' && value !== null && #parts in value ? value.#request : value;
  }

  get #request(): Request {
    if (this.#real !== undefined) return this.#real;
    const { method, url, body, signal } = this.#parts;
    const content = typeof body === 'function' ? body() : body;
    const real = new RealRequest(url, { method, headers: this.headers, body: content, signal: signal(), duplex: 'half' });
    this.#real = real;
    if (this.#isRead) void real.arrayBuffer();
    return real;
  }

  /** The whole body if it may still be read the short way. */
  #takeBytes(): ArrayBuffer | undefined {
    const { body } = this.#parts;
    if (this.#real !== undefined || this.#isRead || typeof body === 'function') return undefined;
    if (body === null) return new ArrayBuffer(0);
    this.#isRead = true;
    return body;
  }

  get method(): string {
    return this.#parts.method;
  }

  get url(): string {
    return this.#parts.url;
  }

  get headers(): Headers {
    if (this.#headers !== undefined) return this.#headers;
    const headers = new RealHeaders();
    const flat = splitHeaders(this.#parts.headers);
    for (let at = 0; at < flat.length; at += 2) headers.append(flat[at] as string, flat[at + 1] as string);
    this.#headers = headers;
    return headers;
  }

  get signal(): AbortSignal {
    return this.#parts.signal();
  }

  get body(): Request['body'] {
    return this.#parts.body === null ? null : this.#request.body;
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? this.#isRead;
  }

  text(): Promise<string> {
    const bytes = this.#takeBytes();
    return bytes === undefined ? this.#request.text() : Promise.resolve(new TextDecoder().decode(bytes));
  }

  async json(): Promise<unknown> {
    const bytes = this.#takeBytes();
    return bytes === undefined ? this.#request.json() : JSON.parse(new TextDecoder().decode(bytes));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = this.#takeBytes();
    return bytes === undefined ? this.#request.arrayBuffer() : Promise.resolve(bytes);
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  blob(): ReturnType<Request['blob']> {
    return this.#request.blob();
  }

  formData(): ReturnType<Request['formData']> {
    return this.#request.formData();
  }

  clone(): Request {
    return this.#request.clone();
  }

  get cache(): Request['cache'] {
    return this.#request.cache;
  }

  get credentials(): Request['credentials'] {
    return this.#request.credentials;
  }

  get destination(): Request['destination'] {
    return this.#request.destination;
  }

  get integrity(): string {
    return this.#request.integrity;
  }

  get keepalive(): boolean {
    return this.#request.keepalive;
  }

  get mode(): Request['mode'] {
    return this.#request.mode;
  }

  get redirect(): Request['redirect'] {
    return this.#request.redirect;
  }

  get referrer(): string {
    return this.#request.referrer;
  }

  get referrerPolicy(): Request['referrerPolicy'] {
    return this.#request.referrerPolicy;
  }

  get duplex(): 'half' {
    return 'half';
  }
}

Object.setPrototypeOf(IncomingRequest.prototype, RealRequest.prototype);

/** Installed as the isolate's global `Request`. */
export class IsolateRequest extends RealRequest {
  constructor(input: ConstructorParameters<typeof RealRequest>[0], options?: ConstructorParameters<typeof RealRequest>[1]) {
    super(IncomingRequest.toReal(input) as ConstructorParameters<typeof RealRequest>[0], options);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const prototype: unknown = this === IsolateRequest ? RealRequest.prototype : this.prototype;
    return typeof value === 'object' && value !== null && Object.prototype.isPrototypeOf.call(prototype as object, value);
  }
}

Object.defineProperty(IsolateRequest, 'name', { value: 'Request' });
