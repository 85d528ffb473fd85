// Which pools are on the device, on the control thread: one load in flight for any number of waiters, kept
// as long as a version declares it. A job on a resident pool never comes here.
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { EngineControl, PoolStats } from '../engine/port.ts';
import type { Signature } from '../engine/tensor.ts';
import { PilotlightError, assert, toPlainError } from '../errors.ts';
import type { LoadRecord, Start, WarmRecord } from '../records.ts';
import type { PoolPlan } from './pool-plan.ts';
import { warmUp } from './warm-up.ts';

/** Why a pool is wanted, and by whom. */
export interface Ask {
  readonly reason: LoadRecord['reason'];
  readonly function: string;
  readonly binding: string;
  /** Bound on load and warm-up together. */
  readonly timeoutMs?: number;
  readonly onWarm?: (record: WarmRecord) => void;
  /** The pool must have been warmed, and its answers checked, by these samples too, also when it is resident already. */
  readonly provenBy?: PoolPlan;
}

export interface Ensured {
  readonly start: Start;
  readonly loadId?: string;
  readonly load?: LoadRecord;
  /** Runs of `provenBy` on a pool that others had loaded. */
  readonly proof?: readonly WarmRecord[];
}

export type PoolState = 'absent' | 'loading' | 'resident' | 'failed' | 'unloading';

export interface PoolView {
  readonly key: string;
  readonly state: PoolState;
  readonly functions: readonly string[];
  readonly stats?: PoolStats;
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
}

export interface ResidencyOptions {
  readonly engine: EngineControl;
  readonly clock: Clock;
  /** Requests that may wait for one load. */
  readonly loadWaitersMax: number;
  readonly loadTimeoutMs: number;
  readonly onLoad: (record: LoadRecord) => void;
}

interface Load {
  readonly loadId: string;
  readonly done: Promise<LoadRecord>;
  waiters: number;
}

interface Failure {
  readonly error: unknown;
  readonly count: number;
  readonly untilMs: number;
}

interface Pool {
  readonly key: string;
  /** By version, newest last. */
  readonly plans: Map<string, PoolPlan>;
  /** The newest declared version's: the files of others may be gone when the pool is loaded again. */
  plan: PoolPlan;
  state: PoolState;
  load: Load | undefined;
  failure: Failure | undefined;
  unload: Promise<void> | undefined;
  /** Since it was loaded: what it takes, and the ids of the samples that it was warmed with. */
  signature: Signature | undefined;
  readonly warmedWith: Set<string>;
}

const MOVES: Readonly<Record<PoolState, readonly PoolState[]>> = {
  absent: ['loading'],
  loading: ['resident', 'failed'],
  resident: ['unloading'],
  failed: ['loading'],
  unloading: ['absent', 'failed'],
};

const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 30_000;
/** A retired-but-held pool is asked again this often: only leases and work after the answer hold it that long. */
const RETIRE_RETRY_MS = 20;

export class PoolResidency implements Residency {
  readonly #options: ResidencyOptions;
  readonly #pools = new Map<string, Pool>();

  constructor(options: ResidencyOptions) {
    this.#options = options;
  }

  declare(versionId: string, plans: readonly PoolPlan[]): void {
    for (const plan of plans) {
      const { key } = plan.spec;
      const pool = this.#pools.get(key) ?? newPool(plan);
      pool.plans.set(versionId, plan);
      pool.plan = newestPlan(pool);
      this.#pools.set(key, pool);
    }
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
    if (pool.load !== undefined) return this.#join(pool, pool.load);
    this.#refuseDuringBackoff(pool, ask);
    const load = this.#begin(pool, ask);
    const record = await load.done;
    return { start: 'cold', loadId: load.loadId, load: record };
  }

  async forget(versionId: string): Promise<void> {
    const left = [...this.#pools.values()].filter((pool) => pool.plans.delete(versionId));
    for (const pool of left) pool.plan = newestPlan(pool);
    await Promise.all(left.filter(isOrphan).map((pool) => this.#remove(pool)));
  }

  pools(): readonly PoolView[] {
    const stats = new Map(this.#options.engine.stats().map((one) => [one.key, one]));
    return [...this.#pools.values()].map(({ key, state, plans }) => {
      const found = stats.get(key);
      return { key, state, functions: [...plans.keys()], ...(found === undefined ? {} : { stats: found }) };
    });
  }

  /** Statistics of loaded pools under the names that people know them by. */
  namedStats(): readonly { readonly function: string; readonly binding: string; readonly stats: PoolStats }[] {
    return this.#options.engine.stats().flatMap((stats) => {
      const plan = this.#pools.get(stats.key)?.plan;
      return plan === undefined ? [] : [{ function: plan.function, binding: plan.binding, stats }];
    });
  }

  /** A sample that fails is its own version's fault: the pool stays for the others. */
  async #prove(key: string, ask: Ask, plan: PoolPlan, deadlineMs: number): Promise<readonly WarmRecord[]> {
    const pool = this.#pools.get(key);
    if (pool?.signature === undefined || pool.warmedWith.has(plan.warm.id)) return [];
    const onRun = ask.onWarm ?? (() => {});
    const records = await warmUp(this.#options.engine, { plan, signature: pool.signature, deadlineMs, onRun });
    pool.warmedWith.add(plan.warm.id);
    return records;
  }

  async #join(pool: Pool, load: Load): Promise<Ensured> {
    if (load.waiters >= this.#options.loadWaitersMax) {
      throw new PilotlightError('TOO_BUSY', `${load.waiters} requests already wait for ${describe(pool)} to load; loadWaitersMax allows no more`);
    }
    load.waiters++;
    const record = await load.done;
    return { start: 'joined', loadId: load.loadId, load: record };
  }

  #refuseDuringBackoff(pool: Pool, ask: Ask): void {
    if (pool.failure === undefined || ask.reason !== 'request') return;
    const waitMs = pool.failure.untilMs - this.#options.clock.nowMs();
    if (waitMs <= 0) return;
    const { code, message } = toPlainError(pool.failure.error, 'LOAD_FAILED');
    throw new PilotlightError('LOAD_FAILED', `${describe(pool)} failed to load (${code}: ${message}); tried again in ${Math.ceil(waitMs / 1000)} s`, {
      cause: pool.failure.error, retryAfterS: Math.ceil(waitMs / 1000),
    });
  }

  #begin(pool: Pool, ask: Ask): Load {
    move(pool, 'loading');
    const loadId = randomBytes(8).toString('hex');
    const load: Load = { loadId, waiters: 0, done: Promise.resolve().then(() => this.#load(pool, ask, loadId)) };
    pool.load = load;
    // Waiters see the rejection; a load whose callers all left must not end the process.
    load.done.catch(() => {});
    return load;
  }

  async #load(pool: Pool, ask: Ask, loadId: string): Promise<LoadRecord> {
    const { engine, clock, onLoad } = this.#options;
    const plan = planFor(pool, ask);
    const { key } = plan.spec;
    const startMs = clock.nowMs();
    const deadlineMs = startMs + (ask.timeoutMs ?? this.#options.loadTimeoutMs);
    const told = { loadId, pool: key, reason: ask.reason, function: ask.function, binding: ask.binding, startMs };
    const warm: WarmRecord[] = [];
    let steps: LoadRecord['steps'] = [];
    try {
      const loaded = await engine.load(plan.spec);
      steps = loaded.steps;
      const onRun = (record: WarmRecord): void => {
        warm.push(record);
        ask.onWarm?.(record);
      };
      try {
        await warmUp(engine, { plan, signature: loaded.signature, deadlineMs, onRun });
        engine.open(key);
      } catch (error) {
        await engine.unload(key);
        throw error;
      }
      move(pool, 'resident');
      pool.failure = undefined;
      pool.signature = loaded.signature;
      pool.warmedWith.clear();
      pool.warmedWith.add(plan.warm.id);
      const record = { ...told, endMs: clock.nowMs(), steps, warm, joined: pool.load?.waiters ?? 0 };
      onLoad(record);
      return record;
    } catch (error) {
      move(pool, 'failed');
      const count = (pool.failure?.count ?? 0) + 1;
      pool.failure = { error, count, untilMs: clock.nowMs() + Math.min(BACKOFF_FIRST_MS * 2 ** (count - 1), BACKOFF_MAX_MS) };
      const plain = toPlainError(error, 'LOAD_FAILED');
      onLoad({ ...told, endMs: clock.nowMs(), steps, warm, joined: pool.load?.waiters ?? 0, errorCode: plain.code, errorMessage: plain.message });
      throw error;
    } finally {
      pool.load = undefined;
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
    const { key } = pool;
    while (engine.retire(key) === 'busy') {
      await new Promise<void>((resolve) => clock.after(RETIRE_RETRY_MS, resolve));
      if (!isOrphan(pool)) return;
    }
    move(pool, 'unloading');
    try {
      await engine.unload(key);
    } catch (error) {
      move(pool, 'failed');
      throw error;
    }
    move(pool, 'absent');
  }
}

function newPool(plan: PoolPlan): Pool {
  return { key: plan.spec.key, plans: new Map(), plan, state: 'absent', load: undefined, failure: undefined, unload: undefined, signature: undefined, warmedWith: new Set() };
}

/** Whoever asks is warmed for first; a version of another function that shares the pool must not fail this one's load by its samples. */
function planFor(pool: Pool, { provenBy, function: name, binding }: Ask): PoolPlan {
  return provenBy ?? [...pool.plans.values()].findLast((plan) => plan.function === name && plan.binding === binding) ?? pool.plan;
}

function newestPlan(pool: Pool): PoolPlan {
  return [...pool.plans.values()].at(-1) ?? pool.plan;
}

function isOrphan(pool: Pool): boolean {
  return pool.plans.size === 0;
}

function move(pool: Pool, to: PoolState): void {
  assert(MOVES[pool.state].includes(to), `pool ${pool.key} cannot go from ${pool.state} to ${to}`);
  pool.state = to;
}

function describe(pool: Pool): string {
  return `${pool.plan.function}'s model ${pool.plan.binding}`;
}
