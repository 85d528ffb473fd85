// What each step of one rollout does, and how it is taken back. It decides nothing about order: the policy does.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../runtime/clock.ts';
import type { EngineControl } from '../../runtime/engine/port.ts';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { versionLabel, type DeclaredVersion } from '../../runtime/function.ts';
import type { DataPlane } from '../../runtime/ingress/data-plane.ts';
import type { FitPlan } from '../../runtime/residency/fit.ts';
import type { Residency } from '../../runtime/residency/residency.ts';
import { routeLabel, type Share } from '../../runtime/router/table.ts';
import type { Underway } from '../../runtime/supervisor/underway.ts';
import { sharesOf, type FunctionState, type Store } from '../store/store.ts';
import { countOf } from './count-of.ts';
import { IncomingVersion } from './incoming-version.ts';
import { describeElsewhere } from './describe-place.ts';
import { describeFit, formatGap } from './fit-plan.ts';
import { Gap } from './gap.ts';
import type { Manner, StepName } from './policy.ts';
import type { Quarantine } from './quarantine.ts';
import { Retirement } from './retirement.ts';
import { goalOf, stateAfter, type Goal } from './rollout-goal.ts';
import { noFunction, stateOf, type RolloutTarget } from './rollout-target.ts';
import type { Deployment, ServingTable } from './serving-table.ts';
import { describeShares, sharesAmong } from './shares.ts';
import type { StepTeller } from './step-teller.ts';
import { versionId } from './version-id.ts';
import { tidied } from './within.ts';

export interface RolloutParts {
  readonly store: Pick<Store, 'addVersion' | 'discard' | 'readVersion' | 'state' | 'commit' | 'collect' | 'secrets'>;
  readonly dataPlane: DataPlane;
  readonly residency: Residency;
  readonly engine: Pick<EngineControl, 'inspect' | 'capabilities' | 'devices'>;
  readonly clock: Clock;
  /** Told before native code runs for a version for the first time. */
  readonly underway: Pick<Underway, 'prepare'>;
  readonly quarantine: Pick<Quarantine, 'treatment' | 'refusal' | 'lift'>;
  /** Slots of a model whose manifest names none. */
  readonly slotsDefault: number;
  /** Requests that the old version has not answered by then are cut. */
  readonly drainTimeoutMs: number;
  readonly table: ServingTable;
  /** Aborted when the host stops. */
  readonly signal: AbortSignal;
}

const MORE_ROOM = 'a larger budget (setting devices), fewer pinned models, fewer slots or a smaller model would do';

type Step = (tell: StepTeller) => Promise<string>;

export class RolloutSteps {
  readonly #parts: RolloutParts;
  readonly #target: RolloutTarget;
  readonly #retirement: Retirement;
  #goal: Goal | undefined;
  #isUnchanged = false;
  /** Those of the goal that do not serve yet. */
  #incoming: readonly IncomingVersion[] = [];
  readonly #gap: Gap;
  #manner: Manner = 'side by side';
  #release: () => void = () => {};

  constructor(parts: RolloutParts, target: RolloutTarget) {
    this.#parts = parts;
    this.#target = target;
    this.#gap = new Gap(parts, target.name);
    this.#retirement = new Retirement(parts, target, () => new Set(this.shares.map(({ version }) => version)));
  }

  /** The one that the rollout is about: known from `check` on; none for a delete or a split. */
  get version(): string | undefined {
    const target = this.#target;
    if (target.kind === 'deploy' || target.kind === 'abort') return target.version;
    return target.kind === 'split' ? undefined : this.#goal?.current;
  }

  /** Known from `check` on; none after a delete. */
  get shares(): readonly Share[] {
    return this.#goal?.shares ?? [];
  }

  get isUnchanged(): boolean {
    return this.#isUnchanged;
  }

  /** Known from `check` on: whether versions are to be loaded and started at all. */
  get startsVersions(): boolean {
    return this.#goal === undefined || this.#incoming.length > 0;
  }

  /** Known from `plan` on. */
  get manner(): Manner {
    return this.#manner;
  }

  /** How long callers waited at most, where old and new had no room side by side. */
  get gapMs(): number | undefined {
    return this.#gap.ms;
  }

  readonly run: Readonly<Record<StepName, Step>> = {
    check: (tell) => this.#check(tell),
    store: () => this.#each((one) => one.store()),
    plan: (tell) => this.#plan(tell),
    release: (tell) => this.#gap.begin({ leaving: this.#leaving(), expectedMs: this.#expectedGapMs() }, tell),
    load: (tell) => this.#each((one) => one.load(tell, this.#manner === 'drain first' ? { inPlaceOf: this.#leavingIds() } : { beside: this.#leavingIds() })),
    warm: () => this.#each((one) => one.warm()),
    isolates: () => this.#each((one) => one.startIsolates()),
    golden: (tell) => this.#each((one) => one.golden(tell)),
    commit: () => this.#commit(),
    switch: (tell) => this.#switch(tell),
    drain: (tell) => this.#retirement.drain(tell),
    unload: () => this.#retirement.unload(),
    confirm: (tell) => this.#retirement.confirm(tell),
  };

  /** Takes back what a step left, whether it ended well or not. */
  async undo(step: StepName): Promise<void> {
    if (step === 'release') await this.#gap.undo(this.#incoming.map(({ version }) => versionId(this.#target.name, version)));
    if (step !== 'isolates' && step !== 'plan' && step !== 'store') return;
    for (const one of this.#incoming.toReversed()) await one.undo(step);
  }

  /** Whether the step may be done again with the old models out of the way: what was expected to fit has found no room. From then on they go first. */
  canDrainFirst(step: StepName, error: unknown): boolean {
    if (step !== 'load' || this.#manner === 'drain first' || !(error instanceof PilotlightError) || error.code !== 'NO_MEMORY') return false;
    if (this.#parts.residency.residentOf(this.#leavingIds()).length === 0) return false;
    this.#manner = 'drain first';
    return true;
  }

  /** Lets the next rollout commit, and callers go on; harmless when nothing is held. */
  async close(): Promise<void> {
    this.#letCommit();
    // What fails here has been told by the step that failed so before; those who wait end at their deadlines.
    await this.#gap.end().catch(() => {});
  }

  #letCommit(): void {
    this.#release();
    this.#release = () => {};
  }

  async #plan(tell: StepTeller): Promise<string> {
    const fit = this.#fit();
    // Before models are read, which takes memory too.
    if (fit.kind === 'reject') {
      const elsewhere = describeElsewhere(this.#incoming.flatMap((one) => one.expectedPools()));
      const labels = this.#incoming.map(({ label }) => label).join(', ');
      throw new PilotlightError('NEVER_FITS', [`${labels} does not fit: ${describeFit(fit)}`, ...elsewhere, MORE_ROOM].join('; '));
    }
    this.#manner = fit.kind === 'drain first' ? 'drain first' : 'side by side';
    return `${describeFit(fit)}; ${await this.#each((one) => one.plan(tell))}`;
  }

  #fit(): FitPlan {
    return this.#parts.residency.fit(this.#leavingIds(), this.#incoming.flatMap((one) => one.expectedPools()));
  }

  #expectedGapMs(): number | undefined {
    const fit = this.#fit();
    return fit.kind === 'drain first' ? fit.gapMs : undefined;
  }

  async #check(tell: StepTeller): Promise<string> {
    const { store } = this.#parts;
    const target = this.#target;
    const state = stateOf(store.state(), target.name);
    if (target.kind === 'delete') {
      if (state === undefined) throw noFunction(target.name);
      return `${countOf(state.history.length, 'version')} to delete`;
    }
    const goal = goalOf(target, state);
    this.#goal = goal;
    const running = this.#running();
    const absent = goal.shares.filter(({ version }) => !running.has(version));
    if (absent.length === 0 && isReached(goal, state)) {
      this.#isUnchanged = true;
      return `${describeGoal(target.name, goal)} serves already`;
    }
    // A share that is taken away waits for nothing to start.
    if (target.kind !== 'abort') this.#incoming = await Promise.all(absent.map(({ version }) => this.#incomingVersion(version)));
    const found: string[] = [];
    for (const one of this.#incoming) found.push(await one.check(tell));
    return [...found, ...(goal.shares.length > 1 || found.length === 0 ? [describeGoal(target.name, goal)] : [])].join('; ');
  }

  async #incomingVersion(version: string): Promise<IncomingVersion> {
    const target = this.#target;
    if (target.kind === 'deploy' && target.version === version) return new IncomingVersion(this.#parts, target);
    return IncomingVersion.of(this.#parts, await this.#parts.store.readVersion(target.name, version));
  }

  async #commit(): Promise<string> {
    const { store, table } = this.#parts;
    const target = this.#target;
    this.#release = await table.hold();
    // Another function may have taken a route since the check.
    for (const one of this.#incoming) await table.refuseConflicts(one.function);
    const { generation } = await store.commit((state) => {
      const { [target.name]: _before, ...others } = state.functions;
      if (target.kind === 'delete') return others;
      const before = stateOf(state, target.name);
      // Decided anew: a share may have been taken away since the check, which changes no other thing.
      this.#goal = goalOf(target, before);
      return { ...others, [target.name]: stateAfter(target, this.#goal, before, new Date()) };
    });
    return `generation ${generation}`;
  }

  async #switch(tell: StepTeller): Promise<string> {
    const { clock, quarantine, table } = this.#parts;
    const { name, kind } = this.#target;
    const next = this.#deployment();
    // A share that is taken away tries nothing once more.
    if (kind !== 'abort') await quarantine.lift(name);
    await tidied('publishing the route table', table.publish(new Map([[name, next]])), clock);
    this.#letCommit();
    await this.#gap.end().catch((error: unknown) => tell.warn(`callers wait on: ${describeThrown(error)}`));
    if (next === undefined) return `${name} has no routes any more`;
    const routes = new Set(next.versions.flatMap((version) => version.routes.map(routeLabel)));
    return `${[...routes].join(', ')}${next.shares.length > 1 ? `; ${describeShares(next.shares)}` : ''}${this.gapMs === undefined ? '' : `; callers waited ${formatGap(this.gapMs)} at most`}`;
  }

  /** What traffic meets next; versions that a restart could not start leave their part to the others. */
  #deployment(): Deployment | undefined {
    const known = new Map([...this.#running(), ...this.#incoming.map((one) => [one.version, one.function] as const)]);
    const shares = sharesAmong(this.shares, new Set(known.keys()));
    const versions = shares.flatMap(({ version }) => known.get(version) ?? []);
    return versions.length === 0 ? undefined : { versions, shares };
  }

  /** Those that run and are in the goal no more. */
  #leaving(): readonly DeclaredVersion[] {
    const kept = new Set(this.shares.map(({ version }) => version));
    return [...this.#running().values()].filter(({ version }) => !kept.has(version));
  }

  #leavingIds(): readonly string[] {
    return this.#leaving().map(({ version }) => versionId(this.#target.name, version));
  }

  #running() {
    const versions = this.#parts.table.deployment(this.#target.name)?.versions ?? [];
    return new Map(versions.map((version) => [version.version, version]));
  }

  async #each(step: (one: IncomingVersion) => Promise<string>): Promise<string> {
    const details: string[] = [];
    for (const one of this.#incoming) {
      const detail = await step(one);
      details.push(this.#incoming.length > 1 ? `${one.label}: ${detail}` : detail);
    }
    return details.join('; ');
  }
}

function describeGoal(name: string, { current, shares }: Goal): string {
  return shares.length > 1 ? `${name} ${describeShares(shares)}` : versionLabel({ name, version: current });
}

function isReached({ current, shares }: Goal, state: FunctionState | undefined): boolean {
  return state !== undefined && state.current === current && isDeepStrictEqual([...sharesOf(state)], [...shares]);
}
