import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadOrder } from './load-order.ts';
import type { PoolPlan } from './pool-plan.ts';

const plan = (key: string, residency: PoolPlan['residency'] = 'lru'): PoolPlan => ({ spec: { key }, residency }) as PoolPlan;
const keys = (plans: readonly PoolPlan[]): string[] => plans.map(({ spec }) => spec.key);

test('after a restart pinned pools come first, then the last used in their order; what was not resident waits', () => {
  const pools = [plan('cold'), plan('b'), plan('a'), plan('pin', 'pinned')];
  assert.deepEqual(keys(loadOrder(pools, ['a', 'b', 'gone'])), ['pin', 'a', 'b']);
});

test('with nothing remembered all pools are loaded', () => {
  assert.deepEqual(keys(loadOrder([plan('a'), plan('pin', 'pinned')], undefined)), ['pin', 'a']);
});
