// Which pools are declared and which of them are asked for, on the control thread: one load in flight for any number of waiters,
// kept until others need the room or no version declares it. A job on a resident pool never comes here.
import { randomBytes } from 'node:crypto';
import { backOffMs } from '../back-off.ts';
import type { Clock } from '../clock.ts';
import type { Backend, DeviceBudget, DeviceName, EngineControl, PoolStats } from '../engine/port.ts';
import type { Signature } from '../engine/tensor.ts';
import { PilotlightError, assert, toPlainError } from '../errors.ts';
import type { EvictionRecord, LoadRecord, RepairRecord, RunVariant, Start, TakenVariant, WarmRecord } from '../records.ts';
import type { DeviceState } from './devices.ts';
import type { FitPlan, WantedPool } from './fit.ts';
import { lookWithRoom } from './look-with-room.ts';
import type { Placement } from './placement.ts';
import { PlacementBook } from './placement-book.ts';
import { PoolChecks, type Rebuilt } from './pool-checks.ts';
import { troubleOf, type PoolTrouble } from './pool-trouble.ts';
import { PoolLoader } from './pool-loader.ts';
import { PoolCosts } from './pool-costs.ts';
import type { PoolPlan } from './pool-plan.ts';
import { describePool, isAheadOfRequests, isOrphan, isPinned, move, newPool, newestPlan, type Load, type Pool, type PoolState } from './pool.ts';
import { refuseUnlessAsTold } from './told-signature.ts';
import type { OrderRule } from './use-order.ts';
import { waitAtMost } from './wait-at-most.ts';
import { placeWanted, type WantedPlace } from './wanted-place.ts';
import { warmUp } from './warm-up.ts';

/** Why a pool is wanted, and by whom. */
export interface Ask {
  readonly reason: LoadRecord['reason'];
  readonly function: string;
  readonly binding: string;
  /** Bound on load and warm-up together. */
  readonly timeoutMs?: number;
  /** Who joins somebody else's load waits no longer than this: then its caller has left. Left out: as long as it takes. */
  readonly waitMs?: number;
  readonly onWarm?: (record: WarmRecord) => void;
  /** The pool must have been warmed, and its answers checked, by these samples too, also when it is resident already. */
  readonly provenBy?: PoolPlan;
  /** `name@version` of those that make room for it: what nobody else declares goes first, also what is pinned or fresh. */
  readonly inPlaceOf?: readonly string[];
  /** `name@version` of those beside which it is loaded: what nobody else declares is not given up for it. */
  readonly beside?: readonly string[];
}

export interface Ensured {
  readonly start: Start;
  readonly loadId?: string;
  readonly load?: LoadRecord;
  /** Runs of `provenBy` on a pool that others had loaded. */
  readonly proof?: readonly WarmRecord[];
}

export interface PoolView {
  readonly key: string;
  readonly state: PoolState;
  /** `name@version` of each that declares it. */
  readonly functions: readonly string[];
  /** Of those that declare it as a variant: which file it is there, and why none of the others was taken. */
  readonly variants: readonly PoolVariant[];
  readonly device: string;
  readonly pinned: boolean;
  /** In the device's ledger: reserved while it loads, measured from then on. */
  readonly bytes: number;
  /** Why it cannot serve now. Absent for one that is only not loaded. */
  readonly trouble?: PoolTrouble;
  readonly stats?: PoolStats;
}

export interface PoolVariant extends RunVariant {
  /** `name@version` */
  readonly function: string;
}

export interface Residency {
  /** Makes the pools of a version known. Idempotent. `versionId` is `name@version`. */
  declare(versionId: string, pools: readonly PoolPlan[]): void;
  /**
   * Resident already (warm), loaded for this ask (cold), or somebody else's load waited for (joined).
   * Rejects BAD_MODEL, LOAD_FAILED, WARMUP_FAILED, NO_MEMORY, DEADLINE; TOO_BUSY when too many wait already.
   */
  ensure(key: string, ask: Ask): Promise<Ensured>;
  /** Ends a version's claim; resolves when pools that nobody else declares are unloaded. */
  forget(versionId: string): Promise<void>;
  pools(): readonly PoolView[];
  devices(): readonly DeviceState[];
  /** Where the pools of a version of the function would be put, and with how many slots; one for each, in their order. */
  place(functionName: string, wanted: readonly WantedPlace[]): readonly Placement[];
  /** What these versions have on the devices, pinned ones first: what has to come back when they shall be as they were. */
  residentOf(versionIds: readonly string[]): readonly PoolPlan[];
  /** Whether these pools would have room beside what is there now. `leaving`: `name@version` of those that they come in the place of. */
  fit(leaving: readonly string[], wanted: readonly WantedPool[]): FitPlan;
}

export interface ResidencyOptions {
  readonly engine: EngineControl;
  readonly clock: Clock;
  /** Requests that may wait for one load. */
  readonly loadWaitersMax: number;
  readonly loadTimeoutMs: number;
  readonly devices: readonly DeviceBudget[];
  /** Left out: places and sizes are forgotten with the process. */
  readonly book?: PlacementBook;
  /** A pool that was loaded is not given up before this time has passed. */
  readonly residencyMinMs: number;
  /** What is known of pools from before; left out: nothing. */
  readonly costs?: PoolCosts;
  /** What pools are worth; by default what loading them again costs. */
  readonly orderRule?: OrderRule;
  readonly onLoad: (record: LoadRecord) => void;
  /** A version declares these pools; none: it has forgotten them all. */
  readonly onClaim?: (versionId: string, keys: readonly string[]) => void;
  readonly onEvict?: (record: EvictionRecord) => void;
  /** A resident pool that was neither used nor checked for so long is tried by a light run of its own. Left out or 0: never. */
  readonly checkEveryMs?: number;
  readonly onRepair?: (record: RepairRecord) => void;
  /** A check hangs in native code. */
  readonly onHung?: (reason: string) => void;
  /** Demand cycles over more than fits, or does no longer. */
  readonly onThrash?: (device: string, thrashing: boolean) => void;
}

/** A retired-but-held pool is asked again this often: only leases and work after the answer hold it that long. */
const RETIRE_RETRY_MS = 20;
/** A pool that failed its check is left as it is when it is held for longer, until the next check. */
const REPAIR_WAIT_MS = 10_000;

export class PoolResidency implements Residency {
  readonly #options: ResidencyOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #loader: PoolLoader;
  readonly #checks: PoolChecks;
  readonly #book: PlacementBook;
  readonly #costs: PoolCosts;

  constructor(options: ResidencyOptions) {
    this.#options = options;
    this.#book = options.book ?? new PlacementBook();
    this.#costs = options.costs ?? new PoolCosts();
    const { onEvict = () => {}, onThrash = () => {} } = options;
    this.#loader = new PoolLoader({ ...options, costs: this.#costs, book: this.#book, onEvict, onThrash, pools: this.#pools });
    const { checkEveryMs = 0, onRepair = () => {}, onHung = () => {} } = options;
    this.#checks = new PoolChecks({
      ...options, everyMs: checkEveryMs, onRepair, onHung, pools: this.#pools, rebuild: (pool, plan, fault) => this.#rebuild(pool, plan, fault),
    });
  }

  declare(versionId: string, plans: readonly PoolPlan[]): void {
    for (const plan of plans) {
      const { key } = plan.spec;
      const pool = this.#pools.get(key) ?? newPool(plan);
      pool.plans.set(versionId, plan);
      pool.plan = newestPlan(pool);
      this.#pools.set(key, pool);
      this.#loader.devices.notePinned(pool);
      if (plan.placedAs?.ask !== undefined) this.#book.put(plan.placedAs.ask, plan.spec);
    }
    this.#options.onClaim?.(versionId, plans.map(({ spec }) => spec.key));
  }

  async ensure(key: string, ask: Ask): Promise<Ensured> {
    const startMs = this.#options.clock.nowMs();
    const ensured = await this.#ensureLoaded(key, ask);
    const proof = ask.provenBy === undefined ? [] : await this.#prove(key, ask, ask.provenBy, startMs + (ask.timeoutMs ?? this.#options.loadTimeoutMs));
    return proof.length === 0 ? ensured : { ...ensured, proof };
  }

  async #ensureLoaded(key: string, ask: Ask): Promise<Ensured> {
    await this.#pools.get(key)?.unload;
    const pool = this.#pools.get(key);
    assert(pool !== undefined, `pool ${key} was asked for but no version declares it`);
    if (pool.state === 'resident') return { start: 'warm' };
    if (pool.load !== undefined) return this.#joinOrLoad(pool, pool.load, ask);
    this.#refuseDuringBackoff(pool, ask);
    const load = this.#begin(pool, ask);
    const record = await load.done;
    return { start: 'cold', loadId: load.loadId, load: record };
  }

  /** As the engine's; what it has to load for that is in the ledger meanwhile. */
  async inspect(path: string, backend: Backend, device: DeviceName = 'cpu'): Promise<Signature> {
    const { engine, loadTimeoutMs } = this.#options;
    if (device === 'cpu') return engine.inspect(path, backend);
    return lookWithRoom(this.#loader.devices.named(device), { path, limitMs: loadTimeoutMs }, () => engine.inspect(path, backend, device));
  }

  async forget(versionId: string): Promise<void> {
    this.#options.onClaim?.(versionId, []);
    const left = [...this.#pools.values()].filter((pool) => pool.plans.has(versionId));
    for (const pool of left) {
      this.#withdraw(pool, versionId);
      pool.plan = newestPlan(pool);
      this.#loader.devices.notePinned(pool);
    }
    await Promise.all(left.filter(isOrphan).map((pool) => this.#remove(pool)));
  }

  /** `name@version` of each that declares the pool. */
  declarers(key: string): readonly string[] {
    return [...this.#pools.get(key)?.plans.keys() ?? []];
  }

  /** Of a version's model with variants: the one that the pool is. */
  variant(key: string, versionId: string): TakenVariant | undefined {
    return this.#pools.get(key)?.plans.get(versionId)?.variant;
  }

  pools(): readonly PoolView[] {
    const stats = new Map(this.#options.engine.stats().map((one) => [one.key, one]));
    const nowMs = this.#options.clock.nowMs();
    return [...this.#pools.values()].map((pool) => {
      const { key, state, plans, plan } = pool;
      const found = stats.get(key);
      const trouble = troubleOf(pool, nowMs);
      return {
        key, state, functions: [...plans.keys()], variants: variantsOf(pool), device: plan.spec.device, pinned: isPinned(pool), bytes: this.#loader.devices.bytesOf(pool),
        ...(trouble === undefined ? {} : { trouble }), ...(found === undefined ? {} : { stats: found }),
      };
    });
  }

  devices(): readonly DeviceState[] {
    return this.#loader.devices.states();
  }

  place(functionName: string, wanted: readonly WantedPlace[]): readonly Placement[] {
    return placeWanted(functionName, wanted, { budgets: this.#options.devices, pools: this.#pools, book: this.#book, costs: this.#costs });
  }

  residentOf(versionIds: readonly string[]): readonly PoolPlan[] {
    const plans = [...this.#pools.values()].filter(({ state }) => state === 'resident').flatMap(({ plans: all }) => versionIds.flatMap((id) => all.get(id) ?? []).slice(0, 1));
    return [...plans.filter(({ residency }) => residency === 'pinned'), ...plans.filter(({ residency }) => residency !== 'pinned')];
  }

  fit(leaving: readonly string[], wanted: readonly WantedPool[]): FitPlan {
    return this.#loader.devices.fit(new Set(leaving), wanted);
  }

  /** Statistics of loaded pools under the names that people know them by. */
  namedStats(): readonly { readonly function: string; readonly binding: string; readonly device: string; readonly stats: PoolStats }[] {
    return this.#options.engine.stats().flatMap((stats) => {
      const plan = this.#pools.get(stats.key)?.plan;
      return plan === undefined ? [] : [{ function: plan.function, binding: plan.binding, device: plan.spec.device, stats }];
    });
  }

  #withdraw(pool: Pool, versionId: string): void {
    const ask = pool.plans.get(versionId)?.placedAs?.ask;
    pool.plans.delete(versionId);
    if (ask !== undefined && [...pool.plans.values()].every(({ placedAs }) => placedAs?.ask !== ask)) this.#book.forget(ask);
  }

  /** A sample that fails is its own version's fault: the pool stays for the others. */
  async #prove(key: string, ask: Ask, plan: PoolPlan, deadlineMs: number): Promise<readonly WarmRecord[]> {
    const pool = this.#pools.get(key);
    if (pool?.signature === undefined) return [];
    refuseUnlessAsTold(plan, pool.signature);
    if (pool.warmedWith.has(plan.warm.id)) return [];
    const { engine, clock } = this.#options;
    const onRun = ask.onWarm ?? (() => {});
    const records = await warmUp(engine, { plan, clock, signature: pool.signature, deadlineMs, onRun });
    pool.warmedWith.add(plan.warm.id);
    return records;
  }

  /** A load ahead of requests pushes nothing out. A request that joined one which found no room may, and loads for itself. */
  async #joinOrLoad(pool: Pool, load: Load, ask: Ask): Promise<Ensured> {
    try {
      return await this.#join(pool, load, ask);
    } catch (error) {
      if (!isLackOfRoom(error) || !isAheadOfRequests(load.reason) || isAheadOfRequests(ask.reason)) throw error;
      return this.#ensureLoaded(pool.key, ask);
    }
  }

  async #join(pool: Pool, load: Load, { waitMs }: Ask): Promise<Ensured> {
    if (load.waiters >= this.#options.loadWaitersMax) {
      throw new PilotlightError('TOO_BUSY', `${load.waiters} requests already wait for ${describePool(pool)} to load; loadWaitersMax allows no more`);
    }
    const late = (): Error => new PilotlightError('DEADLINE', `${describePool(pool)} was still being loaded after ${waitMs} ms, as long as limits.timeoutMs allows`);
    load.waiters++;
    try {
      const record = await (waitMs === undefined ? load.done : waitAtMost(load.done, { clock: this.#options.clock, limitMs: waitMs, late }));
      return { start: 'joined', loadId: load.loadId, load: record };
    } finally {
      load.waiters--;
    }
  }

  #refuseDuringBackoff(pool: Pool, ask: Ask): void {
    if (pool.failure === undefined || ask.reason !== 'request') return;
    const waitMs = pool.failure.untilMs - this.#options.clock.nowMs();
    if (waitMs <= 0) return;
    const { code, message } = toPlainError(pool.failure.error, 'LOAD_FAILED');
    throw new PilotlightError('LOAD_FAILED', `${describePool(pool)} failed to load (${code}: ${message}); tried again in ${Math.ceil(waitMs / 1000)} s`, {
      cause: pool.failure.error, retryAfterS: Math.ceil(waitMs / 1000),
    });
  }

  #begin(pool: Pool, ask: Ask): Load {
    move(pool, 'loading');
    const loadId = randomBytes(8).toString('hex');
    const load: Load = { loadId, reason: ask.reason, waiters: 0, done: Promise.resolve().then(() => this.#load(pool, ask, loadId)) };
    pool.load = load;
    // Waiters see the rejection; a load whose callers all left must not end the process.
    load.done.catch(() => {});
    return load;
  }

  async #load(pool: Pool, ask: Ask, loadId: string): Promise<LoadRecord> {
    const { loadTimeoutMs } = this.#options;
    const { reason, function: name, binding, timeoutMs = loadTimeoutMs, inPlaceOf = [], beside = [], onWarm = () => {} } = ask;
    try {
      const order = { loadId, plan: planFor(pool, ask), reason, function: name, binding, timeoutMs, inPlaceOf: new Set(inPlaceOf), beside: new Set(beside), onWarm };
      const record = await this.#loader.load(pool, order);
      this.#checks.wake();
      return record;
    } catch (error) {
      this.#remember(pool, error, reason);
      throw error;
    } finally {
      pool.load = undefined;
    }
  }

  #remember(pool: Pool, error: unknown, reason: Ask['reason']): void {
    const nowMs = this.#options.clock.nowMs();
    const count = pool.failure?.count ?? 0;
    if (!isLackOfRoom(error)) pool.failure = { error, count: count + 1, untilMs: nowMs + backOffMs(count + 1) };
    // Others may let go at any moment. A load ahead of requests has not even asked them to.
    else if (!isAheadOfRequests(reason)) pool.failure = { error, count, untilMs: nowMs };
  }

  /** From the unload on, requests wait for the load or begin it themselves: cold or joined, and none meets the old engine. */
  async #rebuild(pool: Pool, plan: PoolPlan, fault: string): Promise<Rebuilt> {
    const { engine, clock } = this.#options;
    const untilMs = clock.nowMs() + REPAIR_WAIT_MS;
    for (;;) {
      // Others give it up meanwhile, or nobody declares it any more.
      if (pool.unload !== undefined || pool.state !== 'resident') return { outcome: 'gone' };
      if (engine.retire(pool.key) === 'retired') break;
      if (clock.nowMs() >= untilMs) return { outcome: 'held' };
      await new Promise<void>((resolve) => clock.after(RETIRE_RETRY_MS, resolve));
    }
    pool.repairing = fault;
    try {
      pool.unload = this.#loader.unload(pool).finally(() => (pool.unload = undefined));
      await pool.unload;
      if (isOrphan(pool)) return { outcome: 'gone' };
      const load = pool.load ?? this.#begin(pool, { reason: 'repair', function: plan.function, binding: plan.binding, provenBy: plan });
      return { outcome: 'rebuilt', load: await load.done };
    } catch (error) {
      return isOrphan(pool) ? { outcome: 'gone' } : { outcome: 'failed', error };
    } finally {
      pool.repairing = undefined;
    }
  }

  async #remove(pool: Pool): Promise<void> {
    // A load in flight is finished first: the native loader cannot be stopped halfway without a trace.
    await pool.load?.done.catch(() => {});
    while (isOrphan(pool) && (pool.unload !== undefined || pool.state === 'resident')) {
      pool.unload ??= this.#unload(pool).finally(() => (pool.unload = undefined));
      await pool.unload;
    }
    if (isOrphan(pool) && pool.load === undefined) this.#pools.delete(pool.key);
  }

  async #unload(pool: Pool): Promise<void> {
    const { engine, clock } = this.#options;
    while (engine.retire(pool.key) === 'busy') {
      await new Promise<void>((resolve) => clock.after(RETIRE_RETRY_MS, resolve));
      if (!isOrphan(pool)) return;
    }
    await this.#loader.unload(pool);
  }
}

function variantsOf({ plans }: Pool): readonly PoolVariant[] {
  return [...plans].flatMap(([versionId, { binding, variant }]) => (variant === undefined ? [] : [{ function: versionId, binding, ...variant }]));
}

/** No fault of the model: it may be tried again as soon as there is room. */
function isLackOfRoom(error: unknown): boolean {
  return error instanceof PilotlightError && (error.code === 'NO_MEMORY' || error.code === 'NEVER_FITS');
}

/** Whoever asks is warmed for first; a version of another function that shares the pool must not fail this one's load by its samples. */
function planFor(pool: Pool, { provenBy, function: name, binding }: Ask): PoolPlan {
  return provenBy ?? [...pool.plans.values()].findLast((plan) => plan.function === name && plan.binding === binding) ?? pool.plan;
}
