// The models that test/gpu uses, and their plans: built by `pilotlight engine build` when somebody first asks, and kept beside the model.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSidecar, sidecarPathOf, type PlanSidecar } from '../../deploy/engine/sidecar.ts';
import type { TensorSpec } from '../../runtime/engine/tensor.ts';
import { runPilotlight } from '../support/real-host.ts';
import type { GpuRig } from './gpu-rig.ts';

const EMBED = fileURLToPath(new URL('../../../functions/embed/', import.meta.url));

export type GpuModelName =
  | 'resnet50-fp16' | 'resnet50-fp32' | 'bert-large-fp16' | 'bert-large-fp32'
  | 'minilm' | 'minilm-fp16' | 'minilm-qdq';

const ENCODER_WIDTH = 384;
const MINILM = { folder: EMBED, shapes: 'tokens:1x16..8x32..8x256', options: ['--samples', join(EMBED, 'samples', 'shapes', '*.json')] };
const BERT_LARGE = { shapes: 'tokens:1x16..1x128..8x128' };
const RESNET50 = { shapes: 'image:1x3x224x224..8x3x224x224..64x3x224x224' };

interface Recipe {
  /** Where the ONNX is when it is not in the folder of models. */
  readonly folder?: string;
  readonly shapes: string;
  /** More for `engine build`. */
  readonly options?: readonly string[];
}

const RECIPES: Readonly<Record<GpuModelName, Recipe>> = {
  'resnet50-fp16': RESNET50, 'resnet50-fp32': RESNET50, 'bert-large-fp16': { ...BERT_LARGE, options: ['--tolerance', '0.05'] }, 'bert-large-fp32': BERT_LARGE,
  minilm: MINILM, 'minilm-fp16': MINILM,
  // What two engines round differently adds up; embed.test.ts judges the answers.
  'minilm-qdq': { ...MINILM, options: [...MINILM.options, '--tolerance', '0.4'] },
};

export interface Plan {
  readonly path: string;
  readonly sidecar: PlanSidecar;
}

/** What a function of one input and one output needs to know of a plan; `point` of its profile, as `engine build` was told. */
export function endsOf({ path, sidecar: { inputs: [input], outputs: [output], profiles: [profile] } }: Plan, point: 'min' | 'opt' | 'max'): {
  readonly model: string; readonly input: TensorSpec; readonly output: TensorSpec; readonly shape: readonly number[];
} {
  const shape = input === undefined ? undefined : profile?.[input.name]?.[point];
  if (input === undefined || output === undefined || shape === undefined) throw new Error(`${path} has no input, output or profile`);
  return { model: path, input, output, shape };
}

/** The sentence encoder, for `writeEmbedFunction`; a rehearsal has plans that are stand-ins, and their answers are no vectors of it. */
export function encoderOf({ path, sidecar: { outputs: [output] } }: Plan): { readonly model: string; readonly isRecognised: boolean } {
  return { model: path, isRecognised: output?.shape[1] === ENCODER_WIDTH };
}

export function onnxOf({ models }: GpuRig, name: GpuModelName): string {
  const own = join(models, `${name}.onnx`);
  if (existsSync(own)) return own;
  const { folder } = RECIPES[name];
  const other = folder === undefined ? own : join(folder, `${name}.onnx`);
  if (existsSync(other)) return other;
  throw new Error(`no model ${own}: run \`python test/gpu/models/export.py ${models}\`${folder === undefined ? '' : ', after `python functions/embed/export.py`'}`);
}

export async function planOf(rig: GpuRig, name: GpuModelName): Promise<Plan> {
  const path = join(rig.models, `${name}.plan`);
  if (!existsSync(path)) await build(rig, name, path);
  return { path, sidecar: parseSidecar(readFileSync(sidecarPathOf(path), 'utf8'), sidecarPathOf(path)) };
}

async function build(rig: GpuRig, name: GpuModelName, path: string): Promise<void> {
  const timingCache = join(rig.models, 'timing.cache');
  const args = ['engine', 'build', onnxOf(rig, name), '--out', path, '--shapes', RECIPES[name].shapes, '--timing-cache', timingCache, '--config', rig.config, ...(RECIPES[name].options ?? [])];
  const { code, err } = await runPilotlight(args);
  if (code !== 0) throw new Error(`pilotlight ${args.join(' ')} ended with ${code}: ${err}`);
}
