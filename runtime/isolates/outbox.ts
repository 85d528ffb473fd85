// Collects the words of one turn of the event loop and posts them as one message: the price of a hop is paid per
// message, hardly per word.
import type { MessagePort } from 'node:worker_threads';
import type { Wire, WordSink } from './protocol.ts';

export class Outbox implements WordSink {
  words: Wire[] = [];
  transfers: ArrayBuffer[] = [];
  readonly #port: MessagePort;
  #state: 'empty' | 'scheduled' = 'empty';

  constructor(port: MessagePort) {
    this.#port = port;
  }

  /** Call after words were pushed. They leave when this turn's I/O events have been handled. */
  schedule(): void {
    if (this.#state === 'scheduled') return;
    this.#state = 'scheduled';
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const { words, transfers } = this;
    this.#state = 'empty';
    this.words = [];
    this.transfers = [];
    this.#port.postMessage(words, transfers);
  };
}
