// The request listener: gives each request its identity, finds its version by the route table in force, and hands it to an
// exchange. Every refusal becomes an answer here and nowhere else.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { fromPlainError, PilotlightError, toPlainError } from '../errors.ts';
import { decodePath, type RouteMiss } from '../router/route-matcher.ts';
import type { TableChanges } from '../router/table-changes.ts';
import { Exchange, type Destination, type ExchangeHost } from './exchange.ts';
import type { Health } from './orders.ts';
import type { Pause } from './pause.ts';
import { readFields, type RequestFields } from './request-fields.ts';
import { parseTarget } from './request-target.ts';
import { RouteBook } from './route-book.ts';
import type { Target } from './target.ts';
import { continueTrace, RequestIds } from './trace-context.ts';

export interface FrontOptions {
  readonly host: ExchangeHost;
  readonly traceSampling: number;
  readonly health: () => Health;
  readonly findTarget: (key: string) => Target | undefined;
  /** Of a function whose requests are to wait. */
  readonly findPause: (name: string) => Pause | undefined;
}

/** `private`: the listener for golden requests, which only the control thread can reach. */
export type Door = 'public' | 'private';

export class Front {
  readonly #options: FrontOptions;
  readonly #ids = new RequestIds();
  readonly #routes: RouteBook;
  #generation = 0;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#routes = new RouteBook(options.findTarget);
  }

  get generation(): number {
    return this.#generation;
  }

  /** Requests that arrive from now on are routed by the table of this generation. */
  publish(changes: TableChanges): void {
    this.#routes.apply(changes);
    this.#generation = changes.generation;
  }

  handle(request: IncomingMessage, response: ServerResponse, door: Door, expects: 'nothing' | 'continue'): void {
    const arrivedMs = monotonicMs();
    const fields = readFields(request.rawHeaders);
    const trace = continueTrace(fields.traceparent, fields.tracestate, this.#options.traceSampling);
    const exchange = new Exchange({
      request, response, host: this.#options.host, requestId: this.#ids.next(), fields, trace, arrivedMs, expects,
    });
    this.#serve(exchange, () => this.#route(exchange, request, fields, door));
  }

  #serve(exchange: Exchange, work: () => void): void {
    try {
      work();
    } catch (error) {
      exchange.refuse(error instanceof PilotlightError ? error : fromPlainError(toPlainError(error, 'BAD_REQUEST')));
    }
  }

  #route(exchange: Exchange, request: IncomingMessage, fields: RequestFields, door: Door): void {
    const method = request.method ?? 'GET';
    if (fields.host === undefined && request.httpVersion === '1.1') throw new PilotlightError('BAD_REQUEST', 'the request has no Host header; HTTP/1.1 asks for one');
    const { url, path } = parseTarget(request.url ?? '/', fields.host);
    if (door === 'private') return exchange.serve(this.#goldenDestination(fields.goldenTarget, url, method, path));
    if (path.startsWith('/v2/') || path === '/v2') return this.#reserved(exchange, method, path);
    const routed = decodePath(path);
    const route = this.#routes.find(method, routed, fields);
    if (route.kind === 'refusal') throw fromPlainError(route.refusal);
    if (route.kind !== 'route') return this.#miss(exchange, method, routed, route);
    const destination = { target: route.target, route: route.label, url, link: undefined };
    const pause = this.#options.findPause(route.target.name);
    if (pause === undefined) return exchange.serve(destination);
    // What it waited for may have other routes, shares and versions.
    exchange.pause(destination, pause, () => this.#serve(exchange, () => this.#route(exchange, request, fields, door)));
  }

  /** `/v2/` belongs to the Open Inference Protocol; of it the host answers for its own health. */
  #reserved(exchange: Exchange, method: string, path: string): void {
    const isLive = path === '/v2/health/live';
    if (!isLive && path !== '/v2/health/ready') throw new PilotlightError('NO_ROUTE', `no model is served at ${path}`);
    if (method !== 'GET' && method !== 'HEAD') return exchange.refuse(badMethod(method, path, ['GET', 'HEAD']), ['Allow', 'GET, HEAD']);
    const isReady = isLive || this.#options.health() === 'ready';
    exchange.reply(isReady ? 200 : 503, 'application/json', JSON.stringify(isLive ? { live: true } : { ready: isReady }));
  }

  #miss(exchange: Exchange, method: string, path: string, miss: RouteMiss): void {
    if (miss.kind === 'no-route') throw new PilotlightError('NO_ROUTE', `no function has a route for ${JSON.stringify(path.slice(0, 200))}`);
    exchange.refuse(badMethod(method, path, miss.allow), ['Allow', miss.allow.join(', ')]);
  }

  #goldenDestination(text: string | undefined, url: string, method: string, path: string): Destination {
    const at = text?.lastIndexOf('#') ?? -1;
    const target = text === undefined || at === -1 ? undefined : this.#options.findTarget(text.slice(0, at));
    const index = Number(text?.slice(at + 1));
    const link = target?.links.find((candidate) => candidate.index === index && candidate.role !== 'retiring');
    if (target === undefined || link === undefined) throw new PilotlightError('NO_VERSION', `no isolate ${text ?? ''} runs for a golden request`);
    return { target, route: `${method} ${path}`, url, link };
  }
}

function badMethod(method: string, path: string, allow: readonly string[]): PilotlightError {
  return new PilotlightError('BAD_METHOD', `${method} is not allowed for ${JSON.stringify(path.slice(0, 200))}; ${allow.join(', ')} would do`);
}
