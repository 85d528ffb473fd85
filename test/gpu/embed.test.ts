// The sentence encoder on a real GPU, through a host and over HTTP: each precision against what ONNX Runtime says in FP32 on the CPU of
// the same host, over the thousand texts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Scratch } from '../bench/scratch.ts';
import { RealHost } from '../support/real-host.ts';
import { writeEmbedFunction } from './gpu-function.ts';
import { encoderOf, onnxOf, planOf } from './gpu-models.ts';
import { openRig, type GpuRig } from './gpu-rig.ts';

const TEXTS = JSON.parse(readFileSync(fileURLToPath(new URL('../../../functions/embed/samples/sentences.json', import.meta.url)), 'utf8')) as readonly string[];
const TEXTS_A_REQUEST = 50;
const TIME = { timeout: 600_000 };

let rig: GpuRig;
let scratch: Scratch;
let host: RealHost;
let wanted: readonly Float32Array[];

before(async () => {
  rig = await openRig();
  scratch = await Scratch.make();
  host = await RealHost.start({ flags: ['--config', rig.config] });
  const { folder } = await writeEmbedFunction(scratch, { ...encoderOf(await planOf(rig, 'minilm')), model: onnxOf(rig, 'minilm'), name: 'reference', device: 'cpu', slots: 4 });
  await host.deploy(folder);
  wanted = await vectorsOf('reference');
}, TIME);

after(async () => {
  await host?.close();
  await scratch?.[Symbol.asyncDispose]();
  await rig?.close();
});

for (const { model, least, mean } of [
  { model: 'minilm', least: 0.9995, mean: 0.9999 },
  { model: 'minilm-fp16', least: 0.999, mean: 0.9999 },
  { model: 'minilm-qdq', least: 0.8, mean: 0.99 },
] as const) {
  test(`the plan of ${model} gives vectors near those of FP32: mean cosine ${mean}, least ${least}`, TIME, async (t) => {
    const name = `on-gpu-${model}`;
    const { folder } = await writeEmbedFunction(scratch, { ...encoderOf(await planOf(rig, model)), name, slots: 4 });
    await host.deploy(folder);
    assert.equal(await deviceOf(name), 'gpu:0');
    const startMs = performance.now();
    const cosines = (await vectorsOf(name)).map((vector, index) => cosineOf(vector, wanted[index] ?? new Float32Array()));
    const seconds = (performance.now() - startMs) / 1000;
    const found = { least: Math.min(...cosines), mean: cosines.reduce((sum, one) => sum + one, 0) / cosines.length };
    t.diagnostic(`${model}: ${TEXTS.length} texts, cosine least ${found.least.toFixed(5)}, mean ${found.mean.toFixed(6)}, ${(TEXTS.length / seconds).toFixed(0)} texts/s`);
    assert.ok(found.least >= least && found.mean >= mean, JSON.stringify(found));
    await host.must(['delete', name]);
  });
}

/** All requests at once: whatever order they run in, each text has its own answer. */
async function vectorsOf(name: string): Promise<readonly Float32Array[]> {
  const parts = Array.from({ length: Math.ceil(TEXTS.length / TEXTS_A_REQUEST) }, (_, part) => TEXTS.slice(part * TEXTS_A_REQUEST, (part + 1) * TEXTS_A_REQUEST));
  const answers = await Promise.all(parts.map(async (texts) => {
    const response = await host.ask(`/${name}`, { method: 'POST', body: JSON.stringify({ texts, encoding: 'base64' }) });
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json() as { embeddings: readonly string[] }).embeddings;
  }));
  return answers.flat().map((text) => new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer));
}

async function deviceOf(name: string): Promise<string | undefined> {
  const { pools } = await host.view<{ pools: readonly { readonly device: string }[] }>('/v1/pools');
  return pools.find((pool) => JSON.stringify(pool).includes(`"${name}@`))?.device;
}

function cosineOf(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    dot += value * other;
    aa += value * value;
    bb += other * other;
  }
  return dot / Math.sqrt(aa * bb);
}
