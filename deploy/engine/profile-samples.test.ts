import assert from 'node:assert/strict';
import { test } from 'node:test';
import { profileSamples } from './profile-samples.ts';

const X = { name: 'x', type: 'float32', shape: [-1, 2] } as const;

test('a plan is warmed in the least, the usual and the largest shapes of each profile', () => {
  const mask = { name: 'mask', type: 'int64', shape: [1, 2] } as const;
  const samples = profileSamples({ inputs: [X, mask], profiles: [{ x: { min: [1, 2], opt: [8, 2], max: [64, 2] } }, { x: { min: [65, 2], opt: [65, 2], max: [65, 2] } }] });
  assert.deepEqual(samples.map(({ name }) => name), ['x:1x2 mask:1x2', 'x:8x2 mask:1x2', 'x:64x2 mask:1x2', 'x:65x2 mask:1x2']);
  assert.equal(samples[2]?.inputs['x']?.data.length, 128);
  assert.ok(samples[2].inputs['mask']?.data instanceof BigInt64Array);
});

test('points that are one shape are one sample, and a plan of fixed shapes has one', () => {
  assert.deepEqual(profileSamples({ inputs: [X], profiles: [{ x: { min: [1, 2], opt: [1, 2], max: [4, 2] } }] }).map(({ name }) => name), ['x:1x2', 'x:4x2']);
  assert.deepEqual(profileSamples({ inputs: [{ ...X, shape: [3, 2] }], profiles: [] }).map(({ name }) => name), ['x:3x2']);
});

test('an input that holds a shape gets its values, not zeros', () => {
  const size = { name: 'size', type: 'int32', shape: [2] } as const;
  const [least, most] = profileSamples({ inputs: [size], profiles: [{ size: { min: [1, 1], opt: [1, 1], max: [7, 9], of: 'values' } }] });
  assert.deepEqual([least?.inputs['size']?.data, most?.inputs['size']?.data], [Int32Array.of(1, 1), Int32Array.of(7, 9)]);
});
