// Inputs that a build is calibrated and compared with: real ones from files, or random ones that are the same every time.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, isAbsolute, join, relative } from 'node:path';
import type { Tensor, Tensors, TensorSpec } from '../../runtime/engine/tensor.ts';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import { listCandidates } from '../bundle/folder-files.ts';
import { isGlob, matchPaths } from '../bundle/match-paths.ts';
import { parseWarmSample } from '../rollout/warm-sample-file.ts';
import { parseNpy } from './npy.ts';
import { parseNpz } from './npz.ts';

export interface Sample {
  /** Its file's path, for messages. */
  readonly name: string;
  readonly inputs: Tensors;
}

/** Files that a glob matches, sorted; absolute. Rejects BAD_TENSOR when there are none. */
export async function findSamples(folder: string, glob: string): Promise<readonly string[]> {
  const absolute = isAbsolute(glob) ? glob : join(folder, glob);
  const segments = absolute.split('/');
  const wild = segments.findIndex(isGlob);
  const base = wild === -1 ? segments.slice(0, -1).join('/') : segments.slice(0, wild).join('/');
  const inner = relative(base === '' ? '/' : base, absolute);
  const files = matchPaths([inner], await candidates(base === '' ? '/' : base, inner, glob)).map((path) => join(base, path));
  if (files.length === 0) throw new PilotlightError('BAD_TENSOR', `no file matches ${glob}; name samples like 'samples/*.npy', quoted, so that the shell leaves the star`);
  return files;
}

async function candidates(base: string, inner: string, glob: string): Promise<readonly string[]> {
  try {
    return await listCandidates(base, inner);
  } catch (error) {
    throw new PilotlightError('BAD_TENSOR', `samples ${glob}: cannot look into ${base}: ${describeThrown(error)}`, { cause: error });
  }
}

/**
 * A `.json` file is one sample, written as a warm input of a manifest; so is a `.npz` file, and a `.npy` file of a model with one input. For
 * a model with several, `0.ids.npy` and `0.mask.npy` make one. Rejects BAD_TENSOR or WARMUP_FAILED naming the file.
 */
export async function readSamples(files: readonly string[], inputs: readonly Pick<TensorSpec, 'name'>[]): Promise<readonly Sample[]> {
  const samples = new Map<string, Record<string, Tensor>>();
  for (const file of files) {
    if (file.endsWith('.json')) {
      samples.set(file, { ...parseWarmSample(file, await readFile(file, 'utf8')).inputs });
      continue;
    }
    if (file.endsWith('.npz')) {
      samples.set(file, { ...parseNpz(await readFile(file), file) });
      continue;
    }
    if (!file.endsWith('.npy')) throw new PilotlightError('BAD_TENSOR', `${file}: is no sample; samples are .npy or .npz files, or .json files as the warm inputs of a manifest`);
    const { sample, input } = placeOf(file, inputs);
    samples.set(sample, { ...samples.get(sample), [input]: parseNpy(await readFile(file), file) });
  }
  return [...samples].map(([name, tensors]) => {
    const missing = inputs.find((input) => tensors[input.name] === undefined);
    if (missing === undefined) return { name, inputs: tensors };
    throw new PilotlightError('BAD_TENSOR', `sample ${name}: has no input "${missing.name}"; it has ${Object.keys(tensors).map((one) => `"${one}"`).join(', ')}`);
  });
}

function placeOf(file: string, inputs: readonly Pick<TensorSpec, 'name'>[]): { readonly sample: string; readonly input: string } {
  const stem = file.slice(0, -'.npy'.length);
  const [first, ...others] = inputs;
  const named = inputs.find(({ name }) => basename(stem).endsWith(`.${name}`) || basename(stem) === name);
  if (named !== undefined) return { sample: stem.slice(0, -named.name.length), input: named.name };
  if (first !== undefined && others.length === 0) return { sample: file, input: first.name };
  throw new PilotlightError('BAD_TENSOR', `${file}: the model has inputs ${inputs.map(({ name }) => `"${name}"`).join(', ')}; name the file of each SAMPLE.INPUT.npy`);
}

/** Tells samples apart by all that they hold. */
export function digestSamples(samples: readonly Sample[]): string {
  const hash = createHash('sha256');
  for (const { inputs } of samples) {
    for (const [name, { type, shape, data }] of Object.entries(inputs)) {
      hash.update(`${name}\0${type}\0${shape.join('x')}\0`);
      if (ArrayBuffer.isView(data)) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  return hash.digest('hex');
}
