// The isolate's line to the control thread: questions about pools that are not resident, log lines, news of itself.
import type { MessagePort } from 'node:worker_threads';
import { fromPlainError, PilotlightError } from '../errors.ts';
import type { Acquired, FromIsolate, LogLine, ToIsolate } from './setup.ts';

/** Waits for pools at once in one isolate; the function's concurrency bounds the requests, this bounds their fan-out. */
const ASKS_MAX = 4096;

interface Ask {
  readonly resolve: (acquired: Acquired) => void;
  readonly reject: (error: Error) => void;
}

export class ControlLine {
  readonly #port: MessagePort;
  readonly #asks = new Map<number, Ask>();
  #lastAsk = 0;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  tell(news: FromIsolate): void {
    this.#port.postMessage(news);
  }

  tellLog(lines: readonly LogLine[], dropped: number): void {
    this.tell({ kind: 'log', lines, dropped });
  }

  acquire(key: string, binding: string): Promise<Acquired> {
    if (this.#asks.size >= ASKS_MAX) {
      const text = `env.${binding}: ${ASKS_MAX} runs of this isolate wait for pools already; send fewer at once`;
      return Promise.reject(new PilotlightError('TOO_BUSY', text));
    }
    const ask = ++this.#lastAsk;
    return new Promise((resolve, reject) => {
      this.#asks.set(ask, { resolve, reject });
      this.tell({ kind: 'acquire', ask, key, binding });
    });
  }

  /** The control thread's answer to `acquire`. */
  settle(answer: Extract<ToIsolate, { kind: 'acquired' | 'refused' }>): void {
    const ask = this.#asks.get(answer.ask);
    this.#asks.delete(answer.ask);
    if (answer.kind === 'acquired') ask?.resolve(answer.acquired);
    else ask?.reject(fromPlainError(answer.error));
  }
}
