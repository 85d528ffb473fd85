import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadOrder, type LoadCandidate } from './load-order.ts';

const pool = (key: string, more: Partial<LoadCandidate> = {}): LoadCandidate => ({ key, pinned: false, started: true, ...more });

test('after a restart pinned pools come first, then the last used in their order; what was not resident waits', () => {
  const pools = [pool('cold'), pool('b'), pool('a', { started: false }), pool('pin', { pinned: true, started: false })];
  assert.deepEqual(loadOrder(pools, ['a', 'b', 'gone']), ['pin', 'a', 'b']);
});

test('with nothing remembered all are loaded that functions want which run, and pinned ones', () => {
  assert.deepEqual(loadOrder([pool('a'), pool('b', { started: false }), pool('pin', { pinned: true, started: false })], undefined), ['pin', 'a']);
});
