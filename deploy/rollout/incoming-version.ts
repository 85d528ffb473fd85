// One version on its way to traffic: its models loaded and warmed, its isolates started, its golden requests answered; and
// all of that taken back. It does not know what share it is for.
import { PilotlightError, assert } from '../../runtime/errors.ts';
import { versionLabel, type FunctionVersion } from '../../runtime/function.ts';
import type { WarmRecord } from '../../runtime/records.ts';
import type { PoolPlan } from '../../runtime/residency/pool-plan.ts';
import type { Ask, Ensured } from '../../runtime/residency/residency.ts';
import { parseRoute } from '../manifest/route.ts';
import type { Bundle, StoredVersion } from '../store/store.ts';
import { countOf } from './count-of.ts';
import { describePlace } from './describe-place.ts';
import { describeVariant } from './describe-variant.ts';
import { eachDevice } from './each-device.ts';
import { sendGolden } from './golden.ts';
import { readSecrets } from './read-secrets.ts';
import type { RolloutParts } from './rollout-steps.ts';
import type { StepTeller } from './step-teller.ts';
import { versionId } from './version-id.ts';
import { expectedPools, planVersion, type ExpectedPool, type VersionPlan } from './version-plan.ts';
import { tidied, within } from './within.ts';

export class IncomingVersion {
  readonly version: string;
  readonly #parts: RolloutParts;
  readonly #name: string;
  readonly #bundle: Bundle;
  #stored: StoredVersion | undefined;
  #plan: VersionPlan | undefined;
  #warmRuns: readonly (readonly WarmRecord[])[] = [];

  constructor(parts: RolloutParts, { name, version, bundle }: Pick<StoredVersion, 'name' | 'version' | 'bundle'>) {
    this.#parts = parts;
    this.#name = name;
    this.version = version;
    this.#bundle = bundle;
  }

  /** A version that the store has. */
  static of(parts: RolloutParts, stored: StoredVersion): IncomingVersion {
    const incoming = new IncomingVersion(parts, stored);
    incoming.#stored = stored;
    return incoming;
  }

  get label(): string {
    return versionLabel({ name: this.#name, version: this.version });
  }

  /** From `plan` on. */
  get function(): FunctionVersion {
    return this.#planned().function;
  }

  async check(tell: StepTeller): Promise<string> {
    const { table, store } = this.#parts;
    const { manifest } = this.#bundle;
    const unread = await table.refuseConflicts({ name: this.#name, routes: manifest.routes.map(parseRoute) });
    for (const one of unread) tell.warn(`routes were not compared with those of ${one}`);
    await readSecrets(store.secrets, manifest);
    return `${this.label}: ${countOf(manifest.routes.length, 'route')}, ${countOf(Object.keys(manifest.models).length, 'model')}`;
  }

  async store(): Promise<string> {
    this.#stored = await this.#parts.store.addVersion(this.#bundle);
    const files = Object.values(this.#bundle.files);
    return `${countOf(files.length, 'file')}, ${(files.reduce((sum, { bytes }) => sum + bytes, 0) / 1024).toFixed(0)} KiB`;
  }

  /** What it will ask for, as far as its manifest tells. */
  expectedPools(): readonly ExpectedPool[] {
    return expectedPools({ name: this.#name, version: this.version, folder: '', bundle: this.#bundle }, this.#parts);
  }

  async plan(tell: StepTeller): Promise<string> {
    const { engine, slotsDefault, residency, clock, signal } = this.#parts;
    assert(this.#stored !== undefined, 'nothing is stored to plan');
    const limitMs = this.#stored.bundle.manifest.limits.initTimeoutMs;
    const places = this.expectedPools().flatMap(({ binding, placement, isChosen }) => (isChosen ? [describePlace(binding, placement)] : []));
    using _ = this.#prepare();
    this.#plan = await within(planVersion(this.#stored, { engine, slotsDefault, residency }), {
      clock, signal, limitMs, late: () => new PilotlightError('BAD_MODEL', `the models were not read within limits.initTimeoutMs (${limitMs} ms)`),
    });
    for (const warning of this.#plan.warnings) tell.warn(warning);
    const keys = new Set(this.#plan.pools.map(({ spec }) => spec.key));
    const shared = residency.pools().filter(({ key, state }) => keys.has(key) && state === 'resident').length;
    residency.declare(versionId(this.#stored.name, this.#stored.version), this.#plan.pools);
    const variants = this.#plan.pools.flatMap(({ binding, variant }) => (variant === undefined ? [] : [describeVariant(binding, variant)]));
    return [`${countOf(keys.size - shared, 'pool')} to load, ${shared} resident already`, ...variants, ...places].join('; ');
  }

  /** Either the models of other versions, by their ids, give way to these, or they stay whatever happens. */
  async load(tell: StepTeller, others: Pick<Ask, 'inPlaceOf' | 'beside'>): Promise<string> {
    const { pools } = this.#planned();
    using _ = this.#prepare();
    const ensured: Ensured[] = [];
    await eachDevice(pools, ({ spec }) => spec.device, async (pool) => {
      const one = await this.#loadPool(pool, others);
      ensured.push(one);
      tell.progress(`${pool.binding} ${describeEnsured(one)}`);
    });
    this.#warmRuns = ensured.flatMap(({ load, proof }) => [load?.warm ?? [], proof ?? []]);
    const loads = ensured.filter(({ load }) => load !== undefined);
    return loads.length === 0 ? 'nothing to load' : countOf(loads.length, 'pool');
  }

  async #loadPool(pool: PoolPlan, others: Pick<Ask, 'inPlaceOf' | 'beside'>): Promise<Ensured> {
    const { spec, function: name, binding } = pool;
    const { residency, clock, signal } = this.#parts;
    const { initTimeoutMs } = this.#planned().function.limits;
    const loading = residency.ensure(spec.key, { reason: 'deploy', function: name, binding, timeoutMs: initTimeoutMs, provenBy: pool, ...others });
    return within(loading, {
      clock, signal, limitMs: initTimeoutMs,
      late: () => new PilotlightError('WARMUP_FAILED',
        `${name}'s model ${binding} was not loaded and warm within limits.initTimeoutMs (${initTimeoutMs} ms); a larger limit or fewer warm inputs would do`),
    });
  }

  async warm(): Promise<string> {
    const runs = this.#warmRuns.flat();
    const spentMs = runs.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
    const slots = this.#warmRuns.reduce((sum, warm) => sum + new Set(warm.map(({ slot }) => slot)).size, 0);
    return runs.length === 0 ? 'all pools are warm already' : `${countOf(runs.length, 'run')} on ${countOf(slots, 'slot')}, ${spentMs.toFixed(0)} ms in all`;
  }

  async startIsolates(): Promise<string> {
    const { dataPlane, store, clock, signal } = this.#parts;
    const version = this.#planned().function;
    const { initTimeoutMs } = version.limits;
    const limitMs = initTimeoutMs * (version.isolates + 1);
    await within(dataPlane.start(version, () => readSecrets(store.secrets, this.#bundle.manifest), 'deploy'), {
      clock, signal, limitMs, late: () => new PilotlightError('BAD_HANDLER',
        `${versionLabel(version)}: its isolates were not ready within ${limitMs} ms, which is limits.initTimeoutMs (${initTimeoutMs} ms) for each`),
    });
    return `${version.isolates} and a spare`;
  }

  async golden(tell: StepTeller): Promise<string> {
    const { dataPlane, clock, signal } = this.#parts;
    const { function: version, golden } = this.#planned();
    using _ = this.#prepare();
    if (golden.length === 0) return 'the manifest has none: the first request of each isolate will be slower';
    const outcome = await sendGolden({ dataPlane, clock, version, cases: golden, signal });
    for (const warning of outcome.warnings) tell.warn(warning);
    return `${outcome.sent} answered right; first ${outcome.firstMs.toFixed(1)} ms, then ${outcome.lastMs.toFixed(1)} ms`;
  }

  /** Takes back what `startIsolates`, `plan` or `store` left, whether it ended well or not. */
  async undo(what: 'isolates' | 'plan' | 'store'): Promise<void> {
    const { dataPlane, residency, store, clock } = this.#parts;
    const [name, version] = [this.#name, this.version];
    if (what === 'isolates') await tidied('stopping the isolates', dataPlane.stop(name, version), clock);
    if (what === 'plan') await tidied('unloading the pools', residency.forget(versionId(name, version)), clock);
    if (what === 'store') await tidied('discarding the version', store.discard(name, version), clock);
  }

  #prepare(): Disposable {
    return this.#parts.underway.prepare([this.label]);
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
