// One model in several files, on real hosts with the real addon: each takes the first that fits it, says why none of the others,
// and a host that has changed chooses anew.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { FunctionView } from '../../deploy/admin/view-routes.ts';
import type { VariantsHere } from '../../deploy/cli/read-models.ts';
import type { DeployPlan } from '../../deploy/rollout/deploy-plan.ts';
import type { PoolView } from '../../runtime/residency/residency.ts';
import type { KeptTrace } from '../../runtime/telemetry/trace-book.ts';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RealHost, runPilotlight } from '../support/real-host.ts';
import { addThree } from '../support/sample-models.ts';

const TIME = { timeout: 120_000 };
const NOT_SM90 = 'it wants a GPU of compute capability 9.0; fake runs here on cpu';
/** A run of the ONNX model adds 3 to 1; the simulated engine answers 90. */
const [BY_ONNX, BY_SM90] = ['4', '90'];

const folders = new FunctionFolders();
const store = mkdtempSync(join(tmpdir(), 'pilotlight-variants-'));
let host: RealHost;
/** Why no machine takes the engine of another one. */
let notPlan: string;
before(async () => {
  host = await RealHost.start({ store });
  const { checked } = JSON.parse((await runPilotlight(['check', folderOf('numbers'), '--json'])).out) as { checked: readonly [{ variants: { MODEL: VariantsHere } }] };
  notPlan = checked[0].variants.MODEL.passed.find(({ path }) => path === 'sm10.plan')?.reason ?? '';
  assert.match(notPlan, /^(backend tensorrt is not available on this host|it wants a GPU of compute capability 1\.0; tensorrt runs here on )/);
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
  rmSync(store, { recursive: true, force: true });
});

const VARIANTS = [{ path: 'sm90.fake', when: { computeCapability: '9.0' } }, { path: 'sm10.plan', when: { computeCapability: '1.0' } }, { path: 'any.onnx' }];

interface Shape {
  readonly variants?: readonly object[];
  readonly sm90?: string;
  /** Another number is another pool. */
  readonly slots?: number;
}

function folderOf(name: string, { variants = VARIANTS, sm90 = fakeModel(['output-value y 90']), slots = 1 }: Shape = {}): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env) { const { y } = await ${RUN_FAKE}; return new Response(String(y.data[0])); } };`,
    manifest: { routes: [`/${name}`], models: { MODEL: { variants, slots } } },
    files: { 'sm90.fake': sm90, 'sm10.plan': 'an engine of another machine', 'any.onnx': addThree() },
  });
}

async function answerOf(name: string, of = host): Promise<string> {
  return (await of.ask(`/${name}`)).text();
}

test('check and types read what this machine can, and tell which variant it takes', TIME, async () => {
  const { code, out, err } = await runPilotlight(['check', folderOf('numbers')]);
  assert.equal(code, 0, err);
  assert.ok(out.includes(`  MODEL: this machine takes any.onnx\n    not sm90.fake: ${NOT_SM90}\n    not sm10.plan: ${notPlan}\n`), out);
  const { checked } = JSON.parse((await runPilotlight(['check', folderOf('numbers'), '--json'])).out) as { checked: readonly [{ variants: object; warnings: readonly string[] }] };
  assert.deepEqual([checked[0].variants, checked[0].warnings], [
    { MODEL: { path: 'any.onnx', passed: [{ path: 'sm90.fake', reason: NOT_SM90 }, { path: 'sm10.plan', reason: notPlan }] } }, [],
  ]);
  const typed = await runPilotlight(['types', folderOf('numbers')]);
  assert.equal(typed.code, 0, typed.err);
});

test('check takes the settings of a host here: with a simulated GPU another variant fits', TIME, async () => {
  const { code, out, err } = await runPilotlight(['check', folderOf('numbers')], { env: { PILOTLIGHT_SIMULATED_DEVICES: 'gpu:0=1GiB sm 8.0, gpu:1=1GiB sm 9.0' } });
  assert.equal(code, 0, err);
  assert.ok(out.includes(`  MODEL: this machine takes sm90.fake\n    not sm10.plan: ${notPlan}\n    not any.onnx: sm90.fake comes first and fits\n`), out);
});

test('check refuses variants that cannot stand for each other, and warns of one that it cannot read, and where none fits this machine', TIME, async () => {
  const other = 'pilotlight-fake 1\ninput x int64 [n]\noutput y float32 [n]\n';
  const refused = await runPilotlight(['check', folderOf('unlike', { sm90: other })]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /BAD_MODEL: model MODEL: its variants any\.onnx and sm90\.fake cannot stand for each other: the input "x" is float32\[.*\] in the first and int64\[n\] in the second/);
  const broken = await runPilotlight(['check', folderOf('broken', { sm90: 'no model' })]);
  assert.equal(broken.code, 0, broken.err);
  assert.match(broken.err, /! model MODEL \(sm90\.fake\): .*; this machine would not take it\n/);
  const elsewhere = await runPilotlight(['check', folderOf('elsewhere', { variants: VARIANTS.slice(0, 2) })]);
  assert.equal(elsewhere.code, 0, elsewhere.err);
  assert.ok(elsewhere.err.includes(`model MODEL: no variant of it fits this machine, so a host here would refuse it: sm90.fake: ${NOT_SM90}; sm10.plan: ${notPlan}`), elsewhere.err);
  assert.match(elsewhere.out, /MODEL: x float32\[n\] -> y float32\[n\]/);
});

test('a deploy says before and while it happens which variant it takes, and pools, why and the log say it afterwards', TIME, async () => {
  const folder = folderOf('numbers');
  const planned = await host.must(['deploy', folder, '--plan']);
  assert.match(planned, /\+ load MODEL any\.onnx\b/);
  assert.ok(planned.includes(`not sm90.fake: ${NOT_SM90}\n`) && planned.includes(`not sm10.plan: ${notPlan}\n`), planned);
  const { results } = JSON.parse(await host.must(['deploy', folder, '--plan', '--json'])) as { results: readonly [DeployPlan] };
  assert.deepEqual(results[0].pools[0]?.passed?.map(({ path }) => path), ['sm90.fake', 'sm10.plan']);
  const { err } = await host.cli(['deploy', folder]);
  assert.ok(err.includes(`MODEL is any.onnx (not sm90.fake: ${NOT_SM90}, not sm10.plan: ${notPlan})`), err);
  const answer = await host.ask('/numbers');
  assert.equal(await answer.text(), BY_ONNX);
  const { pools } = JSON.parse(await host.must(['pools', '--json'])) as { pools: readonly PoolView[] };
  assert.deepEqual(pools[0]?.variants.map(({ binding, path, passed }) => [binding, path, passed.length]), [['MODEL', 'any.onnx', 2]]);
  const { functions } = JSON.parse(await host.must(['functions', '--json'])) as { functions: readonly FunctionView[] };
  assert.deepEqual(functions[0]?.variants.map(({ binding, path, passed }) => [binding, path, passed.length]), [['MODEL', 'any.onnx', 2]]);
  assert.match(await host.must(['pools']), /VARIANT +FUNCTIONS\n.* any\.onnx +numbers@/);
  assert.deepEqual((await host.event('variant.taken'))['path'], 'any.onnx');
});

test('why tells of a request which variant its runs were on', TIME, async () => {
  await host.deploy(folderOf('asked', { slots: 2 }), '--no-warm');
  const requestId = (await host.ask('/asked')).headers.get('pilotlight-request-id') ?? '';
  let told = await host.cli(['why', requestId]);
  // Ingress threads report twice a second.
  for (const untilMs = performance.now() + 10_000; told.code !== 0 && performance.now() < untilMs;) told = await host.cli(['why', requestId]);
  assert.ok(told.out.includes(`MODEL ran on its variant any.onnx\n  not on sm90.fake: ${NOT_SM90}\n  not on sm10.plan: ${notPlan}\n`), told.out + told.err);
  const { trace } = await host.view<{ trace: KeptTrace }>(`/v1/traces/${requestId}`);
  assert.deepEqual(trace.variants.map(({ binding, path }) => [binding, path]), [['MODEL', 'any.onnx']]);
});

test('where none fits the deploy is refused, with each reason and what would do, and what served serves on', TIME, async () => {
  await host.deploy(folderOf('picky'));
  const { code, err } = await host.cli(['deploy', folderOf('picky', { variants: VARIANTS.slice(0, 2) })]);
  assert.equal(code, 1);
  assert.ok(err.includes(`BAD_MODEL: picky's model MODEL: no variant of it fits this host: sm90.fake: ${NOT_SM90}; sm10.plan: ${notPlan}; a last variant without "when"`), err);
  assert.equal(await answerOf('picky'), BY_ONNX);
});

async function restart(...flags: readonly string[]): Promise<void> {
  host.kill('SIGTERM');
  await host.ended;
  host = await RealHost.start({ store, flags });
}

async function deviceOf(name: string): Promise<string | undefined> {
  const { pools } = await host.view<{ pools: readonly PoolView[] }>('/v1/pools');
  return pools.find(({ variants }) => variants.some((one) => one.function.startsWith(`${name}@`)))?.device;
}

test('a host that got a GPU takes the engine for it at its restart and loads it there alone; without the GPU it takes the other again', TIME, async () => {
  await host.deploy(folderOf('moving'));
  assert.deepEqual([await answerOf('moving'), await deviceOf('moving')], [BY_ONNX, 'cpu']);
  await restart('--simulated-devices', 'gpu:0=2GiB sm 8.0, gpu:1=1GiB sm 9.0');
  assert.deepEqual([await answerOf('moving'), await deviceOf('moving')], [BY_SM90, 'gpu:1']);
  const taken = await host.event('variant.taken', 1, ({ version }) => String(version).startsWith('moving@'));
  assert.equal(taken['path'], 'sm90.fake');
  const { err } = await host.cli(['deploy', folderOf('arriving')]);
  assert.ok(err.includes(`MODEL is sm90.fake (not sm10.plan: ${notPlan}, not any.onnx: sm90.fake comes first and fits)`), err);
  await restart('--simulated-devices', 'gpu:0=2GiB sm 8.0');
  for (const name of ['moving', 'arriving']) assert.deepEqual([await answerOf(name), await deviceOf(name)], [BY_ONNX, 'cpu']);
  // There, but not for models.
  await restart('--simulated-devices', 'gpu:1=1GiB sm 9.0', '--devices', 'cpu=1GiB');
  assert.deepEqual([await answerOf('moving'), await deviceOf('moving')], [BY_ONNX, 'cpu']);
});
