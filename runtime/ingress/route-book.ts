// The route table as an ingress thread reads it. A request's function is found first, then one of its versions by share, key
// or the caller's own word, then the route by that version's manifest alone: what another version has added is not there.
import { assert, PilotlightError, type ErrorPlain } from '../errors.ts';
import type { RoutePattern } from '../function.ts';
import { chooseByKey, chooseByPoint } from '../router/choose-version.ts';
import { RouteMatcher, type RouteMiss, type RouteTo } from '../router/route-matcher.ts';
import { routeLabel, type Share } from '../router/table.ts';
import type { FunctionRoutes, TableChanges } from '../router/table-changes.ts';
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

type Found = Route | Refusal | Split;

export class RouteBook {
  readonly #matcher = new RouteMatcher<Found>();
  readonly #findTarget: (key: string) => Target | undefined;
  /** 0 or more, less than 1. */
  readonly #random: () => number;

  constructor(findTarget: (key: string) => Target | undefined, random: () => number = Math.random) {
    this.#findTarget = findTarget;
    this.#random = random;
  }

  /** Requests that come from now on are routed so; none sees half of it. */
  apply({ generation, changed }: TableChanges): void {
    const next = changed.map((routes) => ({ owner: routes.function, found: this.#foundOf(routes, generation) }));
    for (const { owner, found } of next) this.#matcher.replace(owner, found);
  }

  #foundOf({ function: name, entries, shares }: FunctionRoutes, generation: number): readonly RouteTo<Found>[] {
    const split = shares.map((share) => {
      const own = entries.filter(({ version, refusal }) => version === share.version && refusal === undefined);
      const target = this.#targetOf(name, share.version, generation);
      return { ...share, target, routes: new RouteMatcher(own.map(({ pattern }) => ({ pattern, target: routeTo(pattern, target) }))) };
    });
    return entries.map(({ pattern, version, refusal }): RouteTo<Found> => {
      if (refusal !== undefined) return { pattern, target: { kind: 'refusal', refusal } };
      return { pattern, target: split.length > 0 ? split : routeTo(pattern, this.#targetOf(name, version, generation)) };
    });
  }

  #targetOf(name: string, version: string, generation: number): Target {
    const key = targetKey({ name, version });
    const target = this.#findTarget(key);
    assert(target !== undefined, `route table ${generation} names ${key}, which was not attached`);
    return target;
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
    throw new PilotlightError('NO_ROUTE', `${target.label} has no route for ${JSON.stringify(path.slice(0, 200))}; another version of ${target.name} has one: Pilotlight-Version asks for it`);
  }

  #choose(split: Split, { version, key }: Wish): SplitVersion {
    if (version !== undefined) return pickWanted(split, version);
    return key === undefined ? chooseByPoint(split, this.#random()) : chooseByKey(split, key);
  }
}

function routeTo(pattern: RoutePattern, target: Target): Route {
  return { kind: 'route', label: routeLabel(pattern), target };
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
