// The request listener: gives each request its identity, finds its version by the route table in force, and hands it to an
// exchange. Every refusal becomes an answer here and nowhere else.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { assert, fromPlainError, PilotlightError, toPlainError, type ErrorPlain } from '../errors.ts';
import type { RoutePattern } from '../function.ts';
import { decodePath, RouteMatcher } from '../router/route-matcher.ts';
import { routeLabel, type RouteTable } from '../router/table.ts';
import { Exchange, type Destination, type ExchangeHost } from './exchange.ts';
import { targetKey, type Health } from './orders.ts';
import { readFields, type RequestFields } from './request-fields.ts';
import { parseTarget } from './request-target.ts';
import type { Target } from './target.ts';
import { continueTrace, RequestIds } from './trace-context.ts';

export interface FrontOptions {
  readonly host: ExchangeHost;
  readonly traceSampling: number;
  readonly health: () => Health;
  readonly findTarget: (key: string) => Target | undefined;
}

/** `private`: the listener for golden requests, which only the control thread can reach. */
export type Door = 'public' | 'private';

/** A refusal stands for a version that does not run. */
type Route = { readonly label: string; readonly target: Target } | { readonly refusal: ErrorPlain };

export class Front {
  readonly #options: FrontOptions;
  readonly #ids = new RequestIds();
  #routes = new RouteMatcher<Route>([]);
  #generation = 0;

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Requests that arrive from now on are routed by this table. */
  publish(table: RouteTable): void {
    const routes = table.entries.map((entry): { pattern: RoutePattern; target: Route } => {
      if (entry.refusal !== undefined) return { pattern: entry.pattern, target: { refusal: entry.refusal } };
      const target = this.#options.findTarget(targetKey({ name: entry.function, version: entry.version }));
      assert(target !== undefined, `route table ${table.generation} names ${entry.function}@${entry.version}, which was not attached`);
      return { pattern: entry.pattern, target: { label: routeLabel(entry.pattern), target } };
    });
    this.#routes = new RouteMatcher(routes);
    this.#generation = table.generation;
  }

  handle(request: IncomingMessage, response: ServerResponse, door: Door, expects: 'nothing' | 'continue'): void {
    const arrivedMs = monotonicMs();
    const fields = readFields(request.rawHeaders);
    const trace = continueTrace(fields.traceparent, fields.tracestate, this.#options.traceSampling);
    const exchange = new Exchange({
      request, response, host: this.#options.host, requestId: this.#ids.next(), fields, trace, arrivedMs, expects,
    });
    try {
      this.#route(exchange, request, fields, door);
    } catch (error) {
      exchange.refuse(error instanceof PilotlightError ? error : fromPlainError(toPlainError(error, 'BAD_REQUEST')));
    }
  }

  #route(exchange: Exchange, request: IncomingMessage, fields: RequestFields, door: Door): void {
    const method = request.method ?? 'GET';
    const { url, path } = parseTarget(request.url ?? '/', fields.host);
    if (door === 'private') return exchange.serve(this.#goldenDestination(fields.goldenTarget, url, method, path));
    if (path.startsWith('/v2/') || path === '/v2') return this.#reserved(exchange, method, path);
    const routed = decodePath(path);
    const route = method === 'TRACE' ? undefined : this.#routes.find(method, routed);
    if (route === undefined) return this.#miss(exchange, method, routed);
    if ('refusal' in route) throw fromPlainError(route.refusal);
    if (fields.version !== undefined) checkVersion(fields.version, route.target);
    exchange.serve({ target: route.target, route: route.label, url, link: undefined });
  }

  /** `/v2/` belongs to the Open Inference Protocol; of it the host answers for its own health. */
  #reserved(exchange: Exchange, method: string, path: string): void {
    const isLive = path === '/v2/health/live';
    if (!isLive && path !== '/v2/health/ready') throw new PilotlightError('NO_ROUTE', `no model is served at ${path}`);
    if (method !== 'GET' && method !== 'HEAD') return exchange.refuse(badMethod(method, path, ['GET', 'HEAD']), ['Allow', 'GET, HEAD']);
    const isReady = isLive || this.#options.health() === 'ready';
    exchange.reply(isReady ? 200 : 503, 'application/json', JSON.stringify(isLive ? { live: true } : { ready: isReady }));
  }

  #miss(exchange: Exchange, method: string, path: string): void {
    const miss = this.#routes.explainMiss(path);
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

/** The caller may ask for a version of the current deployment: by its label or any longer part of its digest. */
function checkVersion(wanted: string, target: Target): void {
  const at = wanted.indexOf('@');
  const name = at === -1 ? target.name : wanted.slice(0, at);
  const digest = wanted.slice(at + 1);
  if (name === target.name && digest.length >= 8 && target.version.startsWith(digest)) return;
  throw new PilotlightError('NO_VERSION', `Pilotlight-Version asks for ${JSON.stringify(wanted.slice(0, 200))}; this route is served by ${target.label}`);
}
