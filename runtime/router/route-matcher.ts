// Finds the route of a request by Hono's own routers, so that a manifest's paths mean here what they mean in the handler's Hono
// app. Keeps the rules: no match is NO_ROUTE, a match of other methods only is BAD_METHOD, and neither a match nor a change takes
// longer because there are thousands of other functions.
//
// Hono's routers compile all their routes into one, at a cost that grows faster than their number (10,000 routes: 14 s, and 1.4 ms
// a match). So routes stand in a tree by the literal segments that they begin with, and each place has a small router of its own.
import { METHOD_NAME_ALL, type Router } from 'hono/router';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import type { RoutePattern } from '../function.ts';

export type RouteMiss = { readonly kind: 'no-route' } | { readonly kind: 'bad-method'; readonly allow: readonly string[] };

export interface RouteTo<Target> {
  readonly pattern: RoutePattern;
  readonly target: Target;
}

interface Standing<Target> extends RouteTo<Target> {
  readonly owner: string;
  /** Of two that fit the lower one answers. */
  readonly order: number;
}

interface Place<Target> {
  readonly parent: Place<Target> | undefined;
  readonly segment: string;
  readonly below: Map<string, Place<Target>>;
  routes: Standing<Target>[];
  /** Of `routes`, made when a request first comes by. */
  router: Router<Standing<Target>> | undefined;
}

/** From here on one that is compiled costs more than it saves. */
const COMPILED_MAX = 100;

export class RouteMatcher<Target> {
  readonly #root: Place<Target> = newPlace<Target>(undefined, '');
  /** Where an owner's routes stand. */
  readonly #places = new Map<string, ReadonlySet<Place<Target>>>();
  readonly #methods = new Set<string>();
  #lastOrder = 0;

  constructor(routes: Iterable<RouteTo<Target>> = []) {
    this.replace('', [...routes]);
  }

  /** The owner's routes are these from now on. Between owners there is no order: their routes must not overlap. */
  replace(owner: string, routes: readonly RouteTo<Target>[]): void {
    for (const place of this.#places.get(owner) ?? []) {
      place.routes = place.routes.filter((route) => route.owner !== owner);
      place.router = undefined;
      prune(place);
    }
    const places = new Set<Place<Target>>();
    for (const { pattern, target } of routes) {
      const place = this.#placeOf(pattern.path);
      place.routes.push({ pattern, target, owner, order: ++this.#lastOrder });
      place.router = undefined;
      places.add(place);
      if (pattern.method !== undefined) this.#methods.add(pattern.method);
    }
    if (places.size === 0) this.#places.delete(owner);
    else this.#places.set(owner, places);
  }

  /** The first route that fits. HEAD falls back to GET, as every HTTP server does. */
  find(method: string, path: string): Target | undefined {
    const found = this.#first(method, path) ?? (method === 'HEAD' ? this.#first('GET', path) : undefined);
    return found?.target;
  }

  /** Why `find` found nothing. */
  explainMiss(path: string): RouteMiss {
    const allow = [...this.#methods].filter((method) => this.find(method, path) !== undefined);
    if (allow.length === 0) return { kind: 'no-route' };
    if (allow.includes('GET') && !allow.includes('HEAD')) allow.push('HEAD');
    return { kind: 'bad-method', allow: allow.sort() };
  }

  /** Every place on the path's way may have a route that fits: `/a/:id` stands above `/a/b`. */
  #first(method: string, path: string): Standing<Target> | undefined {
    let place: Place<Target> | undefined = this.#root;
    let best = firstAt(place, method, path);
    for (let from = 1; from !== 0;) {
      const slash = path.indexOf('/', from);
      place = place.below.get(path.slice(from, slash === -1 ? path.length : slash));
      if (place === undefined) break;
      const found = firstAt(place, method, path);
      if (best === undefined || (found !== undefined && found.order < best.order)) best = found ?? best;
      from = slash + 1;
    }
    return best;
  }

  #placeOf(path: string): Place<Target> {
    let place = this.#root;
    for (const segment of literalPrefix(path)) {
      const next = place.below.get(segment) ?? newPlace(place, segment);
      place.below.set(segment, next);
      place = next;
    }
    return place;
  }
}

/** Throws where Hono has no meaning for the path. */
export function compilePath(path: string): void {
  newRouter([{ pattern: { method: undefined, path }, target: path, owner: '', order: 0 }]).match('GET', '/');
}

function newPlace<Target>(parent: Place<Target> | undefined, segment: string): Place<Target> {
  return { parent, segment, below: new Map(), routes: [], router: undefined };
}

/** So that names that come and go leave nothing. */
function prune<Target>(place: Place<Target>): void {
  for (let one = place; one.parent !== undefined && one.routes.length === 0 && one.below.size === 0; one = one.parent) one.parent.below.delete(one.segment);
}

function firstAt<Target>(place: Place<Target>, method: string, path: string): Standing<Target> | undefined {
  if (place.routes.length === 0) return undefined;
  place.router ??= newRouter(place.routes);
  return place.router.match(method, path)[0][0]?.[0];
}

function newRouter<Target>(routes: readonly Standing<Target>[]): Router<Standing<Target>> {
  const router = routes.length > COMPILED_MAX ? new TrieRouter<Standing<Target>>()
    : new SmartRouter<Standing<Target>>({ routers: [new RegExpRouter(), new TrieRouter()] });
  for (const route of routes) router.add(route.pattern.method ?? METHOD_NAME_ALL, route.pattern.path, route);
  return router;
}

/** Segments that stand for themselves, up to the first that may not. */
function literalPrefix(path: string): readonly string[] {
  const segments = path.slice(1).split('/');
  const end = segments.findIndex((segment) => /[:*{}?]/.test(segment));
  return end === -1 ? segments : segments.slice(0, end);
}

/** A path as Hono's app sees it: percent escapes of plain characters decoded. */
export function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURI(path.replaceAll('%25', '%2525'));
  } catch {
    return path;
  }
}
