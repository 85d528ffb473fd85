import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Tensor } from '../../runtime/engine/tensor.ts';
import { defaultToleranceOf, differenceOf } from './difference.ts';
import { float16Of, randomInputs } from './random-inputs.ts';

const reals = (...values: number[]): Tensor => ({ type: 'float32', shape: [values.length], data: new Float32Array(values) });
const halves = (...values: number[]): Tensor => ({ type: 'float16', shape: [values.length], data: new Uint16Array(values.map(float16Of)) });
const whole = (...values: number[]): Tensor => ({ type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) });

describe('differenceOf', () => {
  test('is relative to the largest magnitude of the reference', () => {
    assert.equal(differenceOf(reals(0, 101), reals(0, 100)), 0.01);
    assert.equal(differenceOf(reals(0, 0.5), reals(0, 0)), 0.5);
    assert.equal(differenceOf(reals(1, 2), reals(1, 2)), 0);
  });

  test('of halves it is that of their values, also against floats', () => {
    assert.equal(differenceOf(halves(1, -2, 0.5), halves(1, -2, 0.5)), 0);
    assert.equal(differenceOf(halves(1, -1.5), reals(1, -2)), 0.25);
  });

  test('of whole numbers it is the part that differs', () => {
    assert.equal(differenceOf(whole(1, 2, 3, 4), whole(1, 2, 3, 5)), 0.25);
  });

  test('a number where the reference has none, and another shape, differ beyond any limit; the same nonsense does not', () => {
    assert.equal(differenceOf(reals(1, NaN), reals(1, 2)), Infinity);
    assert.equal(differenceOf(reals(1, Infinity), reals(1, 2)), Infinity);
    assert.equal(differenceOf(reals(1), reals(1, 2)), Infinity);
    assert.equal(differenceOf(reals(1, NaN, Infinity), reals(1, NaN, Infinity)), 0);
  });
});

test('the least precise type that computes sets the tolerance', () => {
  assert.deepEqual(defaultToleranceOf(['float32', 'float16', 'int32']), { type: 'float16', tolerance: 0.02 });
  assert.deepEqual(defaultToleranceOf(['int64']), { type: 'float32', tolerance: 0.005 });
  assert.equal(defaultToleranceOf(['float16', 'int8']).type, 'int8');
});

test('random inputs are the same for the same seed, others for another, and whole numbers are places that every table has', () => {
  const inputs = [{ name: 'x', type: 'float32', shape: [2, 3] }, { name: 'ids', type: 'int64', shape: [1, 64] }] as const;
  assert.deepEqual(randomInputs(inputs, 1), randomInputs(inputs, 1));
  assert.notDeepEqual(randomInputs(inputs, 1), randomInputs(inputs, 2));
  const ids = randomInputs(inputs, 1)['ids']?.data as BigInt64Array;
  assert.deepEqual(new Set(ids), new Set([0n, 1n]));
});
