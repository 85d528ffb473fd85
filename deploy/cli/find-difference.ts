// Whether two files can stand for one model: the same names and element types, and shapes that a tensor of both can have.
import type { Signature, TensorSpec } from '../../runtime/engine/tensor.ts';

/** What a handler that works with one would find wrong in the other; undefined when nothing. */
export function findDifference(one: Signature, other: Signature): string | undefined {
  return differenceAmong('input', one.inputs, other.inputs) ?? differenceAmong('output', one.outputs, other.outputs);
}

function differenceAmong(kind: 'input' | 'output', one: readonly TensorSpec[], other: readonly TensorSpec[]): string | undefined {
  const byName = new Map(other.map((spec) => [spec.name, spec]));
  for (const spec of one) {
    const found = byName.get(spec.name);
    if (found === undefined) return `only the first has the ${kind} "${spec.name}"`;
    if (!canAgree(spec, found)) return `the ${kind} "${spec.name}" is ${describe(spec)} in the first and ${describe(found)} in the second`;
    byName.delete(spec.name);
  }
  const [left] = byName.keys();
  return left === undefined ? undefined : `only the second has the ${kind} "${left}"`;
}

function canAgree(one: TensorSpec, other: TensorSpec): boolean {
  if (one.type !== other.type || one.shape.length !== other.shape.length) return false;
  return one.shape.every((axis, index) => isOpen(axis) || isOpen(other.shape[index] ?? -1) || axis === other.shape[index]);
}

function isOpen(axis: number | string): boolean {
  return typeof axis === 'string' || axis < 0;
}

function describe({ type, shape }: TensorSpec): string {
  return `${type}[${shape.map((axis) => (axis === -1 ? '?' : axis)).join(', ')}]`;
}
