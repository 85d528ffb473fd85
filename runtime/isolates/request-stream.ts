// A request body that arrives in chunks, as a stream for the handler. Every chunk that the handler takes gives its bytes
// back as credit, so the caller is read only as fast as the handler reads.
import { ReadableStream, type ReadableByteStreamController } from 'node:stream/web';

export class RequestStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #giveCredit: (bytes: number) => void;
  readonly #chunks: ArrayBuffer[] = [];
  #state: 'open' | 'ended' | 'failed' = 'open';
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(giveCredit: (bytes: number) => void) {
    this.#giveCredit = giveCredit;
    // No queue of its own: what waits is bounded by the credit.
    this.stream = new ReadableStream(
      { type: 'bytes', pull: (controller: ReadableByteStreamController) => this.#pull(controller), cancel: () => this.#drop() },
      { highWaterMark: 0 },
    );
  }

  push(bytes: ArrayBuffer): void {
    if (this.#state !== 'open') return;
    this.#chunks.push(bytes);
    this.#wake?.();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#chunks.length = 0;
    this.#wake?.();
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    while (this.#chunks.length === 0 && this.#state === 'open') {
      await new Promise<void>((resolve) => { this.#wake = resolve; });
      this.#wake = undefined;
    }
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#giveCredit(chunk.byteLength);
      controller.enqueue(new Uint8Array(chunk));
    } else if (this.#state === 'failed') {
      controller.error(this.#failure);
    } else {
      controller.close();
      // A reader that brought its own buffer waits for this word.
      (controller.byobRequest as { respond(bytes: number): void } | undefined | null)?.respond(0);
    }
  }

  /** Nobody reads any more: take the rest off the caller's hands. */
  #drop(): void {
    for (const chunk of this.#chunks.splice(0)) this.#giveCredit(chunk.byteLength);
    this.push = (bytes) => this.#giveCredit(bytes.byteLength);
  }
}
