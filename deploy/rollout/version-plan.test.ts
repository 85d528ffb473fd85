import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { FakeResidency } from '../../test/support/fake-residency.ts';
import { bundleVersion, type Bundle } from '../bundle/bundle.ts';
import type { StoredVersion } from '../store/store.ts';
import { expectedPools, planVersion } from './version-plan.ts';

let folder: string;

before(async () => (folder = await mkdtemp(join(tmpdir(), 'pilotlight-plan-'))));
after(() => rm(folder, { recursive: true }));

function plan(bundle: Bundle, slotsDefault = 3, engine = new FakeEngine()) {
  return planVersion(storedOf(bundle), { engine, residency: new FakeResidency(), slotsDefault });
}

function storedOf(bundle: Bundle): StoredVersion {
  return { name: bundle.manifest.name, version: bundleVersion(bundle), folder, bundle };
}

async function keyOf(name: string, model: object, slotsDefault = 3): Promise<string | undefined> {
  return (await plan(bundleOf(name, 'x', { models: { M: model } }), slotsDefault)).pools[0]?.spec.key;
}

describe('version plan', () => {
  test('the function has what the manifest says, with the signature that the engine read', async () => {
    const { function: planned } = await plan(bundleOf('digits', 'x', { routes: ['POST /digits', '/any'], vars: { A: '1' }, models: { M: { path: 'm.onnx', preload: true } } }));
    assert.deepEqual(planned.routes, [{ method: 'POST', path: '/digits' }, { method: undefined, path: '/any' }]);
    assert.deepEqual([planned.handlerFile, planned.vars['A']], [join(folder, 'handler.mjs'), '1']);
    assert.deepEqual([planned.models[0]?.preload, planned.models[0]?.signature.inputs[0]?.name, planned.models[0]?.pool.backend], [true, 'x', 'onnxruntime']);
  });

  test('a pool is named by what makes it: two functions that ask for the same share it', async () => {
    const same = await keyOf('one', { path: 'm.onnx' });
    assert.equal(await keyOf('two', { path: 'm.onnx', preload: true, residency: 'pinned' }), same);
    for (const other of [{ path: 'n.onnx' }, { path: 'm.onnx', slots: 2 }, { path: 'm.onnx', threads: 2 }, { path: 'm.onnx', queue: { max: 1 } }]) {
      assert.notEqual(await keyOf('one', other), same, JSON.stringify(other));
    }
    assert.equal(await keyOf('one', { path: 'm.onnx', slots: 3 }), same);
    assert.notEqual(await keyOf('one', { path: 'm.onnx' }, 4), same);
  });

  describe('on a host with two GPUs', () => {
    const GIB = 2 ** 30;
    const deviceNames = ['cpu', 'gpu:0', 'gpu:1'] as const;
    const engine = new FakeEngine();
    engine.deviceList = deviceNames.map((device) => ({ device, name: device, backends: ['onnxruntime'], totalBytes: GIB, freeBytes: GIB }));
    const residency = new FakeResidency();
    residency.budgets = deviceNames.map((device) => ({ device, budgetBytes: GIB }));

    async function poolOf(model: object) {
      const { pools: [pool] } = await planVersion(storedOf(bundleOf('digits', 'x', { models: { M: { path: 'm.onnx', ...model } } })), { engine, residency, slotsDefault: 3 });
      assert.ok(pool !== undefined);
      return pool;
    }

    test('a model is put where its manifest says, with as many slots as are usual there, and each device has a pool of its own', async () => {
      const pools = await Promise.all(['any', 'cpu', 'gpu', 'gpu:1'].map((device) => poolOf({ device })));
      assert.deepEqual(pools.map(({ spec: { device, slots } }) => [device, slots]), [['gpu:0', 4], ['cpu', 3], ['gpu:0', 4], ['gpu:1', 4]]);
      assert.equal(new Set(pools.map(({ spec }) => spec.key)).size, 3);
    });

    test('only what was chosen is remembered, by what was asked for', async () => {
      const [any, same, gpu, named, counted] = await Promise.all([{}, { residency: 'pinned' }, { device: 'gpu' }, { device: 'gpu:1' }, { device: 'gpu:1', slots: 'auto' }].map(poolOf));
      assert.ok(any?.placedAs?.ask !== undefined && counted?.placedAs?.ask !== undefined);
      assert.deepEqual([same?.placedAs?.ask, named?.placedAs?.ask], [any.placedAs.ask, undefined]);
      assert.notEqual(gpu?.placedAs?.ask, any.placedAs.ask);
    });

    test('a device that the host has not is refused with those that it has', async () => {
      await assert.rejects(poolOf({ device: 'gpu:2' }), { code: 'BAD_MODEL', message: /^digits's model M: .*m\.onnx: it wants gpu:2; onnxruntime runs here on cpu, gpu:0, gpu:1;/ });
    });
  });

  test('warm inputs are read at each load, not before', async () => {
    await mkdir(join(folder, 'samples'), { recursive: true });
    const bundle = bundleOf('digits', 'x', { models: { M: { path: 'm.onnx', warm: { inputs: ['samples/*.json'], runs: 3 } } } });
    const file = { sha256: '0'.repeat(64), bytes: 1 };
    const { pools } = await plan({ ...bundle, files: { ...bundle.files, 'samples/a.json': file, 'other.json': file } });
    await writeFile(join(folder, 'samples', 'a.json'), '{ "inputs": { "x": { "type": "float32", "shape": [1], "data": [5] } } }');
    const samples = await pools[0]?.warm.samples();
    assert.deepEqual([samples?.map(({ name }) => name), pools[0]?.warm.runs], [['samples/a.json'], 3]);
  });

  test('golden requests carry their body, and GET or POST where no method is written', async () => {
    await writeFile(join(folder, 'body.txt'), 'hi');
    const bundle = bundleOf('digits', 'x', { routes: ['/digits'], warm: [{ request: '/digits?x=1' }, { request: '/digits', body: 'body.txt' }] });
    const { golden } = await plan(bundle);
    const [first, second] = await Promise.all(golden.map((one) => one.read()));
    assert.deepEqual([first?.method, first?.path, first?.body], ['GET', '/digits?x=1', undefined]);
    assert.deepEqual([second?.method, Buffer.from(second?.body ?? []).toString()], ['POST', 'hi']);
  });

  const VARIANTS = { variants: [{ path: 'new.onnx', when: { libraryVersion: '>=1.21' } }, { path: 'gpu.engine' }, { path: 'm.onnx' }] };

  test('of variants the first that fits is planned, and the others are told with their reasons', async () => {
    const bundle = bundleOf('digits', 'x', { models: { M: VARIANTS } });
    const engine = new FakeEngine();
    const { pools: [pool], function: planned } = await plan(bundle, 3, engine);
    assert.deepEqual([pool?.spec.path, pool?.spec.backend, planned.models[0]?.pool.key], [join(folder, 'm.onnx'), 'onnxruntime', pool?.spec.key]);
    assert.deepEqual(pool?.variant, { path: 'm.onnx', passed: [
      { path: 'new.onnx', reason: 'it wants onnxruntime 1.21 or later; this host has 1.20.1' },
      { path: 'gpu.engine', reason: 'backend tensorrt is not available on this host' },
    ] });
    const [expected] = expectedPools(storedOf(bundle), { engine, residency: new FakeResidency(), slotsDefault: 3 });
    assert.deepEqual([expected?.path, expected?.key, expected?.bytes, expected?.variant], ['m.onnx', pool.spec.key, pool.bytes, pool.variant]);
  });

  test('a variant shares its pool with a model that names the same file alone, which has no variant', async () => {
    const { pools: [lone] } = await plan(bundleOf('one', 'x', { models: { M: { path: 'm.onnx' } } }));
    assert.equal(await keyOf('two', VARIANTS), lone?.spec.key);
    assert.equal(lone?.variant, undefined);
  });

  test('another host takes another variant of the same version', async () => {
    const engine = new FakeEngine();
    engine.capabilityList = [{ backend: 'onnxruntime', available: true, version: '1.30.0' }];
    const { pools: [pool] } = await plan(bundleOf('digits', 'x', { models: { M: VARIANTS } }), 3, engine);
    assert.equal(pool?.variant?.path, 'new.onnx');
  });

  test('where none fits, nothing is read, and each is told with its reason and what would do', async () => {
    const engine = new FakeEngine();
    engine.capabilityList = [{ backend: 'onnxruntime', available: false, reason: 'no library' }];
    engine.before = (operation) => assert.fail(operation);
    const bundle = bundleOf('digits', 'x', { models: { M: VARIANTS } });
    const refused = { code: 'BAD_MODEL', message: 'digits\'s model M: no variant of it fits this host: new.onnx: backend onnxruntime is not available on this host: no library; '
      + 'gpu.engine: backend tensorrt is not available on this host; m.onnx: backend onnxruntime is not available on this host: no library; '
      + 'a last variant without "when", whose backend this host has, would do; `pilotlight doctor` and `pilotlight devices` show what it has' };
    await assert.rejects(plan(bundle, 3, engine), refused);
    assert.throws(() => expectedPools(storedOf(bundle), { engine, residency: new FakeResidency(), slotsDefault: 3 }), refused);
    const lone = bundleOf('digits', 'x', { models: { M: { path: 'm.onnx' } } });
    await assert.rejects(plan(lone, 3, engine), { code: 'LOAD_FAILED', message: /it cannot run on this host: m\.onnx: backend onnxruntime is not/ });
  });
});
