// The route table as an ingress thread reads it. A request's function is found first, then one of its versions by share, key
// or the caller's own word, then the route by that version's manifest alone: what another version has added is not there.
import { assert, PilotlightError, type ErrorPlain } from '../errors.ts';
import { chooseByKey, chooseByPoint } from '../router/choose-version.ts';
import { RouteMatcher, type RouteMiss } from '../router/route-matcher.ts';
import { routeLabel, type RouteTable, type Share } from '../router/table.ts';
import { targetKey } from './orders.ts';
import type { Target } from './target.ts';

export interface Route {
  readonly kind: 'route';
  readonly label: string;
  readonly target: Target;
}

/** Stands for a version that does not run. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly refusal: ErrorPlain;
}

/** What a caller says about the version that he wants; undefined: nothing. */
export interface Wish {
  /** `digits@3f2a9c1d`, the digits alone, or more of them. */
  readonly version: string | undefined;
  /** Requests with the same key meet the same version. */
  readonly key: string | undefined;
}

interface SplitVersion extends Share {
  readonly target: Target;
  readonly routes: RouteMatcher<Route>;
}

type Split = readonly SplitVersion[];

export class RouteBook {
  readonly #matcher: RouteMatcher<Route | Refusal | Split>;
  /** 0 or more, less than 1. */
  readonly #random: () => number;

  constructor(table: RouteTable, findTarget: (key: string) => Target | undefined, random: () => number = Math.random) {
    this.#random = random;
    const refusals = table.entries.flatMap(({ pattern, refusal }) => (refusal === undefined ? [] : [{ pattern, target: { kind: 'refusal', refusal } as const }]));
    const routes = table.entries.filter(({ refusal }) => refusal === undefined).map((entry) => {
      const target = findTarget(targetKey({ name: entry.function, version: entry.version }));
      assert(target !== undefined, `route table ${table.generation} names ${entry.function}@${entry.version}, which was not attached`);
      return { pattern: entry.pattern, target: { kind: 'route', label: routeLabel(entry.pattern), target } as const };
    });
    const splits = new Map(table.splits.map(({ function: name, shares }): [string, Split] => [name, shares.map((share) => {
      const own = routes.filter(({ target: { target } }) => target.name === name && target.version === share.version);
      const target = findTarget(targetKey({ name, version: share.version }));
      assert(target !== undefined, `route table ${table.generation} splits ${name} over ${share.version}, which was not attached`);
      return { ...share, target, routes: new RouteMatcher(own) };
    })]));
    this.#matcher = new RouteMatcher<Route | Refusal | Split>([
      ...routes.map(({ pattern, target }) => ({ pattern, target: splits.get(target.target.name) ?? target })), ...refusals,
    ]);
  }

  /** Throws NO_VERSION when the caller wants a version that is not part of the deployment. */
  find(method: string, path: string, wish: Wish): Route | Refusal | RouteMiss {
    // Nobody's handler answers it: it would show a caller's own headers to scripts.
    const found = method === 'TRACE' ? undefined : this.#matcher.find(method, path);
    if (found === undefined) return this.#matcher.explainMiss(path);
    if ('kind' in found) {
      if (found.kind === 'route' && wish.version !== undefined) pickWanted([found], wish.version);
      return found;
    }
    const { routes, target } = this.#choose(found, wish);
    const route = routes.find(method, path) ?? routes.explainMiss(path);
    if (route.kind !== 'no-route') return route;
    throw new PilotlightError('NO_ROUTE', `${target.label} has no route for ${JSON.stringify(path.slice(0, 200))}; another version of ${target.name} has one, which Pilotlight-Version asks for`);
  }

  #choose(split: Split, { version, key }: Wish): SplitVersion {
    if (version !== undefined) return pickWanted(split, version);
    return key === undefined ? chooseByPoint(split, this.#random()) : chooseByKey(split, key);
  }
}

/** By its label or any longer part of its digest. */
function pickWanted<T extends { readonly target: Target }>(deployed: readonly T[], wanted: string): T {
  const at = wanted.indexOf('@');
  const digits = wanted.slice(at + 1);
  const found = digits.length < 8 ? [] : deployed.filter(({ target }) => (at === -1 || target.name === wanted.slice(0, at)) && target.version.startsWith(digits));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const labels = deployed.map(({ target }) => target.label).join(', ');
  throw new PilotlightError('NO_VERSION', `Pilotlight-Version asks for ${JSON.stringify(wanted.slice(0, 200))}; this route is served by ${labels}`);
}
