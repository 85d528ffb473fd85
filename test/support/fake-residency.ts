// Residency without an engine: it counts which versions claim which pools and which of those are resident.
import { PilotlightError } from '../../runtime/errors.ts';
import type { LoadRecord } from '../../runtime/records.ts';
import type { FitPlan } from '../../runtime/residency/fit.ts';
import type { DeviceState } from '../../runtime/residency/pool-loader.ts';
import type { PoolTrouble } from '../../runtime/residency/pool-trouble.ts';
import type { PoolPlan } from '../../runtime/residency/pool-plan.ts';
import type { Ask, Ensured, PoolView, Residency } from '../../runtime/residency/residency.ts';

export class FakeResidency implements Residency {
  /** Called before each operation with the pool's key or the version's id; throw or wait here. */
  before: (operation: 'ensure' | 'forget', label: string) => void | Promise<void> = () => {};
  /** Version ids by pool key. */
  readonly declared = new Map<string, Set<string>>();
  readonly resident = new Set<string>();
  readonly loads: string[] = [];
  /** Why pools cannot serve, by key. */
  readonly troubles = new Map<string, PoolTrouble>();

  declare(versionId: string, pools: readonly PoolPlan[]): void {
    for (const { spec } of pools) this.declared.set(spec.key, (this.declared.get(spec.key) ?? new Set()).add(versionId));
  }

  async ensure(key: string, ask: Ask): Promise<Ensured> {
    if (!this.declared.has(key)) throw new PilotlightError('LOAD_FAILED', `pool ${key} is not declared`);
    await this.before('ensure', key);
    if (this.resident.has(key)) return { start: 'warm' };
    this.resident.add(key);
    this.loads.push(key);
    const load: LoadRecord = {
      loadId: `load-${this.loads.length}`, pool: key, reason: ask.reason, function: ask.function, binding: ask.binding,
      startMs: 0, endMs: 5, steps: [], warm: [{ slot: 0, shape: 'x:1', startMs: 3, endMs: 5 }], joined: 0, evicted: [],
    };
    return { start: 'cold', loadId: load.loadId, load };
  }

  async forget(versionId: string): Promise<void> {
    await this.before('forget', versionId);
    for (const [key, versions] of this.declared) {
      versions.delete(versionId);
      if (versions.size > 0) continue;
      this.declared.delete(key);
      this.resident.delete(key);
    }
  }

  devices(): readonly DeviceState[] {
    return [{
      device: 'cpu', budgetBytes: 2 ** 30, reservedBytes: 0, weightsBytes: 1, scratchBytes: 0, stagingBytes: 0, freeBytes: 2 ** 30 - 1, driftBytes: 0, thrashing: false,
    }];
  }

  residentOf(_versionIds: readonly string[]): readonly PoolPlan[] {
    return [];
  }

  fit(): FitPlan {
    return { kind: 'overlap' };
  }

  pools(): readonly PoolView[] {
    return [...this.declared].map(([key, versions]) => {
      const trouble = this.troubles.get(key);
      const state = this.resident.has(key) ? 'resident' : 'absent';
      return { key, state, functions: [...versions], variants: [], device: 'cpu', pinned: false, bytes: 1, ...(trouble === undefined ? {} : { trouble }) };
    });
  }
}
