import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { onnxModel } from './onnx-model.ts';
import { addThree } from './sample-models.ts';
import { TINY_MODELS_FOLDER, tinyModels } from './tiny-models.ts';

async function output(model: Uint8Array, inputs: Record<string, Tensor>): Promise<Tensor> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const outputs = await session.run(inputs);
  return Object.values(outputs)[0] as Tensor;
}

const nothing = { inputs: [], outputs: [], nodes: [] };

test('a model is the protocol buffer that its graph says, byte for byte', () => {
  const bytes = onnxModel({ ...nothing, outputs: [{ name: 'y', type: 'float32', shape: [2, 'n', -1] }], opset: 300 });

  assert.equal(Buffer.from(bytes).toString('hex'), [
    '0808', // ir_version 8
    '120a' + Buffer.from('pilotlight').toString('hex'),
    '3a1f', // graph, 31 bytes
    '1205' + Buffer.from('graph').toString('hex'),
    '6216' + '0a0179' + '1211' + '0a0f' + '0801' + '120b' + '0a020802' + '0a0312016e' + '0a00', // y: float32 [2, n, ?]
    '4205' + '0a00' + '10ac02', // domain "", version 300
  ].join(''));
});

test('an initializer with the wrong number of elements is refused by name', () => {
  const initializers = [{ name: 'w', type: 'float32', shape: [2, 3], data: new Float32Array(5) } as const];
  assert.throws(() => onnxModel({ ...nothing, initializers }), /initializer "w" of shape \[2,3\] needs 6 elements and has 5/);
});

test('ONNX Runtime computes what the graph says', async () => {
  const y = await output(addThree(), { x: new Tensor('float32', Float32Array.of(1, 2), [2]) });
  assert.deepEqual([...(y.data as Float32Array)], [4, 5]);
});

test('ONNX Runtime reads attributes of every kind', async () => {
  const model = onnxModel({
    inputs: [{ name: 'x', type: 'float32', shape: [1, 2] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['a', 'b', 'c'] }],
    nodes: [
      { op: 'LeakyRelu', inputs: ['x'], outputs: ['leaky'], attributes: { alpha: { float: 0.5 } } },
      { op: 'Transpose', inputs: ['leaky'], outputs: ['turned'], attributes: { perm: { ints: [1, 0] } } },
      { op: 'Flatten', inputs: ['turned'], outputs: ['flat'], attributes: { axis: { int: -2 } } },
      { op: 'Constant', inputs: [], outputs: ['factors'], attributes: { value_floats: { floats: [10, 0.25] } } },
      { op: 'Einsum', inputs: ['flat', 'factors'], outputs: ['y'], attributes: { equation: { string: 'ij,k->kji' } } },
    ],
  });
  const y = await output(model, { x: new Tensor('float32', Float32Array.of(-4, 8), [1, 2]) });
  assert.deepEqual(y.dims, [2, 2, 1]);
  assert.deepEqual([...(y.data as Float32Array)], [-20, 80, -0.5, 2]);
});

test('initializers of numbers, booleans and strings arrive as they were given', async () => {
  const cases = [
    { type: 'int64', data: BigInt64Array.of(-1n, 2n ** 62n) },
    { type: 'float64', data: Float64Array.of(0.1, -2) },
    { type: 'bool', data: Uint8Array.of(1, 0) },
    { type: 'int8', data: Int8Array.of(-128, 127) },
    { type: 'string', data: ['', 'zwölf'] },
  ] as const;
  for (const { type, data } of cases) {
    const model = onnxModel({
      inputs: [], outputs: [{ name: 'y', type, shape: [2] }],
      nodes: [{ op: 'Identity', inputs: ['c'], outputs: ['y'] }],
      initializers: [{ name: 'c', type, shape: [2], data }],
    });
    const y = await output(model, {});
    assert.deepEqual(Array.from(y.data as ArrayLike<unknown>), Array.from(data as ArrayLike<unknown>), type);
  }
});

test('the model files beside this test are what tiny-models.ts makes', () => {
  const models = tinyModels();
  assert.deepEqual(readdirSync(TINY_MODELS_FOLDER).toSorted(), [...models.keys()].toSorted());
  for (const [name, content] of models) assert.deepEqual(new Uint8Array(readFileSync(join(TINY_MODELS_FOLDER, name))), Uint8Array.from(content), name);
});
