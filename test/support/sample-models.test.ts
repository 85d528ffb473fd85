import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { resnet50 } from './resnet50.ts';
import { addThree, identity, mlp, slow, weights64MiB } from './sample-models.ts';

async function output(model: Uint8Array, inputs: Record<string, Tensor>): Promise<Tensor> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const [first] = Object.values(await session.run(inputs));
  await session.release();
  return first as Tensor;
}

test('the smallest model adds three to any number of numbers', async () => {
  const y = await output(addThree(), { x: new Tensor('float32', Float32Array.of(1, 2), [2]) });
  assert.deepEqual([...(y.data as Float32Array)], [4, 5]);
});

test('an identity model gives back what it got', async () => {
  const y = await output(identity('int64', ['rows', 2]), { x: new Tensor('int64', BigInt64Array.of(1n, -2n), [1, 2]) });
  assert.deepEqual([...(y.data as BigInt64Array)], [1n, -2n]);
});

test('the same seed gives the same model, another seed another', () => {
  assert.deepEqual(mlp([4, 3], 7), mlp([4, 3], 7));
  assert.notDeepEqual(mlp([4, 3], 7), mlp([4, 3], 8));
});

test('the light model takes a batch of any size', async () => {
  const y = await output(mlp(), { x: new Tensor('float32', new Float32Array(3 * 64).fill(1), [3, 64]) });
  assert.deepEqual(y.dims, [3, 10]);
  assert.ok((y.data as Float32Array).every(Number.isFinite));
});

test('the slow model keeps the matrix of 1/n, so that its answer is known', async () => {
  const y = await output(slow(5), { x: new Tensor('float32', new Float32Array(16).fill(1 / 4), [4, 4]) });
  assert.ok((y.data as Float32Array).every((value) => value === 1 / 4));
});

test('the model of 64 MiB is 64 MiB of weights and little else', () => {
  const bytes = weights64MiB().byteLength;
  assert.ok(bytes > 64 * 2 ** 20 && bytes < 64 * 2 ** 20 + 4096, `${bytes} bytes`);
});

test('ResNet-50 has its 25.5 million weights, and logits that are finite and differ', async () => {
  const model = resnet50();
  assert.equal(Math.floor(model.byteLength / 4 / 1000), 25534); // thousands of float32, the graph's own bytes with them
  const image = new Float32Array(3 * 224 * 224).map((_, index) => Math.sin(index));
  const logits = await output(model, { image: new Tensor('float32', image, [1, 3, 224, 224]) });
  assert.deepEqual(logits.dims, [1, 1000]);
  const values = logits.data as Float32Array;
  assert.ok(values.every((value) => Number.isFinite(value) && Math.abs(value) < 100));
  assert.ok(new Set(values).size > 900);
});
