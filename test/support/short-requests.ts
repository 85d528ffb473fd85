// Requests on connections of their own, so that each meets the listening sockets: what a client sees of a restart.
import { request } from 'node:http';

export interface Outcome {
  /** Status, or the code of the failure: ECONNREFUSED, ECONNRESET. */
  readonly result: number | string;
  readonly body: string;
  readonly code?: string;
}

export function askOnce(port: number, path = '/'): Promise<Outcome> {
  return new Promise((resolve) => {
    const asking = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.once('end', () => resolve({ result: response.statusCode ?? 0, body }));
      response.once('error', (error: NodeJS.ErrnoException) => resolve({ result: error.code ?? error.message, body }));
    });
    asking.once('error', (error: NodeJS.ErrnoException) => resolve({ result: error.code ?? error.message, body: '' }));
    asking.end();
  });
}

/** Keeps `clients` requests going until it is stopped; counts results. To be held by `using`: a test that fails must not go on asking. */
export class Load implements Disposable {
  readonly counts = new Map<number | string, number>();
  readonly #ended: Promise<unknown>;
  readonly #waiters: { body: string; left: number; resolve: () => void }[] = [];
  #state: 'running' | 'stopping' = 'running';

  constructor(port: number, clients: number) {
    this.#ended = Promise.all(Array.from({ length: clients }, async () => {
      while (this.#state === 'running') this.#count(await askOnce(port));
    }));
  }

  /** Resolves after so many answers with this body from now on. */
  answers(body: string, count: number): Promise<void> {
    return new Promise((resolve) => this.#waiters.push({ body, left: count, resolve }));
  }

  async stop(): Promise<ReadonlyMap<number | string, number>> {
    this.#state = 'stopping';
    await this.#ended;
    return this.counts;
  }

  [Symbol.dispose](): void {
    this.#state = 'stopping';
  }

  #count({ result, body }: Outcome): void {
    this.counts.set(result, (this.counts.get(result) ?? 0) + 1);
    for (const waiter of this.#waiters) {
      if (!body.includes(waiter.body)) continue;
      waiter.left -= 1;
      if (waiter.left === 0) waiter.resolve();
    }
  }
}
