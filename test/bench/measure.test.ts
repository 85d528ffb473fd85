import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, interleave, quantile, report, slopeOf } from './measure.ts';

test('a comparison judges the median of the ratios of pairs, not the ratio of medians', () => {
  const measure = compare([[1, 1], [4, 2], [9, 3]], { case: 'c', measure: 'm', unit: 'x', bar: { atMost: 2 } });
  assert.deepEqual([measure.ratio, measure.ok, measure.spread], [2, true, [1, 3]]);
});

test('a bar that is missed is said to be missed', () => {
  assert.equal(report([3], { case: 'c', measure: 'm', unit: 'x', bar: { atLeast: 4 } }).ok, false);
});

test('quantiles are values that were measured', () => {
  assert.deepEqual([quantile([4, 1, 3, 2], 0.5), quantile([4, 1, 3, 2], 0.99), quantile([7], 0.1)], [2, 4, 7]);
});

test('a slope is of the line that fits all values, not of the first and the last', () => {
  assert.deepEqual([slopeOf([5, 7, 9, 11]), slopeOf([0, 3, 0, 3, 0])], [2, 0]);
});

test('the two sides take turns in going first', async () => {
  const order: string[] = [];
  await interleave(2, async () => order.push('a'), async () => order.push('b'));
  assert.deepEqual(order, ['a', 'b', 'b', 'a']);
});
