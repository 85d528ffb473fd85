// What each step of one rollout does, and how it is taken back. It decides nothing about order: the policy does.
import type { Clock } from '../../runtime/clock.ts';
import type { EngineControl } from '../../runtime/engine/port.ts';
import { PilotlightError, assert } from '../../runtime/errors.ts';
import { versionLabel } from '../../runtime/function.ts';
import type { DataPlane } from '../../runtime/ingress/data-plane.ts';
import type { Underway } from '../../runtime/supervisor/underway.ts';
import type { WarmRecord } from '../../runtime/records.ts';
import type { PoolPlan } from '../../runtime/residency/pool-plan.ts';
import type { Ensured, Residency } from '../../runtime/residency/residency.ts';
import { routeLabel } from '../../runtime/router/table.ts';
import { parseRoute } from '../manifest/route.ts';
import type { FunctionState, Store, StoredVersion } from '../store/store.ts';
import { countOf } from './count-of.ts';
import { sendGolden } from './golden.ts';
import { planVersion, type VersionPlan } from './version-plan.ts';
import { noFunction, resolveRollback, stateOf, type RolloutTarget } from './rollout-target.ts';
import type { Quarantine } from './quarantine.ts';
import { readSecrets } from './read-secrets.ts';
import type { ServingTable } from './serving-table.ts';
import type { StepName } from './policy.ts';
import { Retirement } from './retirement.ts';
import type { StepTeller } from './step-teller.ts';
import { tidied, within } from './within.ts';
import { versionId } from './version-id.ts';

export interface RolloutParts {
  readonly store: Pick<Store, 'addVersion' | 'discard' | 'readVersion' | 'state' | 'commit' | 'collect' | 'secrets'>;
  readonly dataPlane: DataPlane;
  readonly residency: Residency;
  readonly engine: Pick<EngineControl, 'inspect'>;
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

type Step = (tell: StepTeller) => Promise<string>;

export class RolloutSteps {
  readonly #parts: RolloutParts;
  readonly #target: RolloutTarget;
  readonly #retirement: Retirement;
  #version: string | undefined;
  #isUnchanged = false;
  #stored: StoredVersion | undefined;
  #plan: VersionPlan | undefined;
  #warmRuns: readonly (readonly WarmRecord[])[] = [];
  #release: () => void = () => {};

  constructor(parts: RolloutParts, target: RolloutTarget) {
    this.#parts = parts;
    this.#target = target;
    this.#version = target.kind === 'deploy' ? target.version : undefined;
    this.#retirement = new Retirement(parts, target, () => this.#version);
  }

  /** Known from `check` on; none for a delete. */
  get version(): string | undefined {
    return this.#version;
  }

  get isUnchanged(): boolean {
    return this.#isUnchanged;
  }

  readonly run: Readonly<Record<StepName, Step>> = {
    check: () => this.#check(),
    store: () => this.#store(),
    plan: () => this.#planPools(),
    load: (tell) => this.#load(tell),
    warm: () => this.#warm(),
    isolates: () => this.#startIsolates(),
    golden: (tell) => this.#golden(tell),
    commit: () => this.#commit(),
    switch: () => this.#switch(),
    drain: (tell) => this.#retirement.drain(tell),
    unload: () => this.#retirement.unload(),
    confirm: (tell) => this.#retirement.confirm(tell),
  };

  /** Takes back what a step left, whether it ended well or not. */
  async undo(step: StepName): Promise<void> {
    const { dataPlane, residency, store, clock } = this.#parts;
    const name = this.#target.name;
    const version = this.#version;
    if (version === undefined) return;
    if (step === 'isolates') await tidied('stopping the isolates', dataPlane.stop(name, version), clock);
    if (step === 'plan') await tidied('unloading the pools', residency.forget(versionId(name, version)), clock);
    if (step === 'store') await tidied('discarding the version', store.discard(name, version), clock);
  }

  /** Lets the next rollout commit; harmless when nothing is held. */
  release(): void {
    this.#release();
    this.#release = () => {};
  }

  async #check(): Promise<string> {
    const { store, table } = this.#parts;
    const target = this.#target;
    const state = stateOf(store.state(), target.name);
    if (target.kind === 'delete') {
      if (state === undefined) throw noFunction(target.name);
      return `${countOf(state.history.length, 'version')} to delete`;
    }
    if (target.kind === 'rollback') {
      this.#version = resolveRollback(target.name, state, target.version);
      this.#stored = await store.readVersion(target.name, this.#version);
    }
    const version = this.#version;
    assert(version !== undefined, 'a deploy or rollback has no version');
    const label = versionLabel({ name: target.name, version });
    if (state?.current === version && table.version(target.name)?.version === version) {
      this.#isUnchanged = true;
      return `${label} serves already`;
    }
    const manifest = this.#bundle().manifest;
    await table.refuseConflicts({ name: target.name, routes: manifest.routes.map(parseRoute) });
    await readSecrets(store.secrets, manifest);
    return `${label}: ${countOf(manifest.routes.length, 'route')}, ${countOf(Object.keys(manifest.models).length, 'model')}`;
  }

  async #store(): Promise<string> {
    const bundle = this.#bundle();
    this.#stored = await this.#parts.store.addVersion(bundle);
    const files = Object.values(bundle.files);
    return `${countOf(files.length, 'file')}, ${(files.reduce((sum, { bytes }) => sum + bytes, 0) / 1024).toFixed(0)} KiB`;
  }

  async #planPools(): Promise<string> {
    const { engine, slotsDefault, residency, clock, signal } = this.#parts;
    assert(this.#stored !== undefined, 'nothing is stored to plan');
    const limitMs = this.#stored.bundle.manifest.limits.initTimeoutMs;
    using _ = this.#prepare();
    this.#plan = await within(planVersion(this.#stored, { engine, slotsDefault }), {
      clock, signal, limitMs, late: () => new PilotlightError('BAD_MODEL', `the models were not read within limits.initTimeoutMs (${limitMs} ms)`),
    });
    const keys = new Set(this.#plan.pools.map(({ spec }) => spec.key));
    const shared = residency.pools().filter(({ key, state }) => keys.has(key) && state === 'resident').length;
    residency.declare(versionId(this.#stored.name, this.#stored.version), this.#plan.pools);
    return `overlap: old and new side by side; ${countOf(keys.size - shared, 'pool')} to load, ${shared} resident already`;
  }

  async #load(tell: StepTeller): Promise<string> {
    const { pools } = this.#planned();
    using _ = this.#prepare();
    const ensured: Ensured[] = [];
    for (const pool of pools) {
      const one = await this.#loadPool(pool);
      ensured.push(one);
      tell.progress(`${pool.binding} ${describeEnsured(one)}`);
    }
    this.#warmRuns = ensured.flatMap(({ load, proof }) => [load?.warm ?? [], proof ?? []]);
    const loads = ensured.filter(({ load }) => load !== undefined);
    return loads.length === 0 ? 'nothing to load' : countOf(loads.length, 'pool');
  }

  async #loadPool(pool: PoolPlan): Promise<Ensured> {
    const { spec, function: name, binding } = pool;
    const { residency, clock, signal } = this.#parts;
    const { initTimeoutMs } = this.#planned().function.limits;
    const loading = residency.ensure(spec.key, { reason: 'deploy', function: name, binding, timeoutMs: initTimeoutMs, provenBy: pool });
    return within(loading, {
      clock, signal, limitMs: initTimeoutMs,
      late: () => new PilotlightError('WARMUP_FAILED',
        `${name}'s model ${binding} was not loaded and warm within limits.initTimeoutMs (${initTimeoutMs} ms); a larger limit or fewer warm inputs would do`),
    });
  }

  async #warm(): Promise<string> {
    const runs = this.#warmRuns.flat();
    const spentMs = runs.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
    const slots = this.#warmRuns.reduce((sum, warm) => sum + new Set(warm.map(({ slot }) => slot)).size, 0);
    return runs.length === 0 ? 'all pools are warm already' : `${countOf(runs.length, 'run')} on ${countOf(slots, 'slot')}, ${spentMs.toFixed(0)} ms in all`;
  }

  async #startIsolates(): Promise<string> {
    const { dataPlane, store, clock, signal } = this.#parts;
    const version = this.#planned().function;
    const { manifest } = this.#bundle();
    const { initTimeoutMs } = version.limits;
    const limitMs = initTimeoutMs * (version.isolates + 1);
    await within(dataPlane.start(version, () => readSecrets(store.secrets, manifest), 'deploy'), {
      clock, signal, limitMs, late: () => new PilotlightError('BAD_HANDLER',
        `${versionLabel(version)}: its isolates were not ready within ${limitMs} ms, which is limits.initTimeoutMs (${initTimeoutMs} ms) for each`),
    });
    return `${version.isolates} and a spare`;
  }

  async #golden(tell: StepTeller): Promise<string> {
    const { dataPlane, clock, signal } = this.#parts;
    const { function: version, golden } = this.#planned();
    using _ = this.#prepare();
    if (golden.length === 0) return 'the manifest has none: the first request of each isolate will be slower';
    const outcome = await sendGolden({ dataPlane, clock, version, cases: golden, signal });
    for (const warning of outcome.warnings) tell.warn(warning);
    return `${outcome.sent} answered right; first ${outcome.firstMs.toFixed(1)} ms, then ${outcome.lastMs.toFixed(1)} ms`;
  }

  async #commit(): Promise<string> {
    const { store, table } = this.#parts;
    const { name, kind } = this.#target;
    this.#release = await table.hold();
    const plan = this.#plan;
    // Another function may have taken a route since the check.
    if (plan !== undefined) await table.refuseConflicts(plan.function);
    const { generation } = await store.commit((state) => {
      const { [name]: _before, ...others } = state.functions;
      const version = this.#version;
      return kind === 'delete' || version === undefined ? others : { ...others, [name]: stateAfter(kind, version, stateOf(state, name)) };
    });
    return `generation ${generation}`;
  }

  async #switch(): Promise<string> {
    const { clock, quarantine, table } = this.#parts;
    const { name } = this.#target;
    const next = this.#plan?.function;
    await quarantine.lift(name);
    await tidied('publishing the route table', table.publish(new Map([[name, next]])), clock);
    this.release();
    return next === undefined ? `${name} has no routes any more` : next.routes.map(routeLabel).join(', ');
  }

  #prepare(): Disposable {
    const version = this.#version;
    assert(version !== undefined, 'there is no version to prepare');
    return this.#parts.underway.prepare([versionLabel({ name: this.#target.name, version })]);
  }

  #bundle(): StoredVersion['bundle'] {
    const bundle = this.#stored?.bundle ?? (this.#target.kind === 'deploy' ? this.#target.bundle : undefined);
    assert(bundle !== undefined, 'a delete has no bundle');
    return bundle;
  }

  #planned(): VersionPlan {
    assert(this.#plan !== undefined, 'a step ran before the plan');
    return this.#plan;
  }
}

function describeEnsured({ load, proof }: Ensured): string {
  if (load !== undefined) return `loaded and warmed in ${(load.endMs - load.startMs).toFixed(0)} ms`;
  return proof === undefined ? 'is resident already' : `is resident already, warmed with ${countOf(proof.length, 'run')} more`;
}

function stateAfter(kind: 'deploy' | 'rollback', version: string, before: FunctionState | undefined): FunctionState {
  const history = before?.history ?? [];
  // A rollback keeps the order, so that a second one goes back further instead of forth.
  if (kind === 'rollback') return { current: version, history };
  const others = history.filter((one) => one.version !== version);
  // What served until now comes next, also after a rollback: it is what the next rollback should bring back.
  const served = others.filter((one) => one.version === before?.current);
  const rest = others.filter((one) => one.version !== before?.current);
  return { current: version, history: [{ version, deployedAt: new Date().toISOString() }, ...served, ...rest] };
}
