// Judges what a warm-up run gave: declared shapes, no NaN, expected values. A pool whose answers are wrong
// must never open.
import type { Signature, Tensor, TensorData, Tensors } from '../engine/tensor.ts';
import type { WarmSample } from './pool-plan.ts';

const DEFAULT_TOLERANCE = 1e-4;

/** What is wrong with the outputs, in one sentence; undefined when nothing is. */
export function findFault(signature: Signature, sample: WarmSample, outputs: Tensors): string | undefined {
  for (const spec of signature.outputs) {
    const output = outputs[spec.name];
    if (output === undefined) return `output ${spec.name} is missing`;
    const shapeFits = spec.anyRank === true || output.shape.length === spec.shape.length
      && spec.shape.every((axis, i) => typeof axis !== 'number' || axis < 0 || axis === output.shape[i]);
    if (!shapeFits) return `output ${spec.name} has shape [${output.shape.join(',')}] where the model declares [${spec.shape.join(',')}]`;
    const bad = indexOfNaN(output);
    if (bad >= 0) return `output ${spec.name} is NaN at element ${bad}`;
  }
  for (const [name, expected] of Object.entries(sample.expect ?? {})) {
    const output = outputs[name];
    if (output === undefined) return `expected output ${name}, but the model has none of that name`;
    const fault = findDifference(expected, output, sample.tolerance ?? DEFAULT_TOLERANCE);
    if (fault !== undefined) return `output ${name} ${fault}`;
  }
  return undefined;
}

function indexOfNaN(tensor: Tensor): number {
  if (tensor.type === 'float32' || tensor.type === 'float64') return (tensor.data as Float32Array | Float64Array).findIndex(Number.isNaN);
  // The 16-bit floats arrive as bits: all exponent bits set and a fraction means NaN.
  if (tensor.type === 'float16') return (tensor.data as Uint16Array).findIndex((bits) => (bits & 0x7fff) > 0x7c00);
  if (tensor.type === 'bfloat16') return (tensor.data as Uint16Array).findIndex((bits) => (bits & 0x7fff) > 0x7f80);
  return -1;
}

function findDifference(expected: Tensor, output: Tensor, tolerance: number): string | undefined {
  if (expected.type !== output.type) return `is ${output.type} where ${expected.type} was expected`;
  if (expected.shape.join() !== output.shape.join()) return `has shape [${output.shape.join(',')}] where [${expected.shape.join(',')}] was expected`;
  for (let i = 0; i < expected.data.length; i++) {
    const wanted = expected.data[i];
    const found = output.data[i];
    if (!isNear(wanted, found, tolerance)) return `is ${String(found)} at element ${i} where ${String(wanted)} was expected (tolerance ${tolerance})`;
  }
  return undefined;
}

function isNear(wanted: TensorData[number] | undefined, found: TensorData[number] | undefined, tolerance: number): boolean {
  if (wanted === found) return true;
  return typeof wanted === 'number' && typeof found === 'number' && Math.abs(wanted - found) <= tolerance;
}
