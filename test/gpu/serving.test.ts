// A plan on a real GPU behind a real host: answers as ONNX Runtime's, the same alone and among many, none for shapes outside its profile,
// and its memory back when it is deleted.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { DeviceView } from '../../deploy/admin/view-routes.ts';
import { Scratch } from '../bench/scratch.ts';
import { RealHost } from '../support/real-host.ts';
import { writeGpuFunction, type GpuFunction } from './gpu-function.ts';
import { endsOf, onnxOf, planOf } from './gpu-models.ts';
import { openRig, type GpuRig } from './gpu-rig.ts';

const TIME = { timeout: 300_000 };
const MIB = 2 ** 20;
const SLOTS = 4;
const AT_ONCE = 400;
/** Of an FP16 plan against ONNX Runtime on the CPU, relative to the largest output. */
const TOLERANCE = 0.02;

let rig: GpuRig;
let scratch: Scratch;
let host: RealHost;
let plan: GpuFunction;
let onnx: GpuFunction;

before(async () => {
  rig = await openRig();
  scratch = await Scratch.make();
  host = await RealHost.start({ flags: ['--config', rig.config] });
  const ends = endsOf(await planOf(rig, 'resnet50-fp16'), 'min');
  plan = await writeGpuFunction(scratch, { ...ends, name: 'plan', slots: SLOTS });
  onnx = await writeGpuFunction(scratch, { ...ends, name: 'onnx', model: onnxOf(rig, 'resnet50-fp32'), device: 'cpu', slots: 1 });
  await host.deploy(plan.folder);
  await host.deploy(onnx.folder);
}, TIME);

after(async () => {
  await host?.close();
  await scratch?.[Symbol.asyncDispose]();
  await rig?.close();
});

test('a plan answers as ONNX Runtime does on the CPU', TIME, async (t) => {
  const picture = pictureOf((await readFile(plan.body)).length / 4, 1);
  const [ours, theirs] = [await answerOf(plan.path, picture), await answerOf(onnx.path, picture)];
  assert.equal(ours.length, theirs.length);
  const largest = Math.max(...theirs.map(Math.abs));
  const difference = Math.max(...ours.map((value, index) => Math.abs(value - (theirs[index] ?? 0)))) / largest;
  t.diagnostic(`largest difference ${difference.toExponential(2)} of the largest output`);
  assert.ok(difference <= TOLERANCE, String(difference));
});

test(`${AT_ONCE} requests at once on ${SLOTS} slots get the answers that they get alone`, TIME, async () => {
  const size = (await readFile(plan.body)).length / 4;
  const pictures = Array.from({ length: 8 }, (_, index) => pictureOf(size, index));
  const alone: Float32Array[] = [];
  for (const picture of pictures) alone.push(await answerOf(plan.path, picture));
  const together = await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => answerOf(plan.path, pictures[index % 8] ?? new Float32Array())));
  const wrong = together.filter((answer, index) => !Buffer.from(answer.buffer).equals(Buffer.from((alone[index % 8] ?? answer).buffer)));
  assert.equal(wrong.length, 0);
});

test('a request outside the profile is refused and the next one is answered', TIME, async () => {
  const ends = endsOf(await planOf(rig, 'resnet50-fp16'), 'max');
  const [most = 0, ...rest] = ends.shape;
  const wide = await writeGpuFunction(scratch, { ...ends, name: 'wide', shape: [1, ...rest], asked: [most + 1, ...rest], slots: 1 });
  await host.deploy(wide.folder);
  const refused = await host.ask(wide.path, { method: 'POST', body: new Uint8Array((most + 1) * rest.reduce((product, axis) => product * axis, 4)) });
  const { code, detail } = await refused.json() as { code: string; detail: string };
  assert.deepEqual([refused.status, code], [400, 'BAD_TENSOR']);
  assert.match(detail, new RegExp(`to ${most}x`));
  assert.equal((await answerOf(plan.path, pictureOf((await readFile(plan.body)).length / 4, 0))).length > 0, true);
});

test('a deleted function gives the GPU its memory back', TIME, async (t) => {
  const ends = endsOf(await planOf(rig, 'minilm-fp16'), 'opt');
  const taken: number[] = [];
  for (let cycle = 0; cycle < 4; cycle++) {
    const { folder } = await writeGpuFunction(scratch, { ...ends, name: 'passing', slots: 2, revision: cycle });
    await host.deploy(folder);
    await host.must(['delete', 'passing']);
    taken.push(await takenBytes());
  }
  const grown = ((taken.at(-1) ?? 0) - (taken[0] ?? 0)) / MIB;
  t.diagnostic(`${grown.toFixed(1)} MiB more after four cycles than after one`);
  assert.ok(grown <= 2, `${taken.join(', ')}`);
});

async function takenBytes(): Promise<number> {
  const { devices } = await host.view<{ devices: readonly DeviceView[] }>('/v1/devices');
  const { totalBytes, unusedBytes } = devices.find(({ device }) => device === 'gpu:0') ?? assert.fail('no gpu:0');
  return totalBytes - unusedBytes;
}

async function answerOf(path: string, input: Float32Array): Promise<Float32Array> {
  const response = await host.ask(path, { method: 'POST', body: new Uint8Array(input.buffer) });
  assert.equal(response.status, 200, response.ok ? '' : await response.clone().text());
  return new Float32Array(await response.arrayBuffer());
}

/** Something between -1 and 1, another for each seed. */
function pictureOf(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size }, (_, index) => Math.sin(0.37 * index + seed));
}
