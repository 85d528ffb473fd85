import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Share } from '../../runtime/router/table.ts';
import { describeShares, sharesAmong, withShare } from './shares.ts';

const sharesOf = (...percents: readonly number[]): readonly Share[] => percents.map((percent, index) => ({ version: 'abcd'[index] ?? '', percent }));
const percents = (shares: readonly Share[]): readonly number[] => shares.map(({ percent }) => percent);

test('a version that joins takes its share from the others in proportion', () => {
  const cases: readonly (readonly [before: readonly number[], percent: number, after: readonly number[]])[] = [
    [[100], 10, [90, 10]], [[100], 0, [100, 0]], [[100], 100, [0, 100]], [[90, 10], 10, [81, 9, 10]], [[50, 50], 33, [34, 33, 33]],
    [[34, 33, 33], 1, [33, 33, 33, 1]], [[100, 0], 10, [90, 0, 10]],
  ];
  for (const [before, percent, after] of cases) {
    assert.deepEqual(percents(withShare(sharesOf(...before), 'x', percent)), after, `${before.join()} and ${percent}`);
  }
});

test('a version whose share is set anew keeps what else is known of it', () => {
  const shares = [{ version: 'a', percent: 90 }, { version: 'b', percent: 10, abortIf: ['errors>1%'] }];
  assert.deepEqual(withShare(shares, 'b', 0), [{ version: 'a', percent: 100 }, { version: 'b', percent: 0, abortIf: ['errors>1%'] }]);
});

test('where only versions without a share are left, the first of them gets all', () => {
  assert.deepEqual(percents(withShare(sharesOf(0, 0, 100), 'c', 40)), [60, 0, 40]);
  assert.deepEqual(sharesAmong(sharesOf(90, 0, 10), new Set(['b'])), [{ version: 'b', percent: 100 }]);
});

test('every sum is 100, whatever was scaled', () => {
  for (let first = 0; first <= 100; first += 7) {
    for (let second = 0; first + second <= 100; second += 11) {
      for (let percent = 0; percent <= 100; percent += 9) {
        const after = percents(withShare(sharesOf(first, second, 100 - first - second), 'x', percent));
        assert.equal(after.reduce((sum, one) => sum + one, 0), 100);
        assert.ok(after.every((one) => Number.isInteger(one) && one >= 0));
      }
    }
  }
});

test('versions that do not run leave their part to those that do', () => {
  assert.deepEqual(sharesAmong(sharesOf(90, 10), new Set(['b'])), [{ version: 'b', percent: 100 }]);
  assert.deepEqual(sharesAmong(sharesOf(50, 25, 25), new Set(['a', 'c'])), [{ version: 'a', percent: 67 }, { version: 'c', percent: 33 }]);
  assert.deepEqual(sharesAmong(sharesOf(100), new Set()), []);
});

test('shares are told by the first digits of their versions', () => {
  assert.equal(describeShares([{ version: 'a'.repeat(64), percent: 90 }, { version: 'b'.repeat(64), percent: 10 }]), 'aaaaaaaa 90 %, bbbbbbbb 10 %');
});
