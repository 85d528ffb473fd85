// What a version asks of the devices for one of its models, and how the pools that are there become the snapshot that a placement is
// decided from.
import type { Backend, DeviceBudget } from '../engine/port.ts';
import { place, type ModelSize, type Placement, type PlacementAsk, type PlacementDevice } from './placement.ts';
import type { PlacedAs, PlacementBook } from './placement-book.ts';
import type { PoolCosts } from './pool-costs.ts';
import { isPinned, type Pool } from './pool.ts';

export interface WantedPlace extends Omit<PlacementAsk, 'sizeOn' | 'before'> {
  readonly backend: Backend;
  readonly placedAs: PlacedAs;
  /** What the file tells, for as long as nothing was measured. */
  readonly estimate: ModelSize;
}

export interface PlaceOptions {
  readonly budgets: readonly DeviceBudget[];
  readonly pools: ReadonlyMap<string, Pool>;
  readonly book: PlacementBook;
  readonly costs: PoolCosts;
}

export function placeWanted(functionName: string, wanted: readonly WantedPlace[], { budgets, pools, book, costs }: PlaceOptions): readonly Placement[] {
  const asks = wanted.map(({ backend, placedAs: { ask, model }, estimate, ...rest }): PlacementAsk => ({
    ...rest,
    sizeOn: (device) => book.sizeOf({ model, backend, device }) ?? estimate,
    before: ask === undefined ? undefined : book.placeOf(ask),
  }));
  const declared = [...pools.values()].filter(({ plans }) => plans.size > 0);
  const devices = budgets.map(({ device, budgetBytes }): PlacementDevice => {
    const here = declared.filter(({ plan }) => plan.spec.device === device);
    return { device, budgetBytes, declaredBytes: bytesOf(here, costs), pinnedBytes: bytesOf(here.filter((pool) => isPinned(pool) && isOfOthers(pool, functionName)), costs) };
  });
  return place(asks, { devices, declared: new Set(declared.map(({ key }) => key)) });
}

/** Its own pinned pools leave with the version that has them. */
function isOfOthers({ plans }: Pool, functionName: string): boolean {
  return [...plans.values()].some((plan) => plan.function !== functionName && plan.residency === 'pinned');
}

function bytesOf(pools: readonly Pool[], costs: PoolCosts): number {
  return pools.reduce((sum, { key, plan }) => sum + (costs.of(key)?.bytes ?? plan.bytes), 0);
}
