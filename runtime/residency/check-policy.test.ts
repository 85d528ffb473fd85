import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failedInRow, nextCheck, type CheckedPool } from './check-policy.ts';

const pool = (key: string, more: Partial<CheckedPool> = {}): CheckedPool =>
  ({ key, provenMs: 0, usedMs: 0, jobs: 0, failedInRow: 0, notBeforeMs: 0, ...more });

const next = (pools: readonly CheckedPool[], nowMs = 100, waiting = 0): string | undefined => nextCheck({ nowMs, everyMs: 60, pools, waiting });

describe('the next check', () => {
  test('is of the pool that was neither proven nor used for the longest time, once that is long enough', () => {
    assert.equal(next([pool('a', { provenMs: 30 }), pool('b', { provenMs: 10 }), pool('c', { provenMs: 0, usedMs: 20 })]), 'b');
    assert.equal(next([pool('a', { provenMs: 41 }), pool('b', { usedMs: 41 })]), undefined);
    assert.equal(next([pool('a', { provenMs: 40 })]), 'a');
  });

  test('never is of a pool that has a job, nor of any while jobs wait', () => {
    assert.equal(next([pool('a', { jobs: 1 })]), undefined);
    assert.equal(next([pool('a', { jobs: 1 }), pool('b')]), 'b');
    assert.equal(next([pool('a'), pool('b')], 100, 1), undefined);
  });

  test('is at once of a pool whose jobs all fail, also while they do', () => {
    assert.equal(next([pool('a'), pool('b', { usedMs: 100, jobs: 2, failedInRow: 3 })], 100, 5), 'b');
    assert.equal(next([pool('b', { usedMs: 100, failedInRow: 2 })]), undefined);
  });

  test('is not of a pool that was repaired a moment ago', () => {
    assert.equal(next([pool('a', { notBeforeMs: 101, failedInRow: 9 })]), undefined);
    assert.equal(next([pool('a', { notBeforeMs: 100, failedInRow: 9 })]), 'a');
  });
});

test('failures count while nothing goes well', () => {
  assert.equal(failedInRow(0, { runs: 5, failures: 0 }, { runs: 7, failures: 2 }), 2);
  assert.equal(failedInRow(2, { runs: 7, failures: 2 }, { runs: 7, failures: 2 }), 2);
  assert.equal(failedInRow(2, { runs: 7, failures: 2 }, { runs: 8, failures: 3 }), 3);
  assert.equal(failedInRow(2, { runs: 7, failures: 2 }, { runs: 9, failures: 3 }), 0);
});
