// Whole hosts with TensorRT plans, on the double of NVIDIA's libraries: from the manifest to the answer, and what is refused before it harms.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatSidecar, type PlanSidecar } from '../../deploy/engine/sidecar.ts';
import type { DeviceView, DoctorView, FunctionView } from '../../deploy/admin/view-routes.ts';
import type { PoolView } from '../../runtime/residency/residency.ts';
import { FunctionFolders } from '../support/function-folder.ts';
import { DOUBLE_FLAGS, DOUBLE_FOLDER, DOUBLE_PLUGIN, DoubleScript, doublePlan, doublePlanOf } from '../support/nvidia-double.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { sidecarOf } from '../support/plan-files.ts';
import { RealHost, runPilotlight } from '../support/real-host.ts';

const TIME = { timeout: 120_000 };
const MIB = 2 ** 20;

const folders = new FunctionFolders();
after(() => folders.remove());

interface Source {
  readonly plan?: Uint8Array;
  /** `none`: nobody described the plan. */
  readonly sidecar?: 'none' | Partial<PlanSidecar>;
  readonly model?: object;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly answer?: readonly number[];
}

/** It answers what its plan makes of 1 and 2, in as many rows as the query says. */
function folderOf(name: string, { plan = doublePlan(), sidecar = {}, model = { path: 'm.plan' }, files = {}, answer = [3, 5] }: Source = {}): string {
  const described = { builtOn: { gpu: 'Pilotlight Double', computeCapability: '9.0', cudaDriver: '13.0' } };
  folders.removeOne(name);
  return folders.write(name, {
    handler: `export default { async fetch(request, env) {
      const rows = Number(new URL(request.url).searchParams.get('rows') ?? 1);
      const data = Float32Array.from({ length: 2 * rows }, (_, i) => 1 + i % 2);
      const { y } = await env.MODEL.run({ x: { type: 'float32', shape: [rows, 2], data } }, { signal: request.signal });
      return Response.json([...y.data]);
    } };`,
    manifest: { routes: [`/${name}`], models: { MODEL: model }, warm: [{ request: `GET /${name}`, expect: { json: answer } }] },
    files: { 'm.plan': plan, ...(sidecar === 'none' ? {} : { 'm.plan.json': formatSidecar(sidecarOf(plan, { ...described, ...sidecar })) }), ...files },
  });
}

async function poolsOf(host: RealHost): Promise<Readonly<Record<string, string>>> {
  const { pools } = await host.view<{ pools: readonly PoolView[] }>('/v1/pools');
  return Object.fromEntries(pools.map(({ functions, device, state }) => [functions[0]?.split('@')[0] ?? '', `${device} ${state}`]));
}

async function deviceOf(host: RealHost, name = 'gpu:0'): Promise<DeviceView> {
  const { devices } = await host.view<{ devices: readonly DeviceView[] }>('/v1/devices');
  const found = devices.find(({ device }) => device === name);
  assert.ok(found !== undefined, `${name} among ${devices.map(({ device }) => device).join(', ')}`);
  return found;
}

describe('on a host with one GPU', () => {
  const script = new DoubleScript('bytes=1G');
  let host: RealHost;
  before(async () => {
    host = await RealHost.start({ flags: [...DOUBLE_FLAGS, '--residency-min-ms=0'], env: script.env });
  });
  after(async () => {
    await host.close();
    script.remove();
  });

  test('a plan is deployed, answers, makes room for another and comes back; its bytes are in the books', TIME, async () => {
    const plan = doublePlan([`weights ${400 * MIB}`, `scratch ${4 * MIB}`]);
    await host.deploy(folderOf('first', { plan }));
    assert.deepEqual(await (await host.ask('/first')).json(), [3, 5]);
    const { weightsBytes, scratchBytes, stagingBytes, graphsBytes, driftBytes, id, computeCapability, budgetBytes, totalBytes } = await deviceOf(host);
    assert.ok(weightsBytes >= 400 * MIB && scratchBytes >= 4 * MIB && stagingBytes > 0 && graphsBytes > 0, `${weightsBytes} ${scratchBytes} ${stagingBytes} ${graphsBytes}`);
    assert.deepEqual([driftBytes, computeCapability, totalBytes], [0, '9.0', 1024 * MIB]);
    assert.match(id ?? '', /^GPU-[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    // The context of this process is no room for models.
    assert.equal(budgetBytes, Math.floor(0.9 * (1024 - 256) * MIB));
    const { pools: [pool] } = await host.view<{ pools: readonly PoolView[] }>('/v1/pools');
    assert.deepEqual([pool?.stats?.slots, pool?.bytes], [4, weightsBytes + scratchBytes + stagingBytes + graphsBytes]);

    await host.deploy(folderOf('second', { plan: doublePlan([`weights ${400 * MIB}`, '# another']) }));
    assert.deepEqual(await poolsOf(host), { first: 'gpu:0 absent', second: 'gpu:0 resident' });
    const back = await host.ask('/first');
    assert.deepEqual([back.headers.get('pilotlight-start'), await back.json()], ['cold', [3, 5]]);
    assert.deepEqual(await poolsOf(host), { first: 'gpu:0 resident', second: 'gpu:0 absent' });
    await host.must(['delete', 'first']);
    await host.must(['delete', 'second']);
    assert.deepEqual([(await deviceOf(host)).weightsBytes, (await deviceOf(host)).unusedBytes], [0, (1024 - 256) * MIB]);
  });

  test('a plan that nobody described is looked at on the GPU, with its bytes in the books, and answers as well', TIME, async () => {
    await host.deploy(folderOf('bare', { sidecar: 'none' }));
    assert.deepEqual(await (await host.ask('/bare')).json(), [3, 5]);
    await host.must(['delete', 'bare']);
    assert.equal((await deviceOf(host)).freeBytes, (await deviceOf(host)).budgetBytes);
  });

  test('fault 38: what is outside the profile of a plan is 400 with the allowed range, and inside it all is right', TIME, async () => {
    await host.deploy(folderOf('ranged'));
    assert.deepEqual(await (await host.ask('/ranged?rows=2')).json(), [3, 5, 3, 5]);
    assert.equal((await (await host.ask('/ranged?rows=64')).json() as readonly number[]).length, 128);
    const refused = await host.ask('/ranged?rows=65');
    const { code, detail } = await refused.json() as { readonly code: string; readonly detail: string };
    assert.deepEqual([refused.status, code], [400, 'BAD_TENSOR'], detail);
    assert.match(detail, /65.*1.*64/);
    await host.must(['delete', 'ranged']);
  });

  const other = doublePlan(['# of another build']);
  const REFUSED: readonly [string, Source, RegExp][] = [
    ['a plan of another version', { plan: doublePlan([], '10.7.0.23') }, /BAD_MODEL.*m\.plan was built by TensorRT 10\.7\.0\.23, and this host has 10\.6\.0 \(.*libnvinfer\.so\.10\); build it with/s],
    ['a plan for another GPU', { sidecar: { builtOn: { gpu: 'Tesla T4', computeCapability: '7.5', cudaDriver: '12.2' } } },
      /BAD_MODEL.*m\.plan was built on Tesla T4 for GPUs of compute capability 7\.5, and gpu:0 \(Pilotlight Double\) has 9\.0/s],
    ['a plan for another GPU that nobody described', { sidecar: 'none', plan: doublePlan(['compute 7.5']) }, /BAD_MODEL.*MODEL: .*m\.plan: .*compute/s],
    ['a plan that another is described beside', { sidecar: sidecarOf(other) }, /BAD_MODEL.*m\.plan has the digest [0-9a-f]{12}, and the file beside it is about [0-9a-f]{12}/s],
    ['a plan that is not what is said of it', { sidecar: { inputs: [{ name: 'z', type: 'float32', shape: [-1, 2] }], profiles: [] } },
      /BAD_MODEL.*is not what the file beside it says: input 0 is "x" float32 \[\?, 2\], and the file says "z" float32/s],
    ['a plan that was cut off', { plan: doublePlan().subarray(0, 60) }, /BAD_MODEL.*m\.plan: .*Engine is truncated or corrupt/s],
    ['what is no plan', { plan: Buffer.from('an ONNX file that was given another name') }, /BAD_MODEL.*m\.plan: is no TensorRT plan/s],
    ['a version-compatible plan', { sidecar: { tensorrt: { version: '10.6.0.26', hardwareCompatibility: 'none', versionCompatible: true } } },
      /BAD_MODEL.*m\.plan is version-compatible: .*setting versionCompatiblePlans/s],
    ['a plan whose plugin no library brings', { plan: doublePlan(['plugin PilotlightDouble']) }, /BAD_MODEL.*m\.plan: .*PilotlightDouble/s],
  ];

  for (const [title, source, message] of REFUSED) {
    test(`faults 4, 5: ${title} is refused, and nothing has changed`, TIME, async () => {
      await host.deploy(folderOf('steady'));
      const [before] = [await deviceOf(host)];
      const { code, err } = await host.cli(['deploy', folderOf('refused', source)]);
      assert.equal(code, 1);
      assert.match(err, message);
      const [now, pools, answer] = [await deviceOf(host), await poolsOf(host), await (await host.ask('/steady')).json()];
      assert.deepEqual([now.weightsBytes, now.reservedBytes, now.unusedBytes, pools, answer], [before.weightsBytes, 0, before.unusedBytes, { steady: 'gpu:0 resident' }, [3, 5]]);
      assert.equal((await host.ask('/refused')).status, 404);
    });
  }

  test('fault 32: a plan that is larger than the GPU is refused with what it needs, and those that made room for it come back', TIME, async () => {
    await host.deploy(folderOf('steady'));
    const { code, err } = await host.cli(['deploy', folderOf('huge', { plan: doublePlan([`weights ${2048 * MIB}`]) })]);
    assert.equal(code, 1);
    assert.match(err, /NEVER_FITS.*huge's model MODEL does not fit on gpu:0: .*the GPU has no 2147483648 bytes left/s);
    assert.deepEqual([await (await host.ask('/steady')).json(), (await host.ask('/huge')).status, (await deviceOf(host)).reservedBytes], [[3, 5], 404, 0]);
  });

  test('doctor tells driver, TensorRT and GPU, with where they are', TIME, async () => {
    const { capabilities, libraries, devices } = await host.view<DoctorView>('/v1/doctor');
    const tensorrt = capabilities.find(({ backend }) => backend === 'tensorrt');
    assert.deepEqual([tensorrt?.available, tensorrt?.version], [true, '10.6.0'], tensorrt?.reason);
    assert.match(libraries.find(({ name }) => name === 'NVIDIA driver')?.version ?? '', /^CUDA \d+\.\d$/);
    assert.match(libraries.find(({ name }) => name === 'TensorRT\'s plugins')?.reason ?? '', /only plans with TensorRT's own plugins need it: install/);
    assert.deepEqual(devices.find(({ device }) => device === 'gpu:0')?.backends, ['tensorrt']);
    const { out } = await host.cli(['doctor']);
    assert.match(out, /✓ tensorrt +10\.6\.0 +\S*libnvinfer\.so\.10\n/);
    assert.match(out, /✓ gpu:0 +Pilotlight Double, compute capability 9\.0, GPU-\S+: [\d.]+ MiB free of 1\.0 GiB, for tensorrt/);
  });
});

test('where there is no GPU, check reads a plan by the file beside it, and finds one that is about another', TIME, async () => {
  const { code, out } = await runPilotlight(['check', folderOf('described')]);
  assert.equal(code, 0);
  assert.match(out, /MODEL: x float32\[\?, 2\] -> y float32\[\?, 2\]/);
  const wrong = await runPilotlight(['check', folderOf('described', { sidecar: sidecarOf(doublePlan(['# another'])) })]);
  assert.match(wrong.err, /BAD_MODEL: m\.plan has the digest [0-9a-f]{12}, and the file beside it is about [0-9a-f]{12}/);
});

test('of variants a GPU host takes the plan and a CPU host the ONNX file, each with its answer', TIME, async () => {
  const model = { variants: [{ path: 'm.plan', when: { backend: 'tensorrt', computeCapability: '9.0' } }, { path: 'm.onnx' }] };
  const doubled = { inputs: [{ name: 'x', type: 'float32', shape: ['rows', 2] }], outputs: [{ name: 'y', type: 'float32', shape: ['rows', 2] }] } as const;
  const plan = doublePlanOf(['input x float32 -1x2', 'profile 0 x 1x2 8x2 64x2', 'output y float32 -1x2 affine x 2']);
  const folder = folderOf('both', { model, plan, answer: [2, 4], files: { 'm.onnx': onnxModel({ ...doubled, nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }] }) } });
  const script = new DoubleScript();
  const gpu = await RealHost.start({ flags: DOUBLE_FLAGS, env: script.env });
  const cpu = await RealHost.start();
  try {
    for (const [host, taken] of [[gpu, 'gpu:0 resident'], [cpu, 'cpu resident']] as const) {
      await host.deploy(folder);
      assert.deepEqual([await poolsOf(host), await (await host.ask('/both')).json()], [{ both: taken }, [2, 4]]);
    }
    assert.match((await cpu.event('variant.taken'))['path'] as string, /m\.onnx/);
  } finally {
    await Promise.all([gpu.close(), cpu.close()]);
    script.remove();
  }
});

test('of several GPUs a plan goes to the one that it is for, others are spread, and a name is kept to', TIME, async () => {
  const script = new DoubleScript('gpus=3;compute=7.5,9.0,9.0;bytes=4G,2G,2G');
  const host = await RealHost.start({ flags: DOUBLE_FLAGS, env: script.env });
  try {
    const on90 = { variants: [{ path: 'm.plan', when: { computeCapability: '9.0' } }] };
    for (const name of ['one', 'two']) await host.deploy(folderOf(name, { plan: doublePlan([`weights ${300 * MIB}`, `# ${name}`]), model: on90 }));
    await host.deploy(folderOf('named', { plan: doublePlan(['# named']), model: { path: 'm.plan', device: 'gpu:2' } }));
    assert.deepEqual(await poolsOf(host), { one: 'gpu:1 resident', two: 'gpu:2 resident', named: 'gpu:2 resident' });
    for (const name of ['one', 'two', 'named']) assert.deepEqual(await (await host.ask(`/${name}`)).json(), [3, 5]);
    const { err } = await host.cli(['deploy', folderOf('lost', { model: { path: 'm.plan', device: 'gpu:0' } })]);
    assert.match(err, /BAD_MODEL.*compute capability 9\.0, and gpu:0 \(Pilotlight Double\) has 7\.5; .*when\.computeCapability, device/s);
  } finally {
    await host.close();
    script.remove();
  }
});

test('fault 5: after a restart with another GPU or library a function does not serve and says why, others do, and it is back with the old one', TIME, async () => {
  const script = new DoubleScript();
  const first = await RealHost.start({ flags: DOUBLE_FLAGS, env: script.env });
  const restarted = async (settings: string): Promise<RealHost> => {
    const other = new DoubleScript(settings);
    after(() => other.remove());
    return RealHost.start({ flags: DOUBLE_FLAGS, env: other.env, store: first.store });
  };
  const end = async (host: RealHost): Promise<void> => {
    host.kill('SIGTERM');
    await host.ended;
  };
  try {
    await first.deploy(folderOf('there'));
    await first.deploy(folders.write('plain'));
    await end(first);
    for (const [settings, message] of [
      ['compute=8.6', /there's model MODEL: m\.plan was built on .* 9\.0, and gpu:0 \(Pilotlight Double\) has 8\.6/],
      ['tensorrt=10.16.1.11', /there's model MODEL: m\.plan was built by TensorRT 10\.6\.0\.26, and this host has 10\.16\.1/],
    ] as const) {
      const host = await restarted(settings);
      const asked = await host.ask('/there');
      const { functions } = await host.view<{ functions: readonly FunctionView[] }>('/v1/functions');
      // One that cannot be started is told in the view; where nobody used it lately it is not started before the first request, which is told.
      assert.match(`${functions.find(({ name }) => name === 'there')?.reason} ${await asked.text()}`, message);
      assert.deepEqual([(await host.ask('/plain')).status, asked.ok], [200, false]);
      await end(host);
    }
    const back = await restarted('');
    assert.deepEqual(await (await back.ask('/there')).json(), [3, 5]);
    await back.close();
  } finally {
    await first.close();
    script.remove();
  }
});

test('fault 39: a host counts on what is free of a GPU at its start, and waits for what others take later', TIME, async () => {
  const script = new DoubleScript('bytes=4G;taken=2G');
  const host = await RealHost.start({ flags: [...DOUBLE_FLAGS, '--residency-min-ms=0'], env: script.env });
  try {
    assert.equal((await deviceOf(host)).budgetBytes, Math.floor(0.9 * (2048 - 256) * MIB));
    await host.deploy(folderOf('large', { plan: doublePlan([`weights ${1000 * MIB}`]) }));
    await host.deploy(folderOf('next', { plan: doublePlan([`weights ${1000 * MIB}`, '# next']) }));
    script.tell(`taken=${3000}M`);
    const refused = await host.ask('/large');
    const problem = await refused.json() as { readonly code: string; readonly detail: string };
    assert.deepEqual([refused.status, problem.code, refused.headers.has('retry-after')], [503, 'NO_MEMORY', true], problem.detail);
    assert.match(problem.detail, /large's model MODEL needs about \d+\.\d MiB on gpu:0, which its budget allows, but \d+\.\d MiB are free there: others/);
    script.tell('taken=2G');
    assert.deepEqual(await (await host.ask('/large')).json(), [3, 5]);
    const unnamed = await runPilotlight(['serve', '--store', host.store, ...DOUBLE_FLAGS, '--devices', 'gpu:1=1GiB'], { env: script.env });
    assert.equal(unnamed.code, 1);
  } finally {
    await host.close();
    script.remove();
  }
});

test('fault 40: a GPU that was chosen by its id is the one that the host shows, whichever place it has', TIME, async () => {
  const script = new DoubleScript('gpus=2;bytes=2G,3G');
  const all = await RealHost.start({ flags: DOUBLE_FLAGS, env: script.env });
  const { id, totalBytes } = await deviceOf(all, 'gpu:1');
  await all.close();
  assert.ok(id !== undefined && id !== '');
  const chosen = await RealHost.start({ flags: DOUBLE_FLAGS, env: { ...script.env, CUDA_VISIBLE_DEVICES: id } });
  try {
    const found = await deviceOf(chosen, 'gpu:0');
    assert.deepEqual([found.id, found.totalBytes], [id, totalBytes]);
    await chosen.deploy(folderOf('there'));
    assert.deepEqual(await (await chosen.ask('/there')).json(), [3, 5]);
    assert.ok((await chosen.metrics()).includes(`hw_id="${id}"`));
  } finally {
    await chosen.close();
    script.remove();
  }
});

test('libraries of plugins bring what plans need, and plans with code of their own are taken where that is allowed; a missing library is named, and no plan is loaded without it', TIME, async () => {
  const script = new DoubleScript();
  const folder = folderOf('custom', { plan: doublePlan(['plugin PilotlightDouble']) });
  const host = await RealHost.start({ flags: [...DOUBLE_FLAGS, '--tensorrt-plugins', DOUBLE_PLUGIN, '--version-compatible-plans', 'true'], env: script.env });
  const without = await RealHost.start({ flags: [...DOUBLE_FLAGS, '--tensorrt-plugins', '/nowhere/libcustom.so'], env: script.env });
  try {
    await host.deploy(folder);
    assert.deepEqual(await (await host.ask('/custom')).json(), [3, 5]);
    await host.deploy(folderOf('portable', { sidecar: { tensorrt: { version: '10.6.0.26', hardwareCompatibility: 'none', versionCompatible: true } } }));
    const { code, err } = await without.cli(['deploy', folder]);
    assert.equal(code, 1);
    assert.match(err, /LOAD_FAILED.*the plugin library \/nowhere\/libcustom\.so \(setting tensorrtPlugins\): .*; correct the setting/s);
  } finally {
    await Promise.all([host.close(), without.close()]);
    script.remove();
  }
});

test('without TensorRT, or with one that nobody knows, a plan is refused with where it was looked for and both versions', TIME, async () => {
  const script = new DoubleScript();
  const library = (path: string): readonly string[] => ['--cuda-driver', DOUBLE_FOLDER, '--tensorrt-library', path];
  const without = await RealHost.start({ flags: library('/nowhere'), env: script.env });
  const strange = await RealHost.start({ flags: library(join(DOUBLE_FOLDER, 'unknown/libnvinfer.so.12')), env: script.env });
  try {
    const { code, err } = await without.cli(['deploy', folderOf('plain')]);
    assert.equal(code, 1);
    assert.match((await strange.cli(['deploy', folderOf('plain')])).err, /LOAD_FAILED.*its version is 12\.\d+\.\d+, and only 10 and 11 are known/s);
    assert.match(err, /LOAD_FAILED.*backend tensorrt is not available on this host: TensorRT from \/nowhere: .*set tensorrtLibrary/s);
  } finally {
    await Promise.all([without.close(), strange.close()]);
    script.remove();
  }
});
