// Answers in place of a host that is not there: 503 with Retry-After, at once and to everybody, from copies
// of the listening descriptors. Between `open` and `close` only: when `close` returns it accepts no more, so
// that the next host can. Slow clients cannot use up its descriptors: connections are few and short.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer as createListener } from 'node:net';
import type { Server as Listener, Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { describeThrown, problemBody } from '../errors.ts';
import { BACKLOG } from './listeners.ts';
import type { Listeners } from './listeners.ts';
import type { Sockets } from './sockets.ts';

/** Over it, connections wait in the kernel until some have ended. */
const CONNECTIONS_MAX = 128;
/** A connection that has not sent its request, or not read its answer, is cut. */
const CONNECTION_MS = 2000;
/** New connections are answered for so long at the end, should they never cease. */
const FINISH_MS = 200;

/** functions: the host still answers its admin API, while it drains. */
export type AnswerScope = 'functions' | 'all';

export interface Excuse {
  readonly code: 'RESTARTING' | 'DRAINING';
  readonly message: string;
  readonly retryAfterS: number;
}

export interface AnswererOptions {
  readonly listeners: Listeners;
  readonly sockets: Pick<Sockets, 'duplicate'>;
  readonly clock: Clock;
  /** Asked for each answer. */
  readonly excuse: () => Excuse;
  readonly onFailure: (reason: string) => void;
}

export class Answerer {
  readonly #options: AnswererOptions;
  readonly #connections = new Set<Socket>();
  readonly #functions: HttpServer;
  readonly #admin: HttpServer;
  #state: 'closed' | 'open' | 'full' = 'closed';
  #scope: AnswerScope = 'all';
  #listening: Listener[] = [];
  #accepted = 0;

  constructor(options: AnswererOptions) {
    this.#options = options;
    this.#functions = this.#speaker(() => false);
    // Alive is right: nobody outside needs to restart what restarts itself.
    this.#admin = this.#speaker((path) => path === '/livez');
  }

  /** Again is harmless; with another scope it widens or narrows. */
  open(scope: AnswerScope): void {
    if (this.#state !== 'closed' && this.#scope === scope) return;
    this.close();
    this.#scope = scope;
    this.#state = 'open';
    this.#listen();
  }

  close(): void {
    this.#state = 'closed';
    this.#stopListening();
  }

  /** Answers whoever still waits in the kernel, then closes and lets the answers out. For the end: nobody listens after. */
  async finish(): Promise<void> {
    this.open('all');
    const untilMs = this.#options.clock.nowMs() + FINISH_MS;
    for (let before = -1; before !== this.#accepted && this.#options.clock.nowMs() < untilMs;) {
      before = this.#accepted;
      if (this.#state === 'full') await Promise.race([...this.#connections].map(closed));
      // A whole turn of the event loop without a new connection: the kernel's queues are empty.
      await nextTurn();
      await nextTurn();
    }
    this.close();
    await Promise.all([...this.#connections].map(closed));
  }

  #listen(): void {
    const { ingress, admin } = this.#options.listeners;
    try {
      for (const fd of ingress) this.#accept(fd, this.#functions);
      if (this.#scope === 'all') this.#accept(admin, this.#admin);
    } catch (error) {
      this.#fail(error);
    }
  }

  #accept(fd: number, speaker: HttpServer): void {
    const copy = this.#options.sockets.duplicate(fd);
    const listener = createListener({ allowHalfOpen: true }, (socket) => this.#take(socket, speaker));
    listener.on('error', (error) => this.#fail(error));
    this.#listening.push(listener);
    // By position: as a property node ignores it beside `fd`, and would cut the kernel's queue to 511 for the next host too.
    listener.listen({ fd: copy }, BACKLOG);
  }

  #fail(error: unknown): void {
    this.close();
    this.#options.onFailure(describeThrown(error));
  }

  #stopListening(): void {
    // Stops accepting before it returns; connections that it has taken go on.
    for (const listener of this.#listening) listener.close();
    this.#listening = [];
  }

  #take(socket: Socket, speaker: HttpServer): void {
    this.#accepted += 1;
    this.#connections.add(socket);
    const cut = this.#options.clock.after(CONNECTION_MS, () => socket.destroy());
    socket.once('close', () => {
      cut.cancel();
      this.#connections.delete(socket);
      this.#resume();
    });
    speaker.emit('connection', socket);
    if (this.#connections.size >= CONNECTIONS_MAX && this.#state === 'open') {
      this.#state = 'full';
      this.#stopListening();
    }
  }

  #resume(): void {
    if (this.#state !== 'full' || this.#connections.size > CONNECTIONS_MAX / 2) return;
    this.#state = 'open';
    this.#listen();
  }

  #speaker(isAlive: (path: string) => boolean): HttpServer {
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      if (isAlive(request.url ?? '')) respondAlive(response);
      else respondExcuse(response, this.#options.excuse());
      // What is still coming is read and dropped: closing on it would reset the connection before the answer is read.
      request.resume();
      request.once('end', () => response.end());
    };
    const speaker = createServer({ keepAlive: false }, answer);
    // Not asked to go on, the client keeps its body.
    speaker.on('checkContinue', (request, response) => {
      answer(request, response);
      response.end();
    });
    return speaker;
  }
}

function respondAlive(response: ServerResponse): void {
  const body = 'restarting\n';
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length, 'cache-control': 'no-store', connection: 'close' });
  response.write(body);
}

function respondExcuse(response: ServerResponse, { code, message, retryAfterS }: Excuse): void {
  const requestId = randomUUID();
  const body = JSON.stringify(problemBody({ code, message }, requestId));
  response.writeHead(503, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'pilotlight-request-id': requestId,
    'retry-after': String(retryAfterS),
    connection: 'close',
  });
  response.write(body);
}

function closed(connection: Socket): Promise<void> {
  return new Promise((resolve) => connection.once('close', () => resolve()));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
