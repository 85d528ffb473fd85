// Which pools a restarted host loads before it calls itself ready: pinned ones, then those that were resident when
// it was last seen, most recently used first. The others wait for the first request that wants them.
import type { PoolPlan } from './pool-plan.ts';

/** `lastUsed`: pool keys, most recently used first; undefined: nothing is remembered, so all are loaded. */
export function loadOrder(pools: readonly PoolPlan[], lastUsed: readonly string[] | undefined): readonly PoolPlan[] {
  const rank = (plan: PoolPlan): number => {
    if (plan.residency === 'pinned') return -1;
    if (lastUsed === undefined) return 0;
    const index = lastUsed.indexOf(plan.spec.key);
    return index < 0 ? Infinity : index;
  };
  return pools.map((plan) => ({ plan, rank: rank(plan) }))
    .filter(({ rank: own }) => own < Infinity)
    .sort((a, b) => a.rank - b.rank)
    .map(({ plan }) => plan);
}
