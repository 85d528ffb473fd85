import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failsWith } from '../../test/support/rollout-fixture.ts';
import { bucketOf } from '../../runtime/telemetry/version-tally.ts';
import { OTHERS_MIN, REQUESTS_MAX, REQUESTS_MIN, findPassedBound, isRoundOver, parseBound, type Tally } from './abort-policy.ts';

const OTHERS = tally(1_000, 0, [[1_000, 5]]);

/** `times`: how many requests took how many milliseconds. */
function tally(requests: number, failures: number, times: readonly (readonly [count: number, ms: number])[] = [[requests, 5]]): Tally {
  return { requests, failures, durations: new Map(times.map(([count, ms]) => [bucketOf(ms), count])) };
}

describe('the bounds of a split', () => {
  test('are read as they are written, with or without blanks', () => {
    assert.deepEqual(parseBound('errors>1%'), { kind: 'errors', percent: 1 });
    assert.deepEqual(parseBound('errors > 0.5 %'), { kind: 'errors', percent: 0.5 });
    assert.deepEqual(parseBound('p99>2x'), { kind: 'p99', times: 2 });
    assert.deepEqual(parseBound('p99 > 1.5x'), { kind: 'p99', times: 1.5 });
    for (const text of ['', 'errors', 'errors<1%', 'errors>1', 'errors>100%', 'errors>-1%', 'p99>2', 'p99>0.5x', 'p50>2x', 'p99>2ms', 'x'.repeat(5000)]) {
      assert.throws(() => parseBound(text), failsWith('BAD_REQUEST', JSON.stringify(text.slice(0, 100)), 'errors>1%', 'p99>2x'), text);
    }
  });

  const errors: readonly (readonly [situation: string, bound: string, own: Tally, passed: boolean])[] = [
    ['all of too few requests failed', 'errors>1%', tally(REQUESTS_MIN - 1, REQUESTS_MIN - 1), false],
    ['all of just enough requests failed', 'errors>1%', tally(REQUESTS_MIN, REQUESTS_MIN), true],
    ['two of twenty failed, which chance does', 'errors>1%', tally(20, 2), false],
    ['five of a hundred failed', 'errors>1%', tally(100, 5), false],
    ['six of a hundred failed', 'errors>1%', tally(100, 6), true],
    ['as many as allowed failed', 'errors>1%', tally(1_000, 10), false],
    ['twice as many as allowed failed, of a thousand', 'errors>1%', tally(1_000, 24), true],
    ['none failed where none may', 'errors>0%', tally(1_000, 0), false],
    ['one failed where none may', 'errors>0%', tally(100, 1), true],
    ['most failed where half may', 'errors>50%', tally(20_000, 10_600), true],
    ['half failed where half may', 'errors>50%', tally(20_000, 10_050), false],
  ];
  for (const [situation, bound, own, passed] of errors) {
    test(`${bound}: ${situation}: ${passed ? 'abort' : 'go on'}`, () => assert.equal(findPassedBound([bound], own, OTHERS) !== undefined, passed));
  }

  const durations: readonly (readonly [situation: string, own: Tally, others: Tally, passed: boolean])[] = [
    ['all take three times as long', tally(100, 0, [[100, 15]]), OTHERS, true],
    ['all take three times as long, too few', tally(REQUESTS_MIN - 1, 0, [[REQUESTS_MIN - 1, 15]]), OTHERS, false],
    ['the others are too few to compare with', tally(100, 0, [[100, 15]]), tally(OTHERS_MIN - 1, 0), false],
    ['all take a little less than twice as long', tally(1_000, 0, [[1_000, 9]]), OTHERS, false],
    ['one in a hundred is slow, as may be', tally(1_000, 0, [[990, 5], [10, 500]]), OTHERS, false],
    ['three in a hundred are slow', tally(1_000, 0, [[970, 5], [30, 500]]), OTHERS, true],
    ['both have a slow one in fifty', tally(1_000, 0, [[980, 5], [20, 500]]), tally(9_000, 0, [[8_820, 5], [180, 500]]), false],
    ['the first request of each of two isolates was slow', tally(40, 0, [[38, 5], [2, 90]]), OTHERS, false],
    ['it is faster', tally(1_000, 0, [[1_000, 1]]), OTHERS, false],
  ];
  for (const [situation, own, others, passed] of durations) {
    test(`p99>2x: ${situation}: ${passed ? 'abort' : 'go on'}`, () => assert.equal(findPassedBound(['p99>2x'], own, others) !== undefined, passed));
  }

  test('what is said names numbers and the bound; the first bound that is passed counts', () => {
    assert.equal(findPassedBound(['errors > 1%', 'p99>2x'], tally(40, 20, [[40, 50]]), OTHERS), '20 of 40 requests failed (50.0 %), more than errors>1% allows');
    assert.match(findPassedBound(['errors>1%', 'p99>2x'], tally(40, 0, [[40, 50]]), OTHERS) ?? '',
      /^the 99th percentile of 40 requests was 5\d\.\d ms, beside 5\.\d ms of the other versions, more than p99>2x allows$/);
    assert.equal(findPassedBound([], tally(40, 40), OTHERS), undefined);
  });

  test('a round ends when enough of both versions were seen, or very many of the judged one', () => {
    assert.ok(!isRoundOver(tally(REQUESTS_MAX - 1, 0), OTHERS));
    assert.ok(isRoundOver(tally(REQUESTS_MAX, 0), tally(OTHERS_MIN, 0)));
    assert.ok(!isRoundOver(tally(REQUESTS_MAX, 0), tally(OTHERS_MIN - 1, 0)));
    assert.ok(isRoundOver(tally(20 * REQUESTS_MAX, 0), tally(0, 0)));
  });
});
