// The devices of the host, each with its books, its order of use and its room. What is on one of them never counts on another.
import type { Clock } from '../clock.ts';
import { totalBytes } from '../engine/pool-memory.ts';
import type { DeviceBudget, EngineControl } from '../engine/port.ts';
import { assert } from '../errors.ts';
import { fitTogether } from './fit-together.ts';
import { planFit, type FitPlan, type WantedPool } from './fit.ts';
import { Ledger, type LedgerView } from './ledger.ts';
import type { PoolCosts } from './pool-costs.ts';
import type { PoolPlan } from './pool-plan.ts';
import { describePool, isOnlyOf, isPinned, type Pool } from './pool.ts';
import { DeviceRoom, type Tenants } from './room.ts';
import { ThrashWatch } from './thrash.ts';
import { UseOrder, type OrderRule } from './use-order.ts';

/** The books of a device and how they compare with what is there. */
export interface DeviceState extends LedgerView {
  /** What engines hold now above what the ledger says of the same pools: arenas grow with runs. */
  readonly driftBytes: number;
  readonly thrashing: boolean;
}

export interface Device {
  readonly ledger: Ledger;
  readonly order: UseOrder;
  readonly room: DeviceRoom;
  readonly thrash: ThrashWatch;
  /** Keys of resident pools that may not go. */
  readonly pinned: Set<string>;
}

/** Whose load needs the room, and why it may have this. */
export interface Wanting {
  readonly key: string;
  /** For people. */
  readonly name: string;
  readonly reason: 'room' | 'rollout';
}

export interface DevicesOptions {
  readonly engine: EngineControl;
  readonly clock: Clock;
  readonly devices: readonly DeviceBudget[];
  /** A pool that was loaded is not given up before this time has passed. */
  readonly residencyMinMs: number;
  /** What pools are worth; by default what loading them again costs. */
  readonly orderRule?: OrderRule;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly costs: PoolCosts;
  readonly onThrash: (device: string, thrashing: boolean) => void;
  /** Of a pool that is retired and was last used at the stamp `usedMs`; resolves when its bytes are back. */
  readonly evict: (pool: Pool, usedMs: number, wanting: Wanting) => Promise<void>;
}

export class Devices {
  readonly #options: DevicesOptions;
  readonly #all: ReadonlyMap<string, Device>;

  constructor(options: DevicesOptions) {
    this.#options = options;
    this.#all = new Map(options.devices.map((budget) => [budget.device, this.#open(budget)]));
  }

  of({ spec: { device } }: PoolPlan): Device {
    return this.named(device);
  }

  named(device: string): Device {
    const found = this.#all.get(device);
    assert(found !== undefined, `device ${device} has no budget`);
    return found;
  }

  /** In the device's ledger: reserved while it loads, measured from then on. */
  bytesOf({ key, plan }: Pool): number {
    return this.of(plan).ledger.bytesOf(key);
  }

  residentKeys(): readonly string[] {
    return [...this.#all.values()].flatMap(({ order }) => [...order.keys()]);
  }

  states(): readonly DeviceState[] {
    const { clock, engine, pools } = this.#options;
    const stats = engine.stats();
    return [...this.#all.values()].map(({ ledger, thrash }) => {
      const measuredBytes = stats.filter(({ key }) => pools.get(key)?.plan.spec.device === ledger.device && ledger.holds(key))
        .reduce((sum, { memory }) => sum + totalBytes(memory), 0);
      const view = ledger.view();
      return { ...view, driftBytes: measuredBytes - totalBytes(view), thrashing: thrash.isThrashing(clock.nowMs()) };
    });
  }

  /** Each of the wanted on its own device. */
  fit(leaving: ReadonlySet<string>, wanted: readonly WantedPool[]): FitPlan {
    return fitTogether([...this.#all.values()].map((device) => this.#fitOn(device, leaving, wanted.filter((one) => one.device === device.ledger.device))));
  }

  /** After a load or an unload, and when other versions declare the pool than before: they may pin it, or do no longer. */
  notePinned(pool: Pool): void {
    const { pinned } = this.of(pool.plan);
    if (pool.state === 'resident' && isPinned(pool)) pinned.add(pool.key);
    else pinned.delete(pool.key);
  }

  #fitOn({ ledger, order }: Device, leaving: ReadonlySet<string>, wanted: readonly WantedPool[]): FitPlan {
    const { pools, costs } = this.#options;
    const present = [...order.leastFirst()].flatMap((key) => {
      const pool = pools.get(key);
      if (pool === undefined) return [];
      return [{ key, name: describePool(pool), bytes: ledger.bytesOf(key), loadMs: pool.loadMs, pinned: isPinned(pool), stays: !isOnlyOf(pool, leaving) }];
    });
    const measured = wanted.map((one) => {
      const { bytes = one.bytes, loadMs = 0 } = costs.of(one.key) ?? {};
      return { ...one, bytes, ...(loadMs > 0 ? { loadMs } : {}) };
    });
    return planFit({ device: ledger.device, wanted: measured, present, budgetBytes: ledger.budgetBytes, freeBytes: ledger.freeBytes });
  }

  #open({ device, budgetBytes }: DeviceBudget): Device {
    const ledger = new Ledger({ device, budgetBytes });
    const order = new UseOrder(this.#options.orderRule);
    const thrash = new ThrashWatch((thrashing) => this.#options.onThrash(device, thrashing));
    const pinned = new Set<string>();
    const room = new DeviceRoom({ ledger, order, clock: this.#options.clock, tenants: this.#tenants(device, { thrash, pinned }) });
    return { ledger, order, room, thrash, pinned };
  }

  #tenants(device: string, { thrash, pinned }: Pick<Device, 'thrash' | 'pinned'>): Tenants {
    const { engine, clock, pools, residencyMinMs, evict } = this.#options;
    const get = (key: string): Pool => {
      const pool = pools.get(key);
      assert(pool !== undefined, `pool ${key} is on ${device} and nobody knows it`);
      return pool;
    };
    return {
      tenancy: (key) => {
        const pool = get(key);
        const stayMs = thrash.isThrashing(clock.nowMs()) ? Math.max(residencyMinMs, pool.loadMs) : residencyMinMs;
        return { pinned: isPinned(pool), freshUntilMs: pool.wantedMs + stayMs };
      },
      pinned: () => pinned,
      refresh: () => this.#refresh(),
      // One that leaves already, because nobody declares it any more, goes by itself.
      retire: (key) => (get(key).unload !== undefined || engine.retire(key) === 'busy' ? 'busy' : 'retired'),
      reopen: (key) => engine.open(key),
      evict: (key, { usedMs, forKey, reason }) => {
        const wanting = pools.get(forKey);
        return evict(get(key), usedMs, { key: forKey, name: wanting === undefined ? 'a look at a model' : describePool(wanting), reason });
      },
    };
  }

  /** What was used since the last decision, of whichever device: so a decision costs what happened, not what is there. */
  #refresh(): void {
    const used = this.#options.engine.takeUsed().map(({ key, usedMs }) => [key, usedMs] as const);
    for (const { order } of this.#all.values()) order.use(used);
  }
}
