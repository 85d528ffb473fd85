// One ingress thread's share of the data plane: its server, the targets it knows, and the orders of the control thread.
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import { monotonicMs, realClock } from '../clock.ts';
import { describeThrown, fromPlainError } from '../errors.ts';
import { IsolateUse } from '../isolates/isolate-use.ts';
import type { RequestRecord } from '../records.ts';
import { Connections } from './connections.ts';
import { DeadlineWheel } from './deadline-wheel.ts';
import type { ExchangeHost } from './exchange.ts';
import { Front, type Door } from './front.ts';
import { createHttpServer } from './http-server.ts';
import { IsolateLink } from './isolate-link.ts';
import { targetKey, type FromIngress, type Health, type IngressSetup, type Listen, type ToIngress } from './orders.ts';
import { Pause } from './pause.ts';
import type { RecordSink } from './record-sink.ts';
import { Target, type TargetPlan } from './target.ts';

const TICK_MS = 10;
const BUCKETS = 2048;
const ACKNOWLEDGE_MS = 400;
/** Idle connections live this long into a drain, so that a request on its way to one is still answered. */
const IDLE_LINGER_MS = 200;

type Order<Kind extends ToIngress['kind']> = Extract<ToIngress, { kind: Kind }>;

export class Ingress implements ExchangeHost {
  readonly wheel = new DeadlineWheel({ clock: realClock, tickMs: TICK_MS, buckets: BUCKETS });
  readonly bodyIdleTimeoutMs: number;
  readonly acknowledgeMs = ACKNOWLEDGE_MS;
  readonly #tell: (news: FromIngress) => void;
  readonly #sink: RecordSink;
  readonly #front: Front;
  readonly #servers: Server[] = [];
  readonly #connections: Connections[] = [];
  #closed: readonly Promise<void>[] = [];
  readonly #targets = new Map<string, Target>();
  /** By function. */
  readonly #pauses = new Map<string, Pause>();
  /** Out of which requests still go on by and by. */
  readonly #overPauses = new Set<Pause>();
  readonly #links = new Map<number, { readonly link: IsolateLink; readonly target: Target }>();
  readonly #connectionsMax: number;
  readonly #place: Listen;
  readonly #index: number;
  #health: Health = 'starting';

  constructor(setup: IngressSetup, sink: RecordSink, tell: (news: FromIngress) => void) {
    this.bodyIdleTimeoutMs = setup.bodyIdleTimeoutMs;
    this.#connectionsMax = setup.connectionsMax;
    this.#place = setup.listen;
    this.#index = setup.index;
    this.#sink = sink;
    this.#tell = tell;
    this.#front = new Front({
      host: this, traceSampling: setup.traceSampling, health: () => this.#health, findTarget: (key) => this.#targets.get(key),
      findPause: (name) => this.#pauses.get(name),
    });
  }

  get isDraining(): boolean {
    return this.#health === 'draining';
  }

  record(record: RequestRecord): void {
    this.#sink.record(record);
  }

  async listen(listen: Listen | { readonly path: string }, door: Door): Promise<number> {
    const server = createHttpServer({
      connectionsMax: this.#connectionsMax,
      onRequest: (request, response, expects) => this.#front.handle(request, response, door, expects),
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // Node takes the queue's length of a descriptor as an argument only; without it the kernel's queue would shrink for all who share it.
      if ('fd' in listen) server.listen({ fd: listen.fd }, listen.backlog, resolve);
      else server.listen(listen, resolve);
    });
    this.#servers.push(server);
    this.#connections.push(new Connections(server));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  obey(order: ToIngress): void {
    switch (order.kind) {
      case 'listen': return void this.#open();
      case 'declare': return void this.#target(order.target);
      case 'attach': return this.#attach(order);
      case 'refuse': return this.#targets.get(order.key)?.refuseWaiting(fromPlainError(order.error));
      case 'promote': return this.#promote(order);
      case 'retire': return this.#retire(order);
      case 'lose': return this.#lose(order.isolate);
      case 'table': return this.#publish(order);
      case 'drain': return this.#drain(order);
      case 'cut': return this.#done(order.ask, this.#targets.get(order.key)?.cutAll('DRAINING', 'the version was replaced and its drain deadline has passed') ?? 0);
      case 'pause': return this.#pause(order);
      case 'resume': return this.#resume(order);
      case 'forget': return this.#forget(order);
      case 'health': return this.#announce(order.health);
      case 'release': return this.#release(order);
      case 'close': return void this.#close(order);
    }
  }

  async #open(): Promise<void> {
    try {
      this.#tell({ kind: 'listening', port: await this.listen(this.#place, 'public') });
    } catch (error) {
      this.#tell({ kind: 'refused', reason: describeThrown(error), code: (error as NodeJS.ErrnoException).code });
    }
  }

  #done(ask: number, count = 0): void {
    this.#tell({ kind: 'done', ask, count });
  }

  #target(plan: TargetPlan): Target {
    const key = targetKey(plan);
    const target = this.#targets.get(key) ?? new Target(plan, (seen) => this.#tell({ kind: 'want', key, seen }));
    this.#targets.set(key, target);
    return target;
  }

  #attach({ ask, target: plan, isolate, use, index, role, port, note }: Order<'attach'>): void {
    const target = this.#target(plan);
    const link = new IsolateLink({
      id: isolate, index, port, use: new IsolateUse(use), wheel: this.wheel,
      onStuck: () => this.#tell({ kind: 'stuck', isolate }),
      onGone: () => this.#lose(isolate),
    });
    link.role = role;
    target.links.push(link);
    this.#links.set(isolate, { link, target });
    if (role === 'serving') target.serveWaiting(note, note.thread === this.#index);
    this.#done(ask);
  }

  #promote({ isolate, index }: Order<'promote'>): void {
    const entry = this.#links.get(isolate);
    if (entry === undefined || entry.link.role === 'retiring') return;
    entry.link.role = 'serving';
    entry.link.index = index;
    entry.target.serveWaiting();
  }

  #retire({ ask, isolate }: Order<'retire'>): void {
    const entry = this.#links.get(isolate);
    if (entry === undefined) return this.#done(ask);
    entry.link.role = 'retiring';
    entry.target.lost();
    entry.link.whenIdle(() => this.#done(ask));
  }

  #lose(isolate: number): void {
    const entry = this.#links.get(isolate);
    if (entry === undefined) return;
    this.#links.delete(isolate);
    const { links } = entry.target;
    links.splice(links.indexOf(entry.link), 1);
    entry.link.lose();
    entry.target.lost();
  }

  #publish({ ask, changes }: Order<'table'>): void {
    this.#front.publish(changes);
    this.#done(ask);
  }

  #drain({ ask, key }: Order<'drain'>): void {
    const target = this.#targets.get(key);
    if (target === undefined) return this.#done(ask);
    target.whenEmpty(() => this.#done(ask));
  }

  #pause({ ask, pause }: Order<'pause'>): void {
    if (!this.#pauses.has(pause.name)) this.#pauses.set(pause.name, new Pause(pause));
    this.#done(ask);
  }

  #resume({ ask, name }: Order<'resume'>): void {
    const pause = this.#pauses.get(name);
    this.#pauses.delete(name);
    for (const over of this.#overPauses) if (over.isEmpty) this.#overPauses.delete(over);
    if (pause !== undefined) this.#overPauses.add(pause);
    pause?.resume();
    this.#done(ask);
  }

  #forget({ ask, key }: Order<'forget'>): void {
    const target = this.#targets.get(key);
    if (target !== undefined) {
      target.close();
      for (const link of target.links.slice()) this.#lose(link.id);
      this.#targets.delete(key);
    }
    this.#done(ask);
  }

  #announce(health: Health): void {
    if (this.#health !== 'draining') this.#health = health;
  }

  #release({ ask }: Order<'release'>): void {
    this.#health = 'draining';
    // http's own close would cut idle connections at once, also those that a request is on its way to.
    this.#closed = this.#servers.map((server) => new Promise<void>((resolve) => { NetServer.prototype.close.call(server, () => resolve()); }));
    this.#done(ask);
  }

  /** Lets what is in flight end until the deadline, then cuts it. */
  async #close({ ask, deadlineMs }: Order<'close'>): Promise<void> {
    const untilMs = monotonicMs() + deadlineMs;
    const closed = this.#closed;
    const idleTimer = setInterval(() => this.#connections.forEach((connections) => connections.closeIdle()), IDLE_LINGER_MS);
    const empty = [...this.#targets.values()].map((target) => new Promise<void>((resolve) => target.whenEmpty(resolve)));
    await Promise.race([Promise.all([...empty, ...closed]), after(untilMs - monotonicMs())]);
    clearInterval(idleTimer);
    let count = 0;
    for (const place of [...this.#targets.values(), ...this.#pauses.values(), ...this.#overPauses]) count += place.cutAll('DRAINING', 'the host is stopping and its drain deadline has passed');
    await Promise.race([Promise.all(closed), after(count > 0 ? IDLE_LINGER_MS : 0)]);
    for (const server of this.#servers) server.closeAllConnections();
    this.wheel.close();
    this.#sink.close();
    this.#done(ask, count);
  }
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, Math.max(0, delayMs)); });
}
