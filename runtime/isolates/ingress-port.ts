// The isolate's end of the port to one ingress thread: starts invocations and sends what they say in batches.
import type { MessagePort } from 'node:worker_threads';
import type { ErrorCode, ErrorPlain } from '../errors.ts';
import { Invocation, type InvocationSink } from './invocation.ts';
import { ItemsById } from './items-by-id.ts';
import type { LoadedHandler } from './loaded-handler.ts';
import { Outbox } from './outbox.ts';
import {
  pushAborted, pushAnswer, pushChunk, pushCredit, pushEnd, pushFail, pushHead, readForIsolate,
  type AnswerHead, type HandlerDetails, type HandlerTimes, type IsolateSide, type RequestHead, type WholeBody, type Wire,
} from './protocol.ts';

export class IngressPort implements IsolateSide, InvocationSink {
  readonly #loaded: LoadedHandler;
  readonly #outbox: Outbox;
  readonly #running = new ItemsById<Invocation>();

  constructor(port: MessagePort, loaded: LoadedHandler) {
    this.#loaded = loaded;
    this.#outbox = new Outbox(port);
    port.on('message', (words: readonly Wire[]) => readForIsolate(words, this));
  }

  request(head: RequestHead): void {
    const invocation = new Invocation(head, this.#loaded, this);
    this.#running.put(head.id, invocation);
    invocation.start();
  }

  chunk(id: number, bytes: ArrayBuffer): void {
    this.#running.get(id)?.chunk(bytes);
  }

  end(id: number): void {
    this.#running.get(id)?.end();
  }

  credit(id: number, bytes: number): void {
    this.#running.get(id)?.credit(bytes);
  }

  abort(id: number, code: ErrorCode): void {
    pushAborted(this.#outbox, id);
    this.#outbox.schedule();
    this.#running.get(id)?.abort(code);
  }

  sendAnswer(id: number, head: AnswerHead, body: WholeBody): void {
    pushAnswer(this.#outbox, id, head, body);
    this.#outbox.schedule();
  }

  sendHead(id: number, head: AnswerHead): void {
    pushHead(this.#outbox, id, head);
    this.#outbox.schedule();
  }

  sendChunk(id: number, bytes: ArrayBuffer): void {
    pushChunk(this.#outbox, id, bytes);
    this.#outbox.schedule();
  }

  sendEnd(id: number, details: HandlerDetails | undefined): void {
    pushEnd(this.#outbox, id, details);
    this.#outbox.schedule();
  }

  sendFail(id: number, error: ErrorPlain, times: HandlerTimes): void {
    pushFail(this.#outbox, id, error, times);
    this.#outbox.schedule();
  }

  sendCredit(id: number, bytes: number): void {
    pushCredit(this.#outbox, id, bytes);
    this.#outbox.schedule();
  }

  settled(id: number): void {
    this.#running.take(id);
  }
}
