import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { bundleOf } from '../../test/support/bundle-of.ts';
import { FakeEngine } from '../../test/support/fake-engine.ts';
import { FakeResidency } from '../../test/support/fake-residency.ts';
import { planHead, sidecarOf } from '../../test/support/plan-files.ts';
import { bundleVersion, type BundleFile } from '../bundle/bundle.ts';
import { formatSidecar, type PlanSidecar } from '../engine/sidecar.ts';
import { planVersion, type VersionPlan } from './version-plan.ts';

const GIB = 2 ** 30;
const PLAN = planHead();

interface Scene {
  readonly plan?: Uint8Array;
  /** None: no file beside the plan. */
  readonly sidecar?: string;
  readonly model?: object;
}

/** A host with a T4 and an H200, and a version with one plan. */
async function planOn(t: TestContext, { plan = PLAN, sidecar, model = {} }: Scene, engine = new FakeEngine()): Promise<VersionPlan> {
  const folder = await mkdtemp(join(tmpdir(), 'read-model-'));
  t.after(() => rm(folder, { recursive: true }));
  const files: Record<string, BundleFile> = {};
  const put = async (name: string, content: Uint8Array): Promise<void> => {
    await writeFile(join(folder, name), content);
    files[name] = { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length };
  };
  await put('m.plan', plan);
  if (sidecar !== undefined) await put('m.plan.json', Buffer.from(sidecar));
  engine.capabilityList = [{ backend: 'tensorrt', available: true, version: '10.6.0', library: '/opt/libnvinfer.so.10' }];
  engine.deviceList = [
    { device: 'cpu', name: 'CPU', backends: ['onnxruntime'], totalBytes: GIB, freeBytes: GIB },
    { device: 'gpu:0', name: 'Tesla T4', backends: ['tensorrt'], computeCapability: '7.5', totalBytes: 2 * GIB, freeBytes: 2 * GIB },
    { device: 'gpu:1', name: 'NVIDIA H200', backends: ['tensorrt'], computeCapability: '9.0', totalBytes: GIB, freeBytes: GIB },
  ];
  const residency = new FakeResidency();
  residency.budgets = engine.deviceList.map(({ device, totalBytes }) => ({ device, budgetBytes: totalBytes }));
  const plain = bundleOf('digits', 'x', { models: { M: { path: 'm.plan', ...model } } });
  const bundle = { ...plain, files: { ...plain.files, ...files } };
  return planVersion({ name: 'digits', version: bundleVersion(bundle), folder, bundle }, { engine, residency, slotsDefault: 2 });
}

const textOf = (changes: Partial<PlanSidecar> = {}): string => formatSidecar(sidecarOf(PLAN, changes));
const onH200 = { device: 'gpu:1' };

test('a plan that is described is not looked at: the file beside it has its signature, and its shapes to warm', async (t) => {
  const engine = new FakeEngine();
  engine.before = (operation) => assert.fail(operation);
  const { pools: [pool], function: { models: [bound] }, warnings } = await planOn(t, { sidecar: textOf(), model: onH200 }, engine);
  assert.deepEqual([pool?.spec.backend, pool?.spec.device, pool?.spec.slots], ['tensorrt', 'gpu:1', 4]);
  assert.deepEqual(bound?.signature, pool?.told);
  assert.deepEqual((await pool?.warm.samples())?.map(({ name }) => name), ['x:1x2', 'x:8x2', 'x:64x2']);
  assert.deepEqual((await pool?.warm.samples(1))?.length, 1);
  assert.deepEqual(warnings, []);
});

test('a plan that nobody described is looked at on the device that it goes to', async (t) => {
  const engine = new FakeEngine();
  const looked: unknown[] = [];
  engine.onInspect = (...of) => looked.push(of);
  const { pools: [pool], function: { models: [bound] } } = await planOn(t, { model: onH200 }, engine);
  assert.deepEqual(looked, [[pool?.spec.path, 'tensorrt', 'gpu:1']]);
  assert.equal(bound?.signature, engine.signature);
  assert.equal(pool?.told, undefined);
});

test('by its conditions a plan goes to the GPU that it is for, also where another has more room', async (t) => {
  const model = { path: undefined, variants: [{ path: 'm.plan', when: { backend: 'tensorrt', computeCapability: '9.0' } }] };
  const { pools: [pool] } = await planOn(t, { sidecar: textOf(), model });
  assert.equal(pool?.spec.device, 'gpu:1');
});

const REFUSED: readonly [string, Scene, RegExp][] = [
  ['a plan for another GPU', { sidecar: textOf(), model: { device: 'gpu:0' } }, /^digits's model M: m\.plan was built on NVIDIA H200 .* 9\.0, and gpu:0 \(Tesla T4\) has 7\.5/],
  ['a plan of another version', { plan: planHead('10.7.0.1') }, /^digits's model M: m\.plan was built by TensorRT 10\.7\.0\.1, and this host has 10\.6\.0 \(\/opt\/libnvinfer\.so\.10\)/],
  ['a file about another plan', { plan: Buffer.concat([PLAN, PLAN]), sidecar: textOf(), model: onH200 }, /m\.plan has the digest .* and the file beside it is about/],
  ['a file that says nothing', { sidecar: '{}' }, /^digits's model M: m\.plan\.json should say what the plan beside it is: its format|format must be a text/],
  ['what is no plan', { plan: Buffer.from('an ONNX file that was given a new name') }, /^digits's model M: m\.plan: is no TensorRT plan/],
  ['a plan that was cut off', { plan: PLAN.subarray(0, 9) }, /m\.plan: is too short for a TensorRT plan/],
];

for (const [title, scene, message] of REFUSED) {
  test(`fault 5: ${title} is refused before any engine sees it`, async (t) => {
    const engine = new FakeEngine();
    engine.before = (operation) => assert.fail(operation);
    await assert.rejects(planOn(t, scene, engine), { code: 'BAD_MODEL', message });
  });
}
