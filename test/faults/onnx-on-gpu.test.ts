// Whole hosts with ONNX models and a GPU, on the doubles of NVIDIA's driver and of PyPI's onnxruntime-gpu: from the manifest to the answer,
// with ONNX Runtime's CUDA provider and without it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { DeviceView } from '../../deploy/admin/view-routes.ts';
import type { PoolView } from '../../runtime/residency/residency.ts';
import { FunctionFolders } from '../support/function-folder.ts';
import { DOUBLE_FLAGS, DOUBLE_FOLDER, DoubleScript } from '../support/nvidia-double.ts';
import { RealHost } from '../support/real-host.ts';
import { identity } from '../support/sample-models.ts';

const TIME = { timeout: 120_000 };
const VARIANTS = fileURLToPath(new URL('../../../functions/variants', import.meta.url));
const ONNXRUNTIME_GPU = join(DOUBLE_FOLDER, 'python', 'onnxruntime', 'capi');

const folders = new FunctionFolders();
after(() => folders.remove());

async function placeOf(host: RealHost): Promise<string> {
  const { pools: [pool] } = await host.view<{ pools: readonly PoolView[] }>('/v1/pools');
  return `${pool?.device} ${pool?.state}`;
}

async function backendsOf(host: RealHost): Promise<readonly string[] | undefined> {
  const { devices } = await host.view<{ devices: readonly DeviceView[] }>('/v1/devices');
  return devices.find(({ device }) => device === 'gpu:0')?.backends;
}

async function digitOf(host: RealHost, name: string): Promise<unknown> {
  const body = readFileSync(join(VARIANTS, 'samples', `${name}.json`));
  return (await host.ask('/variants', { method: 'POST', body })).json();
}

describe('on a host with a GPU and the CUDA provider', () => {
  const script = new DoubleScript('bytes=1G');
  let host: RealHost;
  before(async () => {
    host = await RealHost.start({ flags: [...DOUBLE_FLAGS, '--onnxruntime-library', ONNXRUNTIME_GPU], env: script.env });
  });
  after(async () => {
    await host.close();
    script.remove();
  });

  test('doctor names the provider, and the GPU takes ONNX models', TIME, async () => {
    assert.match(await host.must(['doctor']), /✓ onnxruntime .*\n✓ +on GPUs: its CUDA provider/);
    assert.ok((await backendsOf(host))?.includes('onnxruntime'));
  });

  test('the variant for GPUs is taken, loaded there and warmed, answers, and has its bytes in the GPU\'s books', TIME, async () => {
    await host.deploy(VARIANTS);
    assert.deepEqual([await placeOf(host), await digitOf(host, '3'), await digitOf(host, '8')], ['gpu:0 resident', { digit: 3 }, { digit: 8 }]);
    const { devices } = await host.view<{ devices: readonly DeviceView[] }>('/v1/devices');
    assert.ok((devices.find(({ device }) => device === 'gpu:0')?.weightsBytes ?? 0) > 0);
    await host.must(['delete', 'variants']);
  });
});

describe('on a host with a GPU and without the CUDA provider', () => {
  const script = new DoubleScript('bytes=1G');
  let host: RealHost;
  before(async () => {
    host = await RealHost.start({ flags: DOUBLE_FLAGS, env: script.env });
  });
  after(async () => {
    await host.close();
    script.remove();
  });

  test('the variant for CPUs is taken, and the deploy says why not the other', TIME, async () => {
    assert.deepEqual(await backendsOf(host), ['tensorrt']);
    const plan = await host.must(['deploy', VARIANTS, '--plan']);
    assert.match(plan, /digits\.fp16\.onnx: it wants gpu; onnxruntime runs here on cpu: .*libonnxruntime_providers_cuda\.so/);
    await host.deploy(VARIANTS);
    assert.deepEqual([await placeOf(host), await digitOf(host, '3')], ['cpu resident', { digit: 3 }]);
  });

  test('a model that wants a GPU is refused with what is missing and what would do', TIME, async () => {
    const folder = folders.write('wants', {
      handler: 'export default { fetch: () => new Response() };',
      manifest: { routes: ['/wants'], models: { MODEL: { path: 'm.onnx', device: 'gpu' } } },
      files: { 'm.onnx': identity('float32', ['rows', 2]) },
    });
    const { code, err } = await host.cli(['deploy', folder]);
    assert.equal(code, 1);
    assert.match(err, /BAD_MODEL.*MODEL: it cannot run on this host: m\.onnx: it wants gpu; .*libonnxruntime_providers_cuda\.so.*set onnxruntimeLibrary to .*onnxruntime-gpu/s);
  });
});
