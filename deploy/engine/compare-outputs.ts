// The largest difference of each output between a plan and its reference, over all samples.
import type { Tensors } from '../../runtime/engine/tensor.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import type { OutputEvent } from './builder-events.ts';
import { differenceOf } from './difference.ts';
import { readOutput } from './run-plan.ts';

/** By output of the reference. Rejects BAD_MODEL when the plan lacks one. */
export async function compareOutputs(outputs: readonly (readonly OutputEvent[])[], reference: readonly Tensors[]): Promise<Readonly<Record<string, number>>> {
  const largest: Record<string, number> = {};
  for (const [sample, wanted] of reference.entries()) {
    for (const [name, tensor] of Object.entries(wanted)) {
      const output = outputs[sample]?.find((one) => one.name === name);
      if (output === undefined) throw new PilotlightError('BAD_MODEL', `the plan has no output "${name}", which the model has`);
      largest[name] = Math.max(largest[name] ?? 0, differenceOf(await readOutput(output), tensor));
    }
  }
  return largest;
}
