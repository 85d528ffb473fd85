// Functions that put a GPU's models behind a route: lean ones, whose body is the first input's bytes and whose answer is the first output's,
// and the real one of functions/embed with a plan in the place of its ONNX models.
import { copyFileSync, cpSync, linkSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sidecarPathOf } from '../../deploy/engine/sidecar.ts';
import { ELEMENT_TYPES, type TensorSpec } from '../../runtime/engine/tensor.ts';
import type { Scratch } from '../bench/scratch.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface GpuFunctionOptions {
  readonly name: string;
  /** A plan, with the file beside it that describes it, or an ONNX model. */
  readonly model: string;
  readonly input: TensorSpec;
  readonly output: TensorSpec;
  /** Of the input, in each request. */
  readonly shape: readonly number[];
  /** What the handler says of a request's body; `shape` when left out. */
  readonly asked?: readonly number[];
  readonly device?: 'cpu' | 'gpu';
  readonly slots: number;
  readonly isolates?: number;
  /** Changes the handler and so the version. */
  readonly revision?: number;
}

export interface GpuFunction {
  readonly folder: string;
  readonly path: string;
  /** File that is posted. */
  readonly body: string;
}

const QUEUE = { max: 1024, timeoutMs: 10_000 };

export async function writeGpuFunction(scratch: Scratch, options: GpuFunctionOptions): Promise<GpuFunction> {
  const { name, model, input, shape, device = 'gpu', slots, isolates = 2 } = options;
  const folder = await scratch.subfolder(name);
  const file = takeModel(model, folder);
  const ones = onesOf(input, shape);
  const body = join(folder, 'body.bin');
  await writeFile(body, new Uint8Array(ones.buffer));
  await writeFile(join(folder, 'warm.json'), JSON.stringify({ inputs: { [input.name]: { type: input.type, shape, data: Array.from(ones, Number) } } }));
  await writeFile(join(folder, 'handler.ts'), handlerOf(options));
  await writeFile(join(folder, 'pilotlight.json'), JSON.stringify({
    name, main: 'handler.ts', routes: [`POST /${name}`], isolates,
    models: { MODEL: { path: file, device, slots, queue: QUEUE, warm: { inputs: ['warm.json'] } } },
    warm: options.asked !== undefined ? [] : [{ request: `POST /${name}`, body: 'body.bin', headers: { 'content-type': 'application/octet-stream' } }],
    limits: { concurrency: 4096, bodyBytesMax: 256 * 2 ** 20 },
  }));
  return { folder, path: `/${name}`, body };
}

export interface EmbedFunctionOptions {
  readonly name: string;
  /** A plan, with the file beside it that describes it, or an ONNX model. */
  readonly model: string;
  /** Whether it is the real encoder, whose answers the samples know, and not a stand-in for it. */
  readonly isRecognised?: boolean;
  readonly device?: 'cpu' | 'gpu';
  readonly slots: number;
  readonly isolates?: number;
  /** Warm inputs by their names in functions/embed/samples/shapes; all of them when left out. */
  readonly samples?: string;
}

/** functions/embed with this model. */
export async function writeEmbedFunction(scratch: Scratch, { name, model, isRecognised = true, device = 'gpu', slots, isolates = 2, samples = '*' }: EmbedFunctionOptions): Promise<GpuFunction> {
  const folder = await scratch.subfolder(name);
  cpSync(join(ROOT, 'functions', 'embed'), folder, { recursive: true, filter: (source) => !/\.(onnx|plan|engine|py|test\.ts)$|pilotlight\.jsonc$/.test(source) });
  if (!isRecognised) forgetAnswers(join(folder, 'samples', 'shapes'));
  linkPackages(scratch);
  const body = join(folder, 'samples', 'one-base64.json');
  await writeFile(body, JSON.stringify({ texts: ['The harbour is quiet before dawn.'], encoding: 'base64' }));
  await writeFile(join(folder, 'pilotlight.json'), JSON.stringify({
    name, main: 'handler.ts', routes: [`POST /${name}`], isolates,
    models: { MINILM: { path: takeModel(model, folder), device, slots, queue: QUEUE, warm: { inputs: [`samples/shapes/${samples}.json`] } } },
    warm: [{ request: `POST /${name}`, body: 'samples/one-base64.json' }],
    limits: { concurrency: 4096 },
  }));
  return { folder, path: `/${name}`, body };
}

function forgetAnswers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const { inputs } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { inputs: unknown };
    writeFileSync(join(folder, name), JSON.stringify({ inputs }));
  }
}

/** The file's name in the folder. A plan takes its description along. */
function takeModel(model: string, folder: string): string {
  const name = basename(model);
  place(model, join(folder, name));
  if (/\.(plan|engine)$/.test(name)) place(sidecarPathOf(model), join(folder, sidecarPathOf(name)));
  return name;
}

/** Without a copy where the file system allows it. */
function place(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}

/** Where a bundler looks for what a handler imports. */
function linkPackages({ folder }: Scratch): void {
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Ones in that shape. */
export function onesOf({ name, type }: TensorSpec, shape: readonly number[]): Float32Array | BigInt64Array {
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (type === 'int64') return new BigInt64Array(count).fill(1n);
  if (type === 'float32') return new Float32Array(count).fill(1);
  throw new Error(`input ${name} is ${type}; these functions take float32 and int64`);
}

function handlerOf({ input, output, shape, asked = shape, revision = 0 }: GpuFunctionOptions): string {
  return `// revision ${revision}
export const revision = ${revision};
export default {
  async fetch(request, env) {
    const data = new ${ELEMENT_TYPES[input.type].array.name}(await request.arrayBuffer());
    const outputs = await env.MODEL.run({ '${input.name}': { type: '${input.type}', shape: [${asked.join(', ')}], data } }, { signal: request.signal });
    return new Response(outputs['${output.name}'].data);
  },
};
`;
}
