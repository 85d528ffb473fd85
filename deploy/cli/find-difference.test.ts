import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Signature, TensorSpec } from '../../runtime/engine/tensor.ts';
import { findDifference } from './find-difference.ts';

const X: TensorSpec = { name: 'x', type: 'float32', shape: ['batch', 4] };
const Y: TensorSpec = { name: 'y', type: 'int64', shape: ['batch'] };

function signature(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[] = [Y]): Signature {
  return { inputs, outputs };
}

test('files stand for each other when an axis that one leaves open is fixed in the other, in whatever order their tensors are', () => {
  const mask: TensorSpec = { name: 'mask', type: 'bool', shape: [] };
  assert.equal(findDifference(signature([X, mask]), signature([mask, { ...X, shape: [1, -1] }])), undefined);
});

const DIFFERENT: readonly (readonly [string, Signature])[] = [
  ['only the first has the input "x"', signature([])],
  ['only the second has the input "mask"', signature([X, { name: 'mask', type: 'bool', shape: [] }])],
  ['the input "x" is float32[batch, 4] in the first and float16[batch, 4] in the second', signature([{ ...X, type: 'float16' }])],
  ['the input "x" is float32[batch, 4] in the first and float32[?, 8] in the second', signature([{ ...X, shape: [-1, 8] }])],
  ['the input "x" is float32[batch, 4] in the first and float32[4] in the second', signature([{ ...X, shape: [4] }])],
  ['only the second has the output "z"', signature([X], [Y, { name: 'z', type: 'float32', shape: [] }])],
];

for (const [difference, other] of DIFFERENT) test(`they do not when ${difference}`, () => assert.equal(findDifference(signature([X]), other), difference));
