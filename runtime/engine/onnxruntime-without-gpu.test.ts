import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NativeEngine } from './native-engine.ts';

const MODEL = fileURLToPath(new URL('../../../functions/digits/digits.onnx', import.meta.url));

test('without a CUDA provider a load on a GPU is refused with what is missing and what would do', async () => {
  const engine = new NativeEngine();
  const capability = engine.capabilities().find(({ backend }) => backend === 'onnxruntime');
  assert.deepEqual([capability?.available, capability?.onGpu], [true, undefined]);
  assert.match(capability?.gpuReason ?? '', /libonnxruntime_providers_cuda\.so\) is not there; set onnxruntimeLibrary to .*onnxruntime-gpu/);

  const spec = { key: 'refused', backend: 'onnxruntime', path: MODEL, device: 'gpu:0', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1000 } } as const;
  await assert.rejects(engine.load(spec), { code: 'LOAD_FAILED', message: /digits\.onnx cannot be loaded on gpu:0: .*libonnxruntime_providers_cuda\.so/ });
});
