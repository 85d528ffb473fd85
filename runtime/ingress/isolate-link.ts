// An ingress thread's end of the port to one isolate: sends requests, hands what comes back to the exchange it belongs to,
// and notices an isolate that no longer answers.
import type { MessagePort } from 'node:worker_threads';
import type { ErrorCode, ErrorPlain } from '../errors.ts';
import type { IsolateUse } from '../isolates/isolate-use.ts';
import { Outbox } from '../isolates/outbox.ts';
import {
  pushAbort, pushChunk, pushCredit, pushEnd, pushRequest, readForIngress,
  type AnswerHead, type HandlerDetails, type HandlerTimes, type IngressSide, type RequestHead, type WholeBody, type Wire,
} from '../isolates/protocol.ts';
import { SlotTable } from '../isolates/slot-table.ts';
import { WheelEntry, type DeadlineWheel } from './deadline-wheel.ts';

/** `spare` and `retiring` take no requests of callers. */
export type LinkRole = 'serving' | 'spare' | 'retiring';

/** The exchange's side of a dispatched request. */
export interface Dispatched {
  onAnswer(head: AnswerHead, body: WholeBody): void;
  onHead(head: AnswerHead): void;
  onChunk(bytes: ArrayBuffer): void;
  onEnd(details: HandlerDetails | undefined): void;
  onFail(error: ErrorPlain, times: HandlerTimes): void;
  onCredit(bytes: number): void;
  /** The isolate ended with the request in flight. */
  onLost(): void;
}

export interface IsolateLinkOptions {
  readonly id: number;
  readonly index: number;
  readonly port: MessagePort;
  readonly use: IsolateUse;
  readonly wheel: DeadlineWheel;
  /** The isolate has not acknowledged an abort in time: its event loop does not turn. */
  readonly onStuck: (link: IsolateLink) => void;
  /** The isolate's thread has ended. */
  readonly onGone: (link: IsolateLink) => void;
}

export class IsolateLink implements IngressSide {
  readonly id: number;
  /** Place among the version's isolates; the spare is the last. */
  index: number;
  role: LinkRole = 'spare';
  readonly #port: MessagePort;
  readonly #use: IsolateUse;
  readonly #outbox: Outbox;
  readonly #wheel: DeadlineWheel;
  readonly #inFlight = new SlotTable<Dispatched>();
  /** Aborts that were not acknowledged yet. */
  readonly #unacknowledged = new Map<number, WheelEntry>();
  readonly #onStuck: () => void;
  #state: 'open' | 'closed' = 'open';
  #onIdle: (() => void) | undefined;

  constructor({ id, index, port, use, wheel, onStuck, onGone }: IsolateLinkOptions) {
    this.id = id;
    this.index = index;
    this.#port = port;
    this.#use = use;
    this.#wheel = wheel;
    this.#outbox = new Outbox(port);
    this.#onStuck = () => onStuck(this);
    port.on('message', (words: readonly Wire[]) => readForIngress(words, this));
    // Comes after every message that the isolate sent.
    port.on('close', () => {
      this.lose();
      onGone(this);
    });
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Busy in a way that makes another isolate the better choice. */
  get isSuspect(): boolean {
    return this.#unacknowledged.size > 0;
  }

  /** Sends a request; the id names it in all that follows. */
  dispatch(head: Omit<RequestHead, 'id'>, exchange: Dispatched): number {
    const id = this.#inFlight.add(exchange);
    this.#use.enter();
    pushRequest(this.#outbox, { ...head, id });
    this.#outbox.schedule();
    return id;
  }

  sendChunk(id: number, bytes: ArrayBuffer): void {
    pushChunk(this.#outbox, id, bytes);
    this.#outbox.schedule();
  }

  sendEnd(id: number): void {
    pushEnd(this.#outbox, id);
    this.#outbox.schedule();
  }

  sendCredit(id: number, bytes: number): void {
    pushCredit(this.#outbox, id, bytes);
    this.#outbox.schedule();
  }

  /** Ends a request for its caller. The isolate must acknowledge until the given stamp. */
  abort(id: number, code: ErrorCode, acknowledgeByMs: number): void {
    if (this.#inFlight.take(id) === undefined || this.#state === 'closed') return;
    this.#use.leave();
    pushAbort(this.#outbox, id, code);
    this.#outbox.schedule();
    const entry = new WheelEntry(this.#onStuck);
    this.#unacknowledged.set(id, entry);
    this.#wheel.arm(entry, acknowledgeByMs);
    this.#checkIdle();
  }

  /** Calls once when nothing is in flight. */
  whenIdle(work: () => void): void {
    this.#onIdle = work;
    this.#checkIdle();
  }

  /** Ends the link; what is in flight is told that the isolate is lost. Twice is harmless. */
  lose(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.role = 'retiring';
    for (const entry of this.#unacknowledged.values()) this.#wheel.disarm(entry);
    this.#unacknowledged.clear();
    for (const exchange of this.#inFlight.clear()) exchange.onLost();
    this.#port.close();
    this.#checkIdle();
  }

  answer(id: number, head: AnswerHead, body: WholeBody): void {
    this.#take(id)?.onAnswer(head, body);
  }

  head(id: number, head: AnswerHead): void {
    this.#inFlight.get(id)?.onHead(head);
  }

  chunk(id: number, bytes: ArrayBuffer): void {
    this.#inFlight.get(id)?.onChunk(bytes);
  }

  end(id: number, details: HandlerDetails | undefined): void {
    this.#take(id)?.onEnd(details);
  }

  fail(id: number, error: ErrorPlain, times: HandlerTimes): void {
    this.#take(id)?.onFail(error, times);
  }

  credit(id: number, bytes: number): void {
    this.#inFlight.get(id)?.onCredit(bytes);
  }

  aborted(id: number): void {
    const entry = this.#unacknowledged.get(id);
    if (entry === undefined) return;
    this.#unacknowledged.delete(id);
    this.#wheel.disarm(entry);
  }

  #take(id: number): Dispatched | undefined {
    const exchange = this.#inFlight.take(id);
    if (exchange !== undefined) this.#use.leave();
    this.#checkIdle();
    return exchange;
  }

  #checkIdle(): void {
    if (this.#onIdle === undefined || this.#inFlight.size > 0) return;
    const work = this.#onIdle;
    this.#onIdle = undefined;
    work();
  }
}
