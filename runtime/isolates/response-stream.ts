// A response body that the handler produces over time, sent in chunks within the credit that the ingress thread gives as
// the caller reads. A body that ends within one turn leaves as one whole answer.

/** A body that is longer goes out in pieces, each at most this long, so that a slow reader holds it back early. */
const PIECE_BYTES = 64 * 1024;

export interface ResponseStreamSink {
  /** All of it, before anything else was sent. */
  whole(bytes: ArrayBuffer): void;
  /** Chunks follow. */
  open(): void;
  chunk(bytes: ArrayBuffer): void;
  end(): void;
  fail(error: unknown): void;
}

export class ResponseStream {
  readonly #reader: ReadableStreamDefaultReaderLike;
  readonly #sink: ResponseStreamSink;
  #credit: number;
  #state: 'gathering' | 'open' | 'ended' = 'gathering';
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #wake: (() => void) | undefined;

  constructor(body: NonNullable<Response['body']>, windowBytes: number, sink: ResponseStreamSink) {
    this.#reader = body.getReader();
    this.#credit = windowBytes;
    this.#sink = sink;
  }

  start(): void {
    setImmediate(() => {
      if (this.#state === 'gathering') this.#open();
    });
    this.#pump().catch((error: unknown) => {
      if (this.#state === 'ended') return;
      this.#state = 'ended';
      this.#sink.fail(error);
    });
  }

  giveCredit(bytes: number): void {
    this.#credit += bytes;
    this.#wake?.();
  }

  cancel(reason: unknown): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#wake?.();
    // The handler's own cancel may throw; the caller is gone, so there is nobody to tell.
    this.#reader.cancel(reason).catch(() => undefined);
  }

  async #pump(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (this.#isEnded()) return;
      if (done) break;
      if (!(value instanceof Uint8Array)) throw new TypeError(`the response's stream gave ${typeof value}; only Uint8Array chunks can be sent`);
      if (this.#state === 'gathering' && this.#gather(value)) continue;
      await this.#send(value);
      if (this.#isEnded()) return;
    }
    if (this.#state === 'gathering') this.#sink.whole(concat(this.#gathered));
    else this.#sink.end();
    this.#state = 'ended';
  }

  // A method, because the state changes while the pump waits, which narrowing does not see.
  #isEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Keeps a chunk back for one whole answer; false when there is too much for that. */
  #gather(chunk: Uint8Array): boolean {
    if (this.#gatheredBytes + chunk.byteLength > PIECE_BYTES) {
      this.#open();
      return false;
    }
    this.#gathered.push(new Uint8Array(chunk)); // a copy: the handler may write to its chunk again
    this.#gatheredBytes += chunk.byteLength;
    return true;
  }

  #open(): void {
    this.#state = 'open';
    this.#sink.open();
    const gathered = this.#gathered;
    this.#gathered = [];
    if (this.#gatheredBytes === 0) return;
    this.#credit -= this.#gatheredBytes;
    this.#sink.chunk(concat(gathered));
  }

  async #send(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength; at += PIECE_BYTES) {
      while (this.#credit <= 0 && !this.#isEnded()) {
        await new Promise<void>((resolve) => { this.#wake = resolve; });
        this.#wake = undefined;
      }
      if (this.#isEnded()) return;
      const piece = new Uint8Array(chunk.subarray(at, at + PIECE_BYTES));
      this.#credit -= piece.byteLength;
      this.#sink.chunk(piece.buffer);
    }
  }
}

interface ReadableStreamDefaultReaderLike {
  read(): Promise<{ done: boolean; value?: unknown }>;
  cancel(reason: unknown): Promise<void>;
}

/** One buffer of its own. */
function concat(chunks: readonly Uint8Array[]): ArrayBuffer {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole.buffer;
}
