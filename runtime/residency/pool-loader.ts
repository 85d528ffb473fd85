// Takes one pool to the device and back: room first, then the load, the warm-up, the measured bytes into the ledger, and only
// then it is open. A load that fails gives all back.
import { NO_BYTES, totalBytes } from '../engine/pool-memory.ts';
import type { LoadedPool, PoolMemory } from '../engine/port.ts';
import { toPlainError } from '../errors.ts';
import type { EvictionRecord, LoadRecord, WarmRecord } from '../records.ts';
import { Devices, type DevicesOptions, type Wanting } from './devices.ts';
import { IdleWatch, type IdlePool } from './idle-watch.ts';
import { loadWhereRoom } from './load-where-room.ts';
import type { PlacementBook } from './placement-book.ts';
import type { PoolPlan } from './pool-plan.ts';
import { describePool, idleTimeoutMs, isAheadOfRequests, isOnlyOf, move, type Pool } from './pool.ts';
import type { NeedOptions } from './room.ts';
import { refuseUnlessAsTold } from './told-signature.ts';
import { warmUp } from './warm-up.ts';

export interface PoolLoaderOptions extends Omit<DevicesOptions, 'evict'> {
  /** Told what each pool was measured to hold. */
  readonly book: PlacementBook;
  readonly onLoad: (record: LoadRecord) => void;
  readonly onEvict: (record: EvictionRecord) => void;
}

/** Which load: its id, what it is warmed with, for whom. */
export interface LoadOrder {
  readonly loadId: string;
  readonly plan: PoolPlan;
  readonly reason: LoadRecord['reason'];
  readonly function: string;
  readonly binding: string;
  readonly timeoutMs: number;
  /** Pools of these versions alone go first. */
  readonly inPlaceOf: ReadonlySet<string>;
  /** Pools of these versions alone are not given up for it. */
  readonly beside: ReadonlySet<string>;
  readonly onWarm: (record: WarmRecord) => void;
}

interface Bringing {
  readonly deadlineMs: number;
  readonly from: NeedOptions['from'];
  readonly regard: NeedOptions['regard'];
  readonly steps: LoadRecord['steps'][number][];
  readonly onRun: (record: WarmRecord) => void;
}

export class PoolLoader {
  readonly #options: PoolLoaderOptions;
  readonly devices: Devices;
  readonly #idle: IdleWatch;
  /** Evicted for a load under way, by that pool's key. */
  readonly #evictedFor = new Map<string, EvictionRecord[]>();

  constructor(options: PoolLoaderOptions) {
    this.#options = options;
    this.#idle = new IdleWatch({ clock: options.clock, pools: () => this.#idlePools(), giveUp: (key) => this.#giveUpIdle(key) });
    this.devices = new Devices({ ...options, evict: (pool, usedMs, wanting) => this.#evict(pool, usedMs, wanting) });
  }

  /** Rejects with the reason; then nothing of the load is left. The record is told either way. */
  async load(pool: Pool, order: LoadOrder): Promise<LoadRecord> {
    const { clock, onLoad } = this.#options;
    const { loadId, plan, reason, function: name, binding } = order;
    const startMs = clock.nowMs();
    const told = { loadId, pool: pool.key, reason, function: name, binding, startMs };
    const steps: LoadRecord['steps'][number][] = [];
    const warm: WarmRecord[] = [];
    const past = () => ({ steps, warm, joined: pool.load?.waiters ?? 0, evicted: this.#evictedFor.get(pool.key) ?? [] });
    const onRun = (record: WarmRecord): void => {
      warm.push(record);
      order.onWarm(record);
    };
    try {
      const from = isAheadOfRequests(reason) ? 'free' : 'others';
      await this.#bring(pool, order, { deadlineMs: startMs + order.timeoutMs, from, regard: this.#regardOf(order), steps, onRun });
      const record = { ...told, endMs: clock.nowMs(), ...past() };
      this.#settle(pool, plan, record);
      onLoad(record);
      return record;
    } catch (error) {
      move(pool, 'failed');
      this.devices.of(plan).ledger.release(pool.key);
      const { code, message } = toPlainError(error, 'LOAD_FAILED');
      onLoad({ ...told, endMs: clock.nowMs(), ...past(), errorCode: code, errorMessage: message });
      throw error;
    } finally {
      this.#evictedFor.delete(pool.key);
      this.devices.of(plan).room.changed();
    }
  }

  /** Of a pool that is retired. */
  async unload(pool: Pool): Promise<void> {
    const { ledger, order, room } = this.devices.of(pool.plan);
    move(pool, 'unloading');
    const { memory } = this.#options.engine.statsOf(pool.key);
    this.#options.costs.learn(pool.key, { bytes: Math.max(totalBytes(memory), ledger.bytesOf(pool.key)) });
    this.#measured(pool.plan, memory);
    const place = order.take(pool.key);
    if (pool.repairing !== undefined) pool.place = place;
    this.devices.notePinned(pool);
    try {
      await this.#options.engine.unload(pool.key);
    } catch (error) {
      // Its bytes stay in the ledger: nobody knows whether they are back.
      move(pool, 'failed');
      throw error;
    }
    ledger.release(pool.key);
    move(pool, 'absent');
    room.changed();
  }

  async #bring(pool: Pool, { plan }: LoadOrder, load: Bringing): Promise<void> {
    const { engine, clock, costs } = this.#options;
    const { ledger } = this.devices.of(plan);
    const { key } = pool;
    // What an unload that failed has left on the books.
    ledger.release(key);
    const known = costs.of(key)?.bytes ?? plan.bytes;
    // One that grew beyond the device by its runs may fit again when it is loaded anew.
    await this.#reserve(pool, plan, known > ledger.budgetBytes ? plan.bytes : known, load);
    const loaded = await this.#loadWhereRoom(pool, plan, load);
    load.steps.push(...loaded.steps);
    try {
      refuseUnlessAsTold(plan, loaded.signature);
      await warmUp(engine, { plan, clock, signature: loaded.signature, deadlineMs: load.deadlineMs, onRun: load.onRun });
      const { memory } = engine.statsOf(key);
      const bytes = totalBytes(memory);
      costs.learn(key, { bytes });
      this.#measured(plan, memory);
      if (bytes > ledger.bytesOf(key) + ledger.freeBytes) {
        // The estimate was too low: it opens only if others make room for what it really holds.
        ledger.release(key);
        await this.#reserve(pool, plan, bytes, load);
      }
      ledger.confirm(key, memory);
      engine.open(key);
    } catch (error) {
      await engine.unload(key);
      throw error;
    }
    pool.signature = loaded.signature;
  }

  #loadWhereRoom(pool: Pool, plan: PoolPlan, load: Bringing): Promise<LoadedPool> {
    const { ledger, pinned } = this.devices.of(plan);
    const pinnedBytes = (): number => [...pinned].reduce((sum, key) => (load.regard?.(key) === 'replaced' ? sum : sum + ledger.bytesOf(key)), 0);
    return loadWhereRoom({
      engine: this.#options.engine, spec: plan.spec, deadlineMs: load.deadlineMs, name: describePool(pool), expectedBytes: ledger.bytesOf(pool.key),
      books: () => ({
        reservedBytes: ledger.bytesOf(pool.key), knownBytes: this.#knownBytes(pool, plan), budgetBytes: ledger.budgetBytes, haveBytes: ledger.budgetBytes - pinnedBytes(),
      }),
      reserve: async (bytes) => {
        ledger.release(pool.key);
        await this.#reserve(pool, plan, bytes, load);
      },
      // Nobody knows which part the slots have; with fewer it may fit.
      onTooLarge: (leastBytes) => this.#measured(plan, { ...NO_BYTES, scratchBytes: leastBytes }),
    });
  }

  #knownBytes(pool: Pool, { spec: { backend, device }, placedAs, bytes }: PoolPlan): number | undefined {
    const { costs, book } = this.#options;
    const isWeighed = placedAs !== undefined && book.sizeOf({ model: placedAs.model, backend, device }) !== undefined;
    return costs.of(pool.key)?.bytes ?? (isWeighed ? bytes : undefined);
  }

  #measured({ spec: { backend, device, slots }, placedAs }: PoolPlan, memory: PoolMemory): void {
    if (placedAs !== undefined) this.#options.book.measured({ model: placedAs.model, backend, device }, slots, memory);
  }

  #regardOf({ inPlaceOf, beside }: LoadOrder): NeedOptions['regard'] {
    if (inPlaceOf.size === 0 && beside.size === 0) return undefined;
    return (key) => {
      const pool = this.#options.pools.get(key);
      if (pool === undefined) return 'any';
      return isOnlyOf(pool, inPlaceOf) ? 'replaced' : isOnlyOf(pool, beside) ? 'spared' : 'any';
    };
  }

  async #reserve(pool: Pool, plan: PoolPlan, bytes: number, { deadlineMs, steps, from, regard }: Bringing): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.nowMs();
    await this.devices.of(plan).room.make(pool.key, { bytes, name: describePool(pool), limitMs: Math.max(0, deadlineMs - startMs), from, regard });
    if (clock.nowMs() > startMs || this.#evictedFor.has(pool.key)) steps.push({ name: 'room', startMs, endMs: clock.nowMs() });
  }

  /** Now it counts as resident: it may be used, and given up. */
  #settle(pool: Pool, plan: PoolPlan, { reason, endMs, steps, warm }: LoadRecord): void {
    const { thrash } = this.devices.of(plan);
    move(pool, 'resident');
    this.devices.notePinned(pool);
    pool.failure = undefined;
    pool.warmedWith.clear();
    pool.warmedWith.add(plan.warm.id);
    pool.loadedAtMs = endMs;
    pool.warmRunMs = Math.max(0, ...warm.map((run) => run.endMs - run.startMs));
    pool.loadMs = workMs([...steps.filter(({ name }) => name !== 'room'), ...warm]);
    this.#options.costs.learn(pool.key, { loadMs: pool.loadMs });
    this.#order(pool, reason);
    thrash.loaded(pool.key, { startMs: endMs - pool.loadMs, endMs });
    this.#idle.wake();
  }

  /** A repair is no use: it gives the pool back its place. */
  #order(pool: Pool, reason: LoadRecord['reason']): void {
    const { key, place, loadedAtMs, loadMs } = pool;
    const { order } = this.devices.of(pool.plan);
    if (reason === 'repair' && place !== undefined) {
      order.putBack(key, place);
      order.use([[key, this.#options.engine.statsOf(key).lastUsedMs]]);
    } else {
      pool.wantedMs = loadedAtMs;
      order.add(key, { bytes: this.devices.bytesOf(pool), loadMs, usedMs: loadedAtMs });
    }
    pool.place = undefined;
  }

  #idlePools(): readonly IdlePool[] {
    const { clock, engine, pools } = this.#options;
    return this.devices.residentKeys().flatMap((key) => {
      const pool = pools.get(key);
      const timeoutMs = pool === undefined ? Infinity : idleTimeoutMs(pool);
      if (pool === undefined || timeoutMs === Infinity) return [];
      return [{ key, timeoutMs, idleMs: clock.nowMs() - Math.max(engine.statsOf(key).lastUsedMs, pool.wantedMs) }];
    });
  }

  #giveUpIdle(key: string): void {
    const pool = this.#options.pools.get(key);
    if (pool === undefined || pool.unload !== undefined || this.#options.engine.retire(key) === 'busy') return;
    // Its failure is told by the state that it leaves.
    this.#evict(pool, Math.max(this.devices.of(pool.plan).order.usedMs(key) ?? 0, this.#options.engine.statsOf(key).lastUsedMs)).catch(() => {});
  }

  /** Retired already. `wanting`: whose load needs the room, and why it may have this. */
  async #evict(pool: Pool, usedMs: number, wanting?: Wanting): Promise<void> {
    const { clock, onEvict } = this.#options;
    const { ledger, thrash } = this.devices.of(pool.plan);
    const bytes = ledger.bytesOf(pool.key);
    const startMs = clock.nowMs();
    pool.unload = this.unload(pool).finally(() => (pool.unload = undefined));
    await pool.unload;
    const endMs = clock.nowMs();
    if (wanting?.reason === 'room') thrash.givenUp(pool.key, endMs);
    const { function: name, binding } = pool.plan;
    const record: EvictionRecord = {
      pool: pool.key, function: name, binding, bytes, idleMs: startMs - usedMs, startMs, endMs,
      ...(wanting === undefined ? { reason: 'idle' } : { reason: wanting.reason, for: wanting.name }),
    };
    if (wanting !== undefined && this.#options.pools.has(wanting.key)) this.#evictedFor.set(wanting.key, [...(this.#evictedFor.get(wanting.key) ?? []), record]);
    onEvict(record);
  }
}

/** Without the waits for room and for the device's loader, which are no price of this pool's. */
function workMs(parts: readonly { readonly startMs: number; readonly endMs: number }[]): number {
  return parts.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
}
