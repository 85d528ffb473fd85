// A function as lean as one can be: the body is the input tensor's bytes, the answer the output tensor's. What it costs
// beyond the model is the host's.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resnet50 } from '../support/resnet50.ts';
import { mlp, weights64MiB, weightsMiB } from '../support/sample-models.ts';
import type { Scratch } from './scratch.ts';

export interface RawModel {
  readonly bytes: () => Uint8Array;
  readonly input: string;
  readonly shape: readonly number[];
  readonly output: string;
}

export const RESNET50: RawModel = { bytes: () => resnet50(), input: 'image', shape: [1, 3, 224, 224], output: 'logits' };
export const LIGHT: RawModel = { bytes: () => mlp([64, 128, 10]), input: 'x', shape: [1, 64], output: 'y' };
export const WEIGHTS_64_MIB: RawModel = { bytes: () => weights64MiB(), input: 'x', shape: [1, 1024], output: 'y' };

/** Takes and gives what WEIGHTS_64_MIB does; another seed, another model. */
export function weighing(mebibytes: number, seed: number): RawModel {
  return { ...WEIGHTS_64_MIB, bytes: () => weightsMiB(mebibytes, seed) };
}

/** Takes and gives what WEIGHTS_64_MIB does. */
export const NO_WEIGHTS: RawModel = { ...WEIGHTS_64_MIB, bytes: () => mlp([1024, 4, 1024]) };

/** A pool's `queue` for models that run long: others on the machine may hold them up by seconds. */
export const PATIENT = { max: 64, timeoutMs: 10_000 };

export interface RawFunction {
  readonly folder: string;
  readonly path: string;
  /** Files. */
  readonly model: string;
  readonly body: string;
}

export interface RawFunctionOptions {
  readonly name: string;
  readonly model: RawModel;
  /** Fields of the manifest's model, beside its path. */
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, number>>;
  /** In the scratch folder; default: the function's name. */
  readonly folder?: string;
}

export async function writeRawFunction(
  scratch: Scratch, { name, model, pool = {}, limits = {}, folder: place = name }: RawFunctionOptions,
): Promise<RawFunction> {
  const folder = await scratch.subfolder(place);
  const path = `/${name}`;
  const files = { model: join(folder, 'model.onnx'), body: join(folder, 'body.bin') };
  await writeFile(files.model, model.bytes());
  await writeFile(files.body, bodyFor(model));
  await writeFile(join(folder, 'handler.ts'), handlerFor(model));
  await writeFile(join(folder, 'pilotlight.json'), JSON.stringify({
    name, main: 'handler.ts', routes: [`POST ${path}`], isolates: 1,
    models: { MODEL: { path: 'model.onnx', ...pool } }, limits,
    warm: [{ request: `POST ${path}`, body: 'body.bin', headers: { 'content-type': 'application/octet-stream' }, expect: { status: 200 } }],
  }));
  return { folder, path, ...files };
}

function bodyFor({ shape }: RawModel): Uint8Array {
  const data = Float32Array.from({ length: shape.reduce((product, axis) => product * axis, 1) }, (_, index) => (index % 255) / 255);
  return new Uint8Array(data.buffer);
}

function handlerFor({ input, shape, output }: RawModel): string {
  return `export default {
  async fetch(request, env) {
    const data = new Float32Array(await request.arrayBuffer());
    const { ${output} } = await env.MODEL.run({ ${input}: { type: 'float32', shape: [${shape.join(', ')}], data } }, { signal: request.signal });
    return new Response(${output}.data);
  },
};
`;
}
