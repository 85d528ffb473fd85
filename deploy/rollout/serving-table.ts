// The versions that traffic meets now, and the only place that publishes a route table. Tables are made under one
// lock together with the commit that they follow, so that two functions' rollouts cannot publish out of order.
import { PilotlightError, describeThrown, toPlainError } from '../../runtime/errors.ts';
import { versionLabel, type DeclaredVersion, type RoutePattern } from '../../runtime/function.ts';
import type { DataPlane } from '../../runtime/ingress/data-plane.ts';
import { routeLabel, type RouteEntry, type Share } from '../../runtime/router/table.ts';
import { parseRoute } from '../manifest/route.ts';
import { sharesOf, type Store } from '../store/store.ts';
import { findRouteConflict, type RouteOwner } from './route-conflicts.ts';

/** A version that is deployed and must not run: its routes answer with the error. */
export interface Refused {
  readonly version: string;
  readonly routes: readonly RoutePattern[];
  readonly error: PilotlightError;
}

/** The versions of a function that answer now, with their shares, in the same order. */
export interface Deployment {
  readonly versions: readonly DeclaredVersion[];
  readonly shares: readonly Share[];
}

export class ServingTable {
  readonly #store: Pick<Store, 'state' | 'readVersion'>;
  readonly #dataPlane: Pick<DataPlane, 'publish'>;
  #serving: ReadonlyMap<string, Deployment> = new Map();
  #refused: ReadonlyMap<string, Refused> = new Map();
  #held: Promise<void> = Promise.resolve();

  constructor(store: Pick<Store, 'state' | 'readVersion'>, dataPlane: Pick<DataPlane, 'publish'>) {
    this.#store = store;
    this.#dataPlane = dataPlane;
  }

  deployment(name: string): Deployment | undefined {
    return this.#serving.get(name);
  }

  /** Why the function's routes are refused, if they are. */
  refusal(name: string): PilotlightError | undefined {
    return this.#refused.get(name)?.error;
  }

  /** From the next `publish` on, until one that changes the function. */
  refuse(name: string, refused: Refused): void {
    this.#refused = new Map([...this.#refused, [name, refused]]);
  }

  /** From here to the release nobody else commits or publishes. Releasing twice is harmless. */
  async hold(): Promise<() => void> {
    const before = this.#held;
    let release = (): void => {};
    this.#held = new Promise((resolve) => (release = resolve));
    await before;
    return release;
  }

  /** All ingress threads answer by the next set when this resolves; when it rejects, the set before is still the one here. */
  async publish(changes: ReadonlyMap<string, Deployment | undefined>): Promise<void> {
    const next = new Map(this.#serving);
    for (const [name, deployment] of changes) {
      if (deployment === undefined) next.delete(name);
      else next.set(name, deployment);
    }
    const refused = new Map([...this.#refused].filter(([name]) => !changes.has(name)));
    const splits = [...next].flatMap(([name, { shares }]) =>
      (shares.length > 1 ? [{ function: name, shares: shares.map(({ version, percent }) => ({ version, percent })) }] : []));
    await this.#dataPlane.publish({ generation: this.#store.state().generation, entries: [...entriesOf(next), ...refusalsOf(refused)], splits });
    this.#serving = next;
    this.#refused = refused;
  }

  /**
   * Rejects ROUTE_CONFLICT naming both owners; counts what is deployed, also where it could not be started. Gives what could not
   * be read, and so was not counted: one function's damage must not keep others from being deployed.
   */
  async refuseConflicts(candidate: RouteOwner): Promise<readonly string[]> {
    const unread: string[] = [];
    const conflict = findRouteConflict(candidate, await this.#ownersBeside(candidate.name, unread));
    if (conflict === undefined) return unread;
    throw new PilotlightError('ROUTE_CONFLICT',
      `${candidate.name} wants the route ${routeLabel(conflict.route)}, but ${conflict.owner} owns ${routeLabel(conflict.ownerRoute)}; ` +
      `change one of the two manifests or delete ${conflict.owner}`);
  }

  /** The candidate's own version is not read: a damaged one must not stand in the way of its repair. Waits for nobody who runs: there may be thousands. */
  async #ownersBeside(candidate: string, unread: string[]): Promise<readonly RouteOwner[]> {
    const owners: RouteOwner[] = [];
    for (const [name, state] of Object.entries(this.#store.state().functions)) {
      if (name === candidate) continue;
      for (const { version } of sharesOf(state)) {
        const routes = this.#runningRoutes(name, version) ?? (await this.#storedRoutes(name, version, unread));
        if (routes !== undefined) owners.push({ name, routes });
      }
    }
    return owners;
  }

  async #storedRoutes(name: string, version: string, unread: string[]): Promise<readonly RoutePattern[] | undefined> {
    try {
      return (await this.#store.readVersion(name, version)).bundle.manifest.routes.map(parseRoute);
    } catch (error) {
      unread.push(`${versionLabel({ name, version })}: ${describeThrown(error)}`);
      return undefined;
    }
  }

  #runningRoutes(name: string, version: string): readonly RoutePattern[] | undefined {
    return this.#serving.get(name)?.versions.find((one) => one.version === version)?.routes;
  }
}

function refusalsOf(refused: ReadonlyMap<string, Refused>): readonly RouteEntry[] {
  return [...refused].flatMap(([name, { version, routes, error }]) =>
    routes.map((pattern) => ({ pattern, function: name, version, refusal: toPlainError(error, 'INTERNAL') })));
}

function entriesOf(serving: ReadonlyMap<string, Deployment>): readonly RouteEntry[] {
  const versions = [...serving.values()].flatMap((deployment) => deployment.versions);
  return versions.flatMap(({ name, version, routes }) => routes.map((pattern) => ({ pattern, function: name, version })));
}
