// Holds the warm inputs of a folder against the signatures of its models, so that one which no model takes is told before a
// deploy. Nothing is run: what a model answers to them only a host can tell.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputCheck } from '../../runtime/engine/check.ts';
import type { Signature } from '../../runtime/engine/tensor.ts';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import type { WarmSample } from '../../runtime/residency/pool-plan.ts';
import type { Bundle } from '../bundle/bundle.ts';
import { warmInputPaths } from '../bundle/warm-inputs.ts';
import { parseWarmSample } from '../rollout/warm-sample-file.ts';

/** Rejects WARMUP_FAILED naming binding, file and tensor. */
export async function checkSamples(folder: string, { manifest, files }: Bundle, signatures: ReadonlyMap<string, Signature>): Promise<void> {
  for (const [binding, { warm }] of Object.entries(manifest.models)) {
    const signature = signatures.get(binding);
    if (signature === undefined) continue;
    for (const path of warmInputPaths(warm.inputs, Object.keys(files))) {
      const why = whyNotTaken(signature, parseWarmSample(path, await readFile(join(folder, path), 'utf8')));
      if (why !== undefined) throw new PilotlightError('WARMUP_FAILED', `model ${binding}: warm input ${path}: ${why}`);
    }
  }
}

function whyNotTaken(signature: Signature, { inputs, expect = {} }: WarmSample): string | undefined {
  try {
    new InputCheck(signature).check(inputs);
  } catch (error) {
    return describeThrown(error);
  }
  const unknown = Object.keys(expect).find((name) => signature.outputs.every((output) => output.name !== name));
  return unknown === undefined ? undefined : `output "${unknown}" is expected: the model gives ${signature.outputs.map(({ name }) => `"${name}"`).join(', ')}`;
}
