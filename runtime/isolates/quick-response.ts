// The Response of an isolate: a real one in all that it does, but a plain answer (text, bytes or nothing with plain
// headers) is kept as it came and builds no stream unless somebody reads it, because building one costs more than
// the whole hop to the ingress thread.
import { joinHeaders, type HeaderLines } from './header-lines.ts';
import type { WholeBody } from './protocol.ts';

const RealResponse = globalThis.Response;
const RealHeaders = globalThis.Headers;

type ResponseBody = ConstructorParameters<typeof RealResponse>[0];
type ResponseOptions = NonNullable<ConstructorParameters<typeof RealResponse>[1]>;

/** An answer that can leave in one message. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: HeaderLines;
  readonly body: WholeBody;
}

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Values that need no trimming and no refusal; the real Response deals with all others.
const HEADER_VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
const JSON_HEADERS = { 'content-type': 'application/json' };
const NULL_BODY_STATUSES = new Set([101, 103, 204, 205, 304]);

interface Plain {
  readonly status: number;
  /** Flat, lower-case names. */
  readonly headers: string[];
  readonly body: WholeBody;
}

/** The flat list of plain headers, or undefined where the real thing must look at them. */
function plainHeaders(given: unknown): string[] | undefined {
  if (given === undefined) return [];
  if (given instanceof RealHeaders) return flatHeaders(given);
  if (typeof given !== 'object' || given === null || Object.getPrototypeOf(given) !== Object.prototype) return undefined;
  const flat: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    const name = key.toLowerCase();
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string' || !HEADER_NAME.test(name) || !HEADER_VALUE.test(text) || flat.includes(name)) return undefined;
    flat.push(name, text);
  }
  return flat;
}

function flatHeaders(headers: Headers): string[] {
  const flat: string[] = [];
  for (const [name, value] of headers) flat.push(name, value);
  return flat;
}

/** Copies: a caller may write to his buffer after the response is made. */
function plainBody(body: unknown): WholeBody | undefined {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return body;
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body) && body.buffer instanceof ArrayBuffer) {
    return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength);
  }
  return undefined;
}

function toPlain(body: unknown, options: ResponseOptions | undefined): Plain | undefined {
  const kept = plainBody(body);
  if (kept === undefined) return undefined;
  const status = options?.status ?? 200;
  if (!Number.isInteger(status) || status < 200 || status > 599 || (kept !== null && NULL_BODY_STATUSES.has(status))) return undefined;
  if (options?.statusText !== undefined && options.statusText !== '') return undefined;
  const headers = plainHeaders(options?.headers);
  if (headers === undefined) return undefined;
  if (typeof kept === 'string' && !headers.includes('content-type')) headers.push('content-type', 'text/plain;charset=UTF-8');
  return { status, headers, body: kept };
}

/** Installed as the isolate's global `Response`. */
export class QuickResponse {
  readonly #plain: Plain | undefined;
  #headers: Headers | undefined;
  #real: Response | undefined;

  constructor(body?: ResponseBody, options?: ResponseOptions) {
    this.#plain = toPlain(body, options);
    if (this.#plain === undefined) this.#real = new RealResponse(body, options);
  }

  static json(value: unknown, options?: ResponseOptions): QuickResponse {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError('Response.json: the value cannot be written as JSON');
    if (options?.headers === undefined) return new QuickResponse(text, { ...options, headers: JSON_HEADERS });
    const headers = new RealHeaders(options?.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new QuickResponse(text, { ...options, headers });
  }

  static error(): Response {
    return RealResponse.error();
  }

  static redirect(url: string | URL, status?: number): Response {
    return RealResponse.redirect(url, status as never);
  }

  /** Real responses, from `fetch` for one, count too; classes derived from this one keep the usual rule. */
  static [Symbol.hasInstance](value: unknown): boolean {
    const prototype: unknown = this === QuickResponse ? RealResponse.prototype : this.prototype;
    return typeof value === 'object' && value !== null && Object.prototype.isPrototypeOf.call(prototype as object, value);
  }

  /** What leaves in one message, or undefined when the body must be read as a stream. */
  static toPlainAnswer(response: Response): PlainAnswer | undefined {
    if (!(#plain in response)) return undefined;
    const quick = response as unknown as QuickResponse;
    const plain = quick.#plain;
    if (plain === undefined || quick.#real !== undefined) return undefined;
    const headers = quick.#headers === undefined ? plain.headers : flatHeaders(quick.#headers);
    return { status: plain.status, headers: joinHeaders(headers), body: plain.body };
  }

  get #response(): Response {
    if (this.#real !== undefined) return this.#real;
    const plain = this.#plain as Plain; // a response without a real one was made from plain parts
    this.#real = new RealResponse(plain.body, { status: plain.status, headers: this.headers });
    return this.#real;
  }

  get headers(): Headers {
    if (this.#headers !== undefined) return this.#headers;
    if (this.#plain === undefined) return this.#response.headers;
    const headers = new RealHeaders();
    const flat = this.#plain.headers;
    for (let at = 0; at < flat.length; at += 2) headers.append(flat[at] as string, flat[at + 1] as string);
    this.#headers = headers;
    return headers;
  }

  get status(): number {
    return this.#plain?.status ?? this.#response.status;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get statusText(): string {
    return this.#plain === undefined ? this.#response.statusText : '';
  }

  get type(): Response['type'] {
    return this.#plain === undefined ? this.#response.type : 'default';
  }

  get url(): string {
    return '';
  }

  get redirected(): boolean {
    return false;
  }

  get body(): Response['body'] {
    return this.#plain?.body === null ? null : this.#response.body;
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? false;
  }

  text(): Promise<string> {
    return this.#response.text();
  }

  json(): Promise<unknown> {
    return this.#response.json();
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#response.arrayBuffer();
  }

  bytes(): Promise<Uint8Array> {
    return this.#response.arrayBuffer().then((buffer) => new Uint8Array(buffer));
  }

  blob(): ReturnType<Response['blob']> {
    return this.#response.blob();
  }

  formData(): ReturnType<Response['formData']> {
    return this.#response.formData();
  }

  clone(): Response {
    const { body } = this.#response.clone();
    return new RealResponse(body, { status: this.status, statusText: this.statusText, headers: this.headers });
  }
}

Object.setPrototypeOf(QuickResponse, RealResponse);
Object.setPrototypeOf(QuickResponse.prototype, RealResponse.prototype);
Object.defineProperty(QuickResponse, 'name', { value: 'Response' });
