// One pool as residency knows it: who declares it, where in its life it is, and the moves that this life allows.
import { assert } from '../errors.ts';
import type { Signature } from '../engine/tensor.ts';
import type { LoadRecord } from '../records.ts';
import type { PoolPlan } from './pool-plan.ts';
import type { Place } from './use-order.ts';

export type PoolState = 'absent' | 'loading' | 'resident' | 'failed' | 'unloading';

export interface Load {
  readonly loadId: string;
  readonly reason: LoadRecord['reason'];
  readonly done: Promise<LoadRecord>;
  waiters: number;
}

export interface Failure {
  readonly error: unknown;
  readonly count: number;
  readonly untilMs: number;
}

export interface Pool {
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
  /** Of the last load: when it ended, and how long it took. */
  loadedAtMs: number;
  /** When it was last loaded because somebody wanted it: a repair is no such reason. */
  wantedMs: number;
  loadMs: number;
  /** The longest run of the last warm-up. */
  warmRunMs: number;
  /** What its check found, while it is unloaded and loaded again for that. */
  repairing: string | undefined;
  /** In the order of use, kept for that time. */
  place: Place | undefined;
}

const MOVES: Readonly<Record<PoolState, readonly PoolState[]>> = {
  absent: ['loading'],
  loading: ['resident', 'failed'],
  resident: ['unloading'],
  failed: ['loading'],
  unloading: ['absent', 'failed'],
};

export function newPool(plan: PoolPlan): Pool {
  return {
    key: plan.spec.key, plans: new Map(), plan, state: 'absent', load: undefined, failure: undefined, unload: undefined, signature: undefined,
    warmedWith: new Set(), loadedAtMs: 0, wantedMs: 0, loadMs: 0, warmRunMs: 0, repairing: undefined, place: undefined,
  };
}

export function move(pool: Pool, to: PoolState): void {
  assert(MOVES[pool.state].includes(to), `pool ${pool.key} cannot go from ${pool.state} to ${to}`);
  pool.state = to;
}

/** What no request waits for takes only memory that is free: nothing that is in use is given up for it. */
export function isAheadOfRequests(reason: LoadRecord['reason']): boolean {
  return reason === 'restart' || reason === 'repair';
}

/** One version that pins it is enough. */
export function isPinned({ plans }: Pool): boolean {
  return [...plans.values()].some(({ residency }) => residency === 'pinned');
}

/** As long as any of its versions wants it kept; Infinity: until others need the room. */
export function idleTimeoutMs(pool: Pool): number {
  return isPinned(pool) ? Infinity : Math.max(0, ...[...pool.plans.values()].map((plan) => plan.idleTimeoutMs ?? Infinity));
}

export function isOrphan(pool: Pool): boolean {
  return pool.plans.size === 0;
}

/** Whether nobody but these versions declares it. */
export function isOnlyOf({ plans }: Pool, versionIds: ReadonlySet<string>): boolean {
  return plans.size > 0 && [...plans.keys()].every((id) => versionIds.has(id));
}

export function newestPlan(pool: Pool): PoolPlan {
  return [...pool.plans.values()].at(-1) ?? pool.plan;
}

export function describePool({ plan }: Pool): string {
  return `${plan.function}'s model ${plan.binding}`;
}
