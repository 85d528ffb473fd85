// ONNX Runtime on a GPU behind the engine port, on a double of PyPI's onnxruntime-gpu whose runs go to the CPU.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { identity } from '../../test/support/sample-models.ts';
import { monotonicMs } from '../clock.ts';
import { NativeEngine } from './native-engine.ts';
import type { PoolSpec } from './port.ts';
import type { Tensor } from './tensor.ts';

const DOUBLE = fileURLToPath(new URL('../../../native/build/double/python/onnxruntime/capi', import.meta.url));
const ROWS: Tensor = { type: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) };

let folder = '';
let path = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pilotlight-onnx-gpu-'));
  path = join(folder, 'model.onnx');
  await writeFile(path, identity('float32', ['rows', 2]));
});
after(() => rm(folder, { recursive: true }));

function specOn(device: PoolSpec['device']): PoolSpec {
  return { key: `identity on ${device}`, backend: 'onnxruntime', path, device, slots: 2, threads: 1, queue: { max: 8, timeoutMs: 1000 } };
}

test('with its CUDA provider the backend loads models on GPUs, and its slots answer at once', async () => {
  const engine = new NativeEngine({ onnxruntimeLibrary: DOUBLE });
  const capability = engine.capabilities().find(({ backend }) => backend === 'onnxruntime');
  assert.deepEqual([capability?.available, capability?.onGpu, capability?.gpuReason], [true, true, undefined]);

  assert.equal((await engine.inspect(path, 'onnxruntime', 'gpu:0')).inputs[0]?.name, 'x');
  const { key } = specOn('gpu:0');
  await engine.load(specOn('gpu:0'));
  const run = async (slot: number): Promise<Tensor | undefined> => (await engine.runOnSlot(key, slot, { x: ROWS }, { deadlineMs: monotonicMs() + 10_000 })).outputs['y'];
  for (const answer of await Promise.all([run(0), run(1)])) assert.deepEqual(answer, ROWS);
  assert.ok(engine.statsOf(key).memory.weightsBytes > 0);
  await engine.unload(key);
});
