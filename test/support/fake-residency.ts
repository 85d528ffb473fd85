// Residency without an engine: it counts which versions claim which pools and which of those are resident. Each pool takes one place.
import type { DeviceBudget } from '../../runtime/engine/port.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import type { LoadRecord } from '../../runtime/records.ts';
import { planFit, type FitPlan, type WantedPool } from '../../runtime/residency/fit.ts';
import type { DeviceState } from '../../runtime/residency/devices.ts';
import type { Placement } from '../../runtime/residency/placement.ts';
import { PlacementBook } from '../../runtime/residency/placement-book.ts';
import type { PoolTrouble } from '../../runtime/residency/pool-trouble.ts';
import { PoolCosts } from '../../runtime/residency/pool-costs.ts';
import type { PoolPlan } from '../../runtime/residency/pool-plan.ts';
import { placeWanted, type WantedPlace } from '../../runtime/residency/wanted-place.ts';
import type { Ask, Ensured, PoolView, Residency } from '../../runtime/residency/residency.ts';

/** Of each load. */
const LOAD_MS = 5;

export class FakeResidency implements Residency {
  /** Called before each operation with the pool's key or the version's id; throw or wait here. */
  before: (operation: 'ensure' | 'forget', label: string) => void | Promise<void> = () => {};
  /** Pools that have room side by side. */
  places = Infinity;
  /** What `fit` counts on, where a test wants it to be wrong. */
  expectedPlaces: number | undefined;
  /** Version ids by pool key. */
  readonly declared = new Map<string, Set<string>>();
  /** In the order of their loads. */
  readonly resident = new Set<string>();
  readonly loads: string[] = [];
  /** Why pools cannot serve, by key. */
  readonly troubles = new Map<string, PoolTrouble>();
  /** By version id and pool key. */
  readonly #plans = new Map<string, PoolPlan>();
  budgets: readonly DeviceBudget[] = [{ device: 'cpu', budgetBytes: 2 ** 30 }];

  declare(versionId: string, pools: readonly PoolPlan[]): void {
    for (const plan of pools) {
      this.declared.set(plan.spec.key, (this.declared.get(plan.spec.key) ?? new Set()).add(versionId));
      this.#plans.set(`${versionId} ${plan.spec.key}`, plan);
    }
  }

  async ensure(key: string, ask: Ask): Promise<Ensured> {
    if (!this.declared.has(key)) throw new PilotlightError('LOAD_FAILED', `pool ${key} is not declared`);
    await this.before('ensure', key);
    if (this.resident.has(key)) return { start: 'warm' };
    while (this.resident.size >= this.places) this.#giveUp(ask);
    this.resident.add(key);
    this.loads.push(key);
    const load: LoadRecord = {
      loadId: `load-${this.loads.length}`, pool: key, reason: ask.reason, function: ask.function, binding: ask.binding,
      startMs: 0, endMs: LOAD_MS, steps: [], warm: [{ slot: 0, shape: 'x:1', startMs: 3, endMs: LOAD_MS }], joined: 0, evicted: [],
    };
    return { start: 'cold', loadId: load.loadId, load };
  }

  async forget(versionId: string): Promise<void> {
    await this.before('forget', versionId);
    for (const [key, versions] of this.declared) {
      versions.delete(versionId);
      this.#plans.delete(`${versionId} ${key}`);
      if (versions.size > 0) continue;
      this.declared.delete(key);
      this.resident.delete(key);
    }
  }

  devices(): readonly DeviceState[] {
    return [{
      device: 'cpu', budgetBytes: 2 ** 30, reservedBytes: 0, weightsBytes: 1, scratchBytes: 0, stagingBytes: 0, graphsBytes: 0, freeBytes: 2 ** 30 - 1, driftBytes: 0, thrashing: false,
    }];
  }

  residentOf(versionIds: readonly string[]): readonly PoolPlan[] {
    return [...this.resident].flatMap((key) => versionIds.flatMap((id) => this.#plans.get(`${id} ${key}`) ?? []).slice(0, 1));
  }

  fit(leaving: readonly string[], wanted: readonly WantedPool[]): FitPlan {
    const budgetBytes = this.expectedPlaces ?? this.places;
    const present = [...this.resident].map((key) => (
      { key, name: key, bytes: 1, loadMs: LOAD_MS, pinned: this.#isPinned(key), stays: !this.#isOnlyOf(key, leaving) }));
    return planFit({ device: 'cpu', wanted: wanted.map((pool) => ({ ...pool, bytes: 1 })), present, budgetBytes, freeBytes: budgetBytes - present.length });
  }

  place(functionName: string, wanted: readonly WantedPlace[]): readonly Placement[] {
    return placeWanted(functionName, wanted, { budgets: this.budgets, pools: new Map(), book: new PlacementBook(), costs: new PoolCosts() });
  }

  pools(): readonly PoolView[] {
    return [...this.declared].map(([key, versions]) => {
      const trouble = this.troubles.get(key);
      const state = this.resident.has(key) ? 'resident' : 'absent';
      return { key, state, functions: [...versions], variants: [], device: 'cpu', pinned: this.#isPinned(key), bytes: 1, ...(trouble === undefined ? {} : { trouble }) };
    });
  }

  #giveUp({ inPlaceOf = [], beside = [] }: Ask): void {
    const keys = [...this.resident].filter((key) => beside.length === 0 || !this.#isOnlyOf(key, beside));
    const victim = keys.find((key) => inPlaceOf.length > 0 && this.#isOnlyOf(key, inPlaceOf)) ?? keys.find((key) => !this.#isPinned(key));
    if (victim === undefined) throw new PilotlightError('NO_MEMORY', 'pinned models hold too much');
    this.resident.delete(victim);
  }

  #isOnlyOf(key: string, versionIds: readonly string[]): boolean {
    return [...this.declared.get(key) ?? []].every((id) => versionIds.includes(id));
  }

  #isPinned(key: string): boolean {
    return [...this.declared.get(key) ?? []].some((id) => this.#plans.get(`${id} ${key}`)?.residency === 'pinned');
  }
}
