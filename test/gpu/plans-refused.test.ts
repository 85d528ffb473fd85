// What a host does with plans that are not for it, on a real GPU: it refuses them before or at the load, and the GPU's memory is as before.
// And which GPU that is: by the id that NVIDIA's own tool tells.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { DeviceView } from '../../deploy/admin/view-routes.ts';
import { formatSidecar, parseSidecar, sidecarPathOf, type PlanSidecar } from '../../deploy/engine/sidecar.ts';
import { Scratch } from '../bench/scratch.ts';
import { RealHost } from '../support/real-host.ts';
import { writeGpuFunction, type GpuFunction } from './gpu-function.ts';
import { endsOf, planOf } from './gpu-models.ts';
import { openRig, type GpuRig } from './gpu-rig.ts';

const TIME = { timeout: 300_000 };
const MIB = 2 ** 20;
/** Of the header: major, minor. */
const [MAJOR_AT, MINOR_AT] = [24, 25];

let rig: GpuRig;
let scratch: Scratch;
let host: RealHost;

before(async () => {
  rig = await openRig();
  scratch = await Scratch.make();
  host = await RealHost.start({ flags: ['--config', rig.config] });
}, TIME);

after(async () => {
  await host?.close();
  await scratch?.[Symbol.asyncDispose]();
  await rig?.close();
});

/** A function with a plan of its own, whose files may be changed. */
async function ownPlan(name: string): Promise<GpuFunction & { readonly plan: string; readonly bytes: Buffer; readonly sidecar: PlanSidecar }> {
  const source = await planOf(rig, 'resnet50-fp16');
  const ends = endsOf(source, 'min');
  const written = await writeGpuFunction(scratch, { ...ends, name, slots: 1 });
  const plan = join(written.folder, basename(source.path));
  const [bytes, sidecar] = [readFileSync(plan), parseSidecar(readFileSync(sidecarPathOf(plan), 'utf8'), sidecarPathOf(plan))];
  // They may be links to the rig's own.
  for (const file of [plan, sidecarPathOf(plan)]) rmSync(file);
  writeFileSync(plan, bytes);
  writeFileSync(sidecarPathOf(plan), formatSidecar(sidecar));
  return { ...written, plan, bytes, sidecar };
}

async function gpu(of = host): Promise<DeviceView> {
  const { devices } = await of.view<{ devices: readonly DeviceView[] }>('/v1/devices');
  return devices.find(({ device }) => device === 'gpu:0') ?? assert.fail('no gpu:0');
}

async function refusal(folder: string): Promise<string> {
  const before = await gpu();
  const { code, err } = await host.cli(['deploy', folder]);
  assert.equal(code, 1, 'it was deployed');
  const now = await gpu();
  assert.deepEqual([now.weightsBytes, now.reservedBytes], [before.weightsBytes, before.reservedBytes]);
  const leftMib = (before.unusedBytes - now.unusedBytes) / MIB;
  assert.ok(leftMib <= 2, `${leftMib} MiB are left of it`);
  return err.trim().split('\n').at(-1) ?? '';
}

test('fault 40: the id of a GPU is the one that nvidia-smi tells, also when it was chosen by it', TIME, async (t) => {
  const ids = [...execFileSync('nvidia-smi', ['-L'], { encoding: 'utf8' }).matchAll(/UUID: ((?:GPU|MIG)-[0-9a-f-]+)/g)].map((match) => match[1]);
  const { id } = await gpu();
  t.diagnostic(`${id} among ${ids.join(', ')}`);
  assert.ok(ids.includes(id));
  const chosen = await RealHost.start({ flags: ['--config', rig.config], env: { CUDA_VISIBLE_DEVICES: id ?? '' } });
  try {
    assert.equal((await gpu(chosen)).id, id);
  } finally {
    await chosen.close();
  }
});

test('a plan that nobody described is looked at, and answers', TIME, async () => {
  const { folder, path, body, plan } = await ownPlan('bare');
  rmSync(sidecarPathOf(plan));
  await host.deploy(folder);
  assert.equal((await host.ask(path, { method: 'POST', body: readFileSync(body) })).status, 200);
  await host.must(['delete', 'bare']);
});

test('faults 4, 5: plans of another version, for another GPU, changed and damaged ones are refused, and nothing of them is left', TIME, async (t) => {
  const first = await ownPlan('warm-up');
  // What the process keeps from its first load on is nobody's.
  await host.deploy(first.folder);
  await host.must(['delete', 'warm-up']);
  const { folder, plan, bytes, sidecar } = await ownPlan('refused');
  const describe = (changes: Partial<PlanSidecar>): void => writeFileSync(sidecarPathOf(plan), formatSidecar({ ...sidecar, ...changes }));
  const told: string[] = [];

  rmSync(sidecarPathOf(plan));
  const another = Buffer.from(bytes);
  another[MINOR_AT] = (another[MINOR_AT] ?? 0) + 1;
  writeFileSync(plan, another);
  told.push(await refusal(folder));
  assert.match(told.at(-1) ?? '', new RegExp(`BAD_MODEL.*was built by TensorRT ${another[MAJOR_AT]}\\.${another[MINOR_AT]}\\..* and this host has ${bytes[MAJOR_AT]}\\.${bytes[MINOR_AT]}\\.`));
  writeFileSync(plan, bytes.subarray(0, Math.floor(bytes.length / 2)));
  told.push(await refusal(folder));
  assert.match(told.at(-1) ?? '', /BAD_MODEL/);
  describe({});
  told.push(await refusal(folder));
  assert.match(told.at(-1) ?? '', /BAD_MODEL.*has the digest/);
  writeFileSync(plan, bytes);
  describe({ builtOn: { ...sidecar.builtOn, computeCapability: '7.5' } });
  told.push(await refusal(folder));
  assert.match(told.at(-1) ?? '', /BAD_MODEL.*compute capability 7\.5, and gpu:0/);
  describe({ inputs: sidecar.inputs.map((input) => ({ ...input, name: `${input.name}-renamed` })), profiles: [] });
  told.push(await refusal(folder));
  assert.match(told.at(-1) ?? '', /BAD_MODEL.*is not what the file beside it says/);
  for (const line of told) t.diagnostic(line);
});

test('fault 39: a second host on the GPU counts on what the first one left', TIME, async (t) => {
  const { folder, path } = await ownPlan('holding');
  await host.deploy(folder);
  const second = await RealHost.start({ flags: ['--config', rig.config] });
  try {
    const [one, other] = [await gpu(), await gpu(second)];
    t.diagnostic(`${(other.budgetBytes / MIB).toFixed(0)} MiB of ${(one.unusedBytes / MIB).toFixed(0)} MiB that are free beside ${path}`);
    assert.ok(other.budgetBytes <= 0.9 * other.unusedBytes + MIB && other.unusedBytes <= one.totalBytes - one.weightsBytes);
  } finally {
    await second.close();
    await host.must(['delete', 'holding']);
  }
});
