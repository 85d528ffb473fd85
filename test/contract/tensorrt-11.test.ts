// TensorRT 11, whose tables are laid out otherwise: a process opens one of both, so it has a file of its own beside the contract.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { monotonicMs } from '../../runtime/clock.ts';
import { NativeClient } from '../../runtime/engine/native-client.ts';
import { NativeEngine } from '../../runtime/engine/native-engine.ts';
import type { PoolSpec } from '../../runtime/engine/port.ts';
import { ELEMENT_TYPES, type ElementType, type Tensor, type TensorData } from '../../runtime/engine/tensor.ts';
import { DOUBLE_FOLDER, DoubleScript, doublePlanOf } from '../support/nvidia-double.ts';

const VERSION = '11.1.0.106';
const TYPES: readonly ElementType[] = ['float32', 'float16', 'bfloat16', 'int8', 'uint8', 'int32', 'int64', 'bool'];

const double = new DoubleScript();
Object.assign(process.env, double.env);
const engine = new NativeEngine({ cudaDriver: DOUBLE_FOLDER, tensorrtLibrary: join(DOUBLE_FOLDER, 'libnvinfer.so.11') });
const client = new NativeClient();
let folder = '';
before(async () => (folder = await mkdtemp(join(tmpdir(), 'tensorrt-11-'))));
after(async () => {
  await rm(folder, { recursive: true });
  double.remove();
});

async function specOf(name: string, plan: Uint8Array): Promise<PoolSpec> {
  const path = join(folder, `${name}.plan`);
  await writeFile(path, plan);
  return { key: name, backend: 'tensorrt', path, device: 'gpu:0', slots: 2, threads: 1, queue: { max: 8, timeoutMs: 10_000 } };
}

test('the backend tells its version', () => {
  const { available, version, reason } = engine.capabilities().find(({ backend }) => backend === 'tensorrt') ?? {};
  assert.deepEqual([available, version], [true, '11.1.0'], reason);
});

for (const type of TYPES) {
  test(`a run gives ${type} back as it was sent, first plainly and then by its graph`, async () => {
    const spec = await specOf(type, doublePlanOf([`input x ${type} -1x2`, 'profile 0 x 1x2 2x2 4x2', `output y ${type} -1x2 affine x`], VERSION));
    const { signature } = await engine.load(spec);
    assert.deepEqual(await engine.inspect(spec.path, 'tensorrt', 'gpu:0'), signature);
    engine.open(spec.key);
    const data = (type === 'int64' ? BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n) : (ELEMENT_TYPES[type].array as Uint8ArrayConstructor).of(1, 0, 1, 1)) as TensorData;
    const x: Tensor = { type, shape: [2, 2], data };
    for (let run = 0; run < 4; run++) assert.deepEqual((await client.run(spec.key, signature, { x }, { deadlineMs: monotonicMs() + 10_000 })).outputs, { y: x });
    while (engine.retire(spec.key) === 'busy') await new Promise((resolve) => { setImmediate(resolve); });
    await engine.unload(spec.key);
  });
}

test('fault 5: a plan of TensorRT 10 is refused with both versions', async () => {
  const spec = await specOf('ten', doublePlanOf(['input x float32 1', 'output y float32 1 affine x']));
  await assert.rejects(engine.load(spec), { code: 'BAD_MODEL', message: /ten\.plan: was built by TensorRT 10\.6\.0, and this host has 11\.1\.0/ });
});
