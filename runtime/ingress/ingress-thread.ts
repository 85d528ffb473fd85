// One ingress thread, seen from the control thread: gives orders and waits for their answers.
import { Worker, type MessagePort } from 'node:worker_threads';
import { PilotlightError } from '../errors.ts';
import type { FromIngress, IngressSetup, ToIngress } from './orders.ts';

type WithoutAsk<T> = T extends unknown ? Omit<T, 'ask'> : never;
type Question = WithoutAsk<Extract<ToIngress, { ask: number }>>;
type Notice = Exclude<ToIngress, { ask: number }>;

export interface IngressThreadListener {
  stuck(isolate: number): void;
  want(thread: number, key: string, seen: number): void;
  sink(thread: number, message: unknown): void;
  /** The thread has ended by a bug of ours; nothing listens on its socket any more. */
  died(thread: number, error: Error): void;
}

export class IngressThread {
  readonly #worker: Worker;
  readonly #setup: IngressSetup;
  readonly #listener: IngressThreadListener;
  readonly #asks = new Map<number, (count: number) => void>();
  #lastAsk = 0;
  #state: 'open' | 'closed' = 'open';
  #onStarted: { resolve(): void; reject(error: Error): void } | undefined;
  #onListening: { resolve(port: number): void; reject(error: Error): void } | undefined;
  #diedOf = new Error('bug: an ingress thread ended by itself');

  constructor(setup: IngressSetup, listener: IngressThreadListener) {
    this.#setup = setup;
    this.#listener = listener;
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), { workerData: setup, name: `ingress ${setup.index}` });
    this.#worker.on('message', (news: FromIngress) => this.#hear(news));
    this.#worker.on('error', (error: Error) => { this.#diedOf = error; });
    this.#worker.on('exit', () => this.#exit());
  }

  /** Resolves when the thread takes orders. */
  started(): Promise<void> {
    return new Promise((resolve, reject) => { this.#onStarted = { resolve, reject }; });
  }

  /** Resolves with the port when the thread accepts connections. */
  listen(): Promise<number> {
    if (this.#state === 'closed') return Promise.reject(this.#diedOf);
    return new Promise((resolve, reject) => {
      this.#onListening = { resolve, reject };
      this.tell({ kind: 'listen' });
    });
  }

  /** Resolves with the count that the thread answers; 0 when it has ended. */
  ask(question: Question, transfers: readonly MessagePort[] = []): Promise<number> {
    if (this.#state === 'closed') return Promise.resolve(0);
    const ask = ++this.#lastAsk;
    return new Promise((resolve) => {
      this.#asks.set(ask, resolve);
      this.#worker.postMessage({ ...question, ask }, transfers);
    });
  }

  tell(notice: Notice): void {
    this.#worker.postMessage(notice);
  }

  async terminate(): Promise<void> {
    this.#state = 'closed';
    await this.#worker.terminate();
  }

  #hear(news: FromIngress): void {
    switch (news.kind) {
      case 'started': return this.#onStarted?.resolve();
      case 'listening': return this.#onListening?.resolve(news.port);
      case 'refused': return (this.#onListening ?? this.#onStarted)?.reject(this.#describeRefusal(news.reason, news.code));
      case 'done': {
        this.#asks.get(news.ask)?.(news.count);
        this.#asks.delete(news.ask);
        return;
      }
      case 'want': return this.#listener.want(this.#setup.index, news.key, news.seen);
      case 'stuck': return this.#listener.stuck(news.isolate);
      case 'sink': return this.#listener.sink(this.#setup.index, news.message);
    }
  }

  #describeRefusal(reason: string, code: string | undefined): PilotlightError {
    const { listen } = this.#setup;
    const where = 'fd' in listen ? `descriptor ${listen.fd}` : `${listen.host}:${listen.port}`;
    const would = code === 'EADDRINUSE' ? '; another process has it: end that one, or choose another port (--port)' : '';
    return new PilotlightError('BAD_SETTING', `cannot listen on ${where}: ${reason}${would}`);
  }

  #exit(): void {
    for (const resolve of this.#asks.values()) resolve(0);
    this.#asks.clear();
    this.#onStarted?.reject(this.#diedOf);
    this.#onListening?.reject(this.#diedOf);
    if (this.#state === 'open') this.#listener.died(this.#setup.index, this.#diedOf);
    this.#state = 'closed';
  }
}
