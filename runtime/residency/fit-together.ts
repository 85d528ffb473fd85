// One answer of several devices: whether all pools of a version have room, each on its own device.
import type { FitPlan } from './fit.ts';

/** The worst of them, with what gives way on all. Devices load side by side, so callers wait as long as for the slowest. */
export function fitTogether(plans: readonly FitPlan[]): FitPlan {
  const reject = plans.find((plan) => plan.kind === 'reject');
  if (reject !== undefined) return reject;
  const pools = plans.flatMap((plan) => (plan.kind === 'evict' || plan.kind === 'drain first' ? plan.pools : []));
  const drains = plans.filter((plan) => plan.kind === 'drain first');
  if (drains.length > 0) {
    const gaps = drains.map(({ gapMs }) => gapMs);
    return { kind: 'drain first', pools, ...(gaps.every((gap) => gap !== undefined) ? { gapMs: Math.max(...gaps) } : {}) };
  }
  return plans.some(({ kind }) => kind === 'evict') ? { kind: 'evict', pools } : { kind: 'overlap' };
}
