import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesByUse, startOrder, type StartCandidate } from './start-order.ts';

const candidate = (name: string, more: Partial<StartCandidate> = {}): StartCandidate => ({ name, isolates: 3, pinned: false, ...more });
const all = [candidate('a'), candidate('b'), candidate('c'), candidate('p', { pinned: true })];

test('pinned functions start first, then those used last; the others wait for a request', () => {
  assert.deepEqual(startOrder(all, ['c', 'gone', 'a'], 100), ['p', 'c', 'a']);
  assert.deepEqual(startOrder(all, [], 100), ['p']);
});

test('all start when nothing is remembered', () => {
  assert.deepEqual(startOrder(all, undefined, 100), ['p', 'a', 'b', 'c']);
});

test('no more start than the host may have isolates for', () => {
  assert.deepEqual(startOrder(all, ['c', 'b', 'a'], 8), ['p', 'c']);
  assert.deepEqual(startOrder(all, undefined, 2), []);
});

test('those that run are remembered most recently used first, each once', () => {
  const versions = [{ name: 'a', lastUsedMs: 1 }, { name: 'b', lastUsedMs: 3 }, { name: 'a', lastUsedMs: 2 }, { name: 'c', lastUsedMs: undefined }];
  assert.deepEqual(namesByUse(versions), ['b', 'a']);
});
