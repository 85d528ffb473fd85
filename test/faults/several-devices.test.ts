// Two simulated GPUs beside the CPU, on a real host with the real addon: models are spread, each device keeps its own books and
// gives up its own models only, a manifest gets the device that it names, and what is chosen is chosen again after a restart.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { DeviceView } from '../../deploy/admin/view-routes.ts';
import type { PoolView } from '../../runtime/residency/residency.ts';
import { FunctionFolders, RUN_FAKE, fakeModel } from '../support/function-folder.ts';
import { RealHost } from '../support/real-host.ts';

const TIME = { timeout: 60_000 };
const MIB = 2 ** 20;
const FLAGS = ['--simulated-devices', 'gpu:0=1GiB sm 9.0, gpu:1=1GiB sm 8.0', '--residency-min-ms', '0'];

let host: RealHost;
const folders = new FunctionFolders();
before(async () => {
  host = await RealHost.start({ flags: FLAGS });
}, TIME);
after(async () => {
  await host.close();
  folders.remove();
});

interface Model {
  /** On the device: counted, not allocated. */
  readonly mib: number;
  readonly slotMib?: number;
  readonly untoldMib?: number;
  readonly device?: string;
  readonly residency?: 'lru' | 'pinned';
  readonly slots?: number | 'auto';
}

function folderOf(name: string, { mib, slotMib = 0, untoldMib = 0, device = 'any', slots = 1, residency = 'lru' }: Model, answer = name): string {
  return folders.write(name, {
    handler: `export default { async fetch(request, env) { await ${RUN_FAKE}; return new Response('${answer}'); } };`,
    manifest: { routes: [`/${name}`], models: { MODEL: { path: 'model.fake', slots, device, residency } } },
    files: { 'model.fake': fakeModel([`# ${name}`, `device-bytes ${mib * MIB}`, `device-slot-bytes ${slotMib * MIB}`, `device-bytes-untold ${untoldMib * MIB}`]) },
  });
}

async function devices(of = host): Promise<Readonly<Record<string, DeviceView>>> {
  const { devices: views } = await of.view<{ devices: readonly DeviceView[] }>('/v1/devices');
  return Object.fromEntries(views.map((view) => [view.device, view]));
}

/** By function: the device and the slots that it was given. */
async function places(of = host): Promise<Readonly<Record<string, string>>> {
  const { pools } = await of.view<{ pools: readonly PoolView[] }>('/v1/pools');
  return Object.fromEntries(pools.map(({ functions, device, state }) => [functions[0]?.split('@')[0] ?? '', `${device} ${state}`]));
}

test('each device has its own budget, and models are spread over the GPUs', TIME, async () => {
  for (const name of ['one', 'two', 'three', 'four']) await host.deploy(folderOf(name, { mib: 300 }));
  assert.deepEqual(await places(), { one: 'gpu:0 resident', two: 'gpu:1 resident', three: 'gpu:0 resident', four: 'gpu:1 resident' });
  for (const name of ['one', 'two', 'three', 'four']) assert.equal(await (await host.ask(`/${name}`)).text(), name);
  const found = await devices();
  assert.deepEqual(Object.keys(found), ['cpu', 'gpu:0', 'gpu:1']);
  for (const device of ['gpu:0', 'gpu:1']) {
    const { budgetBytes, weightsBytes, totalBytes, unusedBytes, driftBytes, pools, backends } = found[device] as DeviceView;
    assert.deepEqual([budgetBytes, weightsBytes, driftBytes, pools, backends], [Math.floor(0.9 * 1024 * MIB), 600 * MIB, 0, 2, ['fake']], device);
    assert.equal(totalBytes - unusedBytes, 600 * MIB, device);
  }
  assert.equal(found['cpu']?.weightsBytes, 0);
});

test('a model goes where its manifest says, and evictions there leave the other device alone', TIME, async () => {
  await host.deploy(folderOf('named', { mib: 800, device: 'gpu:1' }));
  const after = await places();
  assert.deepEqual([after['named'], after['two'], after['four']], ['gpu:1 resident', 'gpu:1 absent', 'gpu:1 absent']);
  assert.deepEqual([after['one'], after['three']], ['gpu:0 resident', 'gpu:0 resident']);
  assert.equal((await host.ask('/one')).headers.get('pilotlight-start'), 'warm');
  await host.deploy(folderOf('plain', { mib: 100, device: 'cpu' }));
  assert.equal((await places())['plain'], 'cpu resident');
  assert.match(await host.must(['pools']), /plain@\w+/);
  assert.match(await host.must(['devices']), /gpu:1 .*simulated GPU/);
  const metrics = await host.metrics();
  for (const device of ['cpu', 'gpu:0', 'gpu:1']) assert.ok(metrics.includes(`pilotlight_device_memory_bytes{pilotlight_device="${device}",pilotlight_state="free"}`), device);
});

test('what fits on no GPU is put on the CPU by "any", and refused with need and have of each by "gpu"', TIME, async () => {
  // Nobody knows what it holds on a device before it was tried there, alone.
  const tried = await host.cli(['deploy', folderOf('huge', { mib: 2000, device: 'gpu' })]);
  assert.match(tried.err, /NEVER_FITS.*huge's model MODEL does not fit on gpu:\d: gpu:\d has 1073741824 bytes free of 1073741824, and the model needs 2097152000;/s);
  const known = await host.cli(['deploy', folderOf('huge', { mib: 2000, device: 'gpu' })]);
  assert.match(known.err, /NEVER_FITS.*reject: MODEL needs 1024\.0 MiB and may have 921\.6 MiB on gpu:\d; MODEL not on gpu:\d: it needs 1024\.0 MiB and may have 921\.6 MiB/s);
  assert.equal((await host.ask('/one')).status, 200);
  const wide = await host.cli(['deploy', folderOf('wide', { mib: 1, device: 'gpu', slots: 256 }), '--plan']);
  assert.equal(wide.code, 0, wide.err);
  assert.match(wide.out, /\+ load MODEL model\.fake on gpu:\d, 256 slots/);
  const absent = await host.cli(['deploy', folderOf('absent', { mib: 1, device: 'gpu:7' })]);
  assert.match(absent.err, /BAD_MODEL.*absent's model MODEL: it cannot run on this host: model\.fake: it wants gpu:7; fake runs here on cpu, gpu:0 \(compute capability 9\.0\), gpu:1/s);
});

test('fault 31: what another process takes of a GPU is not there: idle models make room, or the answer is 503 with need and have, until it has left', TIME, async () => {
  await host.deploy(folderOf('small', { mib: 100, device: 'gpu:1' }));
  await host.deploy(folderOf('large', { mib: 600, device: 'gpu:1' }));
  // 850 MiB that no book knows of.
  await host.deploy(folderOf('taker', { mib: 1, untoldMib: 850, device: 'gpu:1', residency: 'pinned' }));
  assert.equal((await host.ask('/small')).status, 200);
  const refused = await host.ask('/large');
  const problem = await refused.json() as { readonly code: string; readonly detail: string };
  assert.deepEqual([refused.status, problem.code, refused.headers.has('retry-after')], [503, 'NO_MEMORY', true]);
  assert.match(problem.detail, /large's model MODEL needs about 600\.0 MiB on gpu:1, which its budget allows, but \d+\.\d MiB are free there: others/);
  assert.equal((await host.ask('/small')).status, 200);
  await host.must(['delete', 'taker']);
  assert.equal((await host.ask('/large')).status, 200);
});

test('slots are counted by the memory of the device, the deploy says how, and the number stays', TIME, async () => {
  const counted = { mib: 100, slotMib: 100, device: 'gpu:0', slots: 'auto' } as const;
  const guessed = await host.cli(['deploy', folderOf('counted', counted)]);
  assert.match(guessed.err, /plan: .*MODEL is on gpu:0 with 8 slots: \(921\.6 MiB - 92\.2 MiB reserve - 0\.0 MiB weights\) \/ 1\.0 MiB a slot = 829, at most 8 on a GPU/);
  // Another handler shares the pool; nothing is counted anew.
  const shared = await host.cli(['deploy', folderOf('counted', counted, 'again')]);
  assert.match(shared.err, /load: nothing to load/);
  // Now it is known what a slot takes.
  await host.must(['delete', 'counted']);
  const sum = String.raw`\(921\.6 MiB - 92\.2 MiB reserve - 100\.0 MiB weights\) / 100\.0 MiB a slot = 7`;
  assert.match(await host.must(['deploy', folderOf('counted', counted), '--plan']), new RegExp(`on gpu:0, 7 slots, about 800 MiB\\n +slots: ${sum}\\n`));
  const weighed = await host.cli(['deploy', folderOf('counted', counted)]);
  assert.match(weighed.err, new RegExp(`with 7 slots: ${sum}`));
  assert.equal((await devices())['gpu:0']?.scratchBytes, 700 * MIB);
});

test('after a restart each model is where it was', TIME, async () => {
  const before = await places();
  for (const name of Object.keys(before)) await host.ask(`/${name}`);
  host.killHost();
  await host.ready(2);
  for (const name of Object.keys(before)) assert.equal((await host.ask(`/${name}`)).status, 200);
  const again = await places();
  for (const [name, place] of Object.entries(before)) assert.equal(again[name]?.split(' ')[0], place.split(' ')[0], name);
  await host.ask('/counted');
  assert.equal((await devices())['gpu:0']?.scratchBytes, 700 * MIB);
});
