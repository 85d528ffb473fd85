// A model that was described before it was loaded must be what was said of it: inputs cross to the engine by their order, so a wrong
// description would give wrong answers and no error.
import type { Signature, TensorSpec } from '../engine/tensor.ts';
import { PilotlightError } from '../errors.ts';
import type { PoolPlan } from './pool-plan.ts';

/** Throws BAD_MODEL where the loaded model is another than its description says. */
export function refuseUnlessAsTold({ told, function: name, binding }: Pick<PoolPlan, 'told' | 'function' | 'binding'>, loaded: Signature): void {
  if (told === undefined) return;
  const difference = differenceAmong('input', told.inputs, loaded.inputs) ?? differenceAmong('output', told.outputs, loaded.outputs);
  if (difference === undefined) return;
  throw new PilotlightError('BAD_MODEL', `${name}'s model ${binding} is not what the file beside it says: ${difference}; put model and file of one build together, or delete the file`);
}

function differenceAmong(kind: string, told: readonly TensorSpec[], loaded: readonly TensorSpec[]): string | undefined {
  if (told.length !== loaded.length) return `it says ${told.length} ${kind}s, and there are ${loaded.length}`;
  const at = told.findIndex((spec, index) => !isSame(spec, loaded[index]));
  return at === -1 ? undefined : `${kind} ${at} is ${describe(loaded[at])}, and the file says ${describe(told[at])}`;
}

function isSame(told: TensorSpec, loaded: TensorSpec | undefined): boolean {
  return loaded !== undefined && told.name === loaded.name && told.type === loaded.type && told.shape.length === loaded.shape.length
    && told.shape.every((axis, index) => sizeOf(axis) === sizeOf(loaded.shape[index]));
}

/** A dynamic axis may have a name on one side only. */
function sizeOf(axis: number | string | undefined): number {
  return typeof axis === 'number' ? axis : -1;
}

function describe(spec: TensorSpec | undefined): string {
  return spec === undefined ? 'missing' : `"${spec.name}" ${spec.type} [${spec.shape.map((axis) => (axis === -1 ? '?' : axis)).join(', ')}]`;
}
