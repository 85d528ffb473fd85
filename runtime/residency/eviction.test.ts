import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decideRoom, type Candidate, type RoomDecision, type RoomSnapshot } from './eviction.ts';

const idle = (key: string, bytes: number): Candidate => ({ key, bytes });
const held = (key: string, bytes: number): Candidate => ({ key, bytes, stays: 'held' });
const fresh = (key: string, bytes: number, freshUntilMs: number): Candidate => ({ key, bytes, stays: { freshUntilMs } });

const CASES: readonly (readonly [string, Partial<RoomSnapshot>, RoomDecision])[] = [
  ['what fits into free bytes takes them', { needBytes: 3, freeBytes: 3 }, { act: 'take' }],
  ['nothing goes when it fits', { needBytes: 3, freeBytes: 4, candidates: [idle('a', 9)] }, { act: 'take' }],
  ['the least valuable goes', { needBytes: 3, freeBytes: 1, candidates: [idle('a', 2), idle('b', 2)] }, { act: 'evict', keys: ['a'] }],
  ['as many go as the need takes', { needBytes: 5, freeBytes: 1, candidates: [idle('a', 2), idle('b', 2), idle('c', 2)] }, { act: 'evict', keys: ['a', 'b'] }],
  ['one that the last makes needless is spared', { needBytes: 5, freeBytes: 1, candidates: [idle('a', 1), idle('b', 4)] }, { act: 'evict', keys: ['b'] }],
  ['the dearest of the needless is spared first', { needBytes: 4, freeBytes: 0, candidates: [idle('a', 1), idle('b', 1), idle('c', 3)] }, { act: 'evict', keys: ['a', 'c'] }],
  ['what is held is passed over', { needBytes: 2, freeBytes: 0, candidates: [held('a', 2), idle('b', 2)] }, { act: 'evict', keys: ['b'] }],
  ['what is fresh is passed over', { needBytes: 2, freeBytes: 0, candidates: [fresh('a', 2, 50), idle('b', 2)] }, { act: 'evict', keys: ['b'] }],
  ['nothing goes unless enough can go', { needBytes: 4, freeBytes: 0, candidates: [idle('a', 2), fresh('b', 2, 50), fresh('c', 2, 40)] }, { act: 'wait', for: 'time', untilMs: 40 }],
  ['loads under way are waited for', { needBytes: 4, freeBytes: 0, loadingBytes: 8, candidates: [idle('a', 2)] }, { act: 'wait', for: 'time' }],
  ['holders are waited for', { needBytes: 4, freeBytes: 0, candidates: [idle('a', 2), held('b', 4)] }, { act: 'wait', for: 'holders' }],
  ['more than the device has never fits', { needBytes: 11, freeBytes: 10 }, { act: 'refuse', because: 'size' }],
  ['more than pinned pools leave does not fit now', { needBytes: 6, freeBytes: 2, pinnedBytes: 5, candidates: [idle('a', 3)] }, { act: 'refuse', because: 'pinned' }],
  ['after growth the books are balanced by a need of nothing', { needBytes: 0, freeBytes: -3, candidates: [idle('a', 2), idle('b', 2)] }, { act: 'evict', keys: ['a', 'b'] }],
];

describe('room', () => {
  for (const [title, snapshot, decision] of CASES) {
    test(title, () => {
      assert.deepEqual(decideRoom({ needBytes: 0, freeBytes: 0, budgetBytes: 10, pinnedBytes: 0, loadingBytes: 0, candidates: [], ...snapshot }), decision);
    });
  }

  test('no more candidates are asked for than are needed', () => {
    let asked = 0;
    function* endless(): Generator<Candidate> {
      for (;;) yield idle(String(asked++), 1);
    }
    decideRoom({ needBytes: 3, freeBytes: 0, budgetBytes: 10, pinnedBytes: 0, loadingBytes: 0, candidates: endless() });
    assert.equal(asked, 4);
  });
});
