import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ThrashWatch } from './thrash.ts';

describe('thrashing', () => {
  test('is a minute of which more than a quarter went into loads of what was given up a moment ago', () => {
    const told: boolean[] = [];
    const watch = new ThrashWatch((thrashing) => told.push(thrashing));
    for (let round = 0; round < 4; round++) {
      watch.givenUp('a', round * 10_000);
      watch.loaded('a', { startMs: round * 10_000 + 1000, endMs: round * 10_000 + 5000 });
      assert.equal(watch.isThrashing(round * 10_000 + 5000), round === 3);
    }
    assert.equal(watch.isThrashing(200_000), false);
    assert.deepEqual(told, [true, false]);
  });

  test('is not the first load of anything, nor one long after it was given up', () => {
    const watch = new ThrashWatch();
    watch.loaded('a', { startMs: 0, endMs: 50_000 });
    watch.givenUp('a', 60_000);
    watch.loaded('a', { startMs: 121_000, endMs: 170_000 });
    assert.equal(watch.isThrashing(170_000), false);
  });
});
