// How far one engine's answers are from another's on the same inputs, and how far they may be.
import type { Tensor } from '../../runtime/engine/tensor.ts';

/**
 * The largest difference between two tensors: of real numbers relative to the largest magnitude that the reference has (so that it tells
 * the same of logits and of probabilities), of whole numbers the part of the elements that differ. Infinity where the shapes differ, or
 * one has a number where the other has none.
 */
export function differenceOf(actual: Tensor, reference: Tensor): number {
  if (actual.shape.join('x') !== reference.shape.join('x')) return Infinity;
  const [values, wanted] = [numbersOf(actual), numbersOf(reference)];
  if (!isReal(reference)) return partOf(values, wanted);
  let largest = 0;
  let magnitude = 0;
  for (let i = 0; i < wanted.length; i += 1) {
    const [value, want] = [values[i] ?? Number.NaN, wanted[i] ?? Number.NaN];
    if (Number.isFinite(want)) magnitude = Math.max(magnitude, Math.abs(want));
    if (Object.is(value, want) || value === want) continue;
    const difference = Math.abs(value - want);
    if (!Number.isFinite(difference)) return Infinity;
    largest = Math.max(largest, difference);
  }
  return magnitude > 0 ? largest / magnitude : largest;
}

function partOf(values: readonly number[] | Float64Array, wanted: readonly number[] | Float64Array): number {
  let different = 0;
  for (let i = 0; i < wanted.length; i += 1) different += values[i] === wanted[i] ? 0 : 1;
  return wanted.length === 0 ? 0 : different / wanted.length;
}

function isReal({ type }: Tensor): boolean {
  return type === 'float32' || type === 'float64' || type === 'float16' || type === 'bfloat16';
}

function numbersOf({ type, data }: Tensor): Float64Array {
  if (type === 'float16') return Float64Array.from(data as Uint16Array, fromFloat16);
  if (type === 'bfloat16') return Float64Array.from(data as Uint16Array, fromBfloat16);
  if (type === 'string') return Float64Array.from(data as readonly string[], (text) => text.length);
  return Float64Array.from(data as ArrayLike<number | bigint>, Number);
}

const scratch = new DataView(new ArrayBuffer(4));

function fromBfloat16(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/**
 * What a plan may differ by from ONNX Runtime on the CPU unless `--tolerance` says otherwise, by the least precise type that its layers
 * compute in. float32: TensorRT multiplies in TF32, whose fraction has 10 bits.
 */
export const DEFAULT_TOLERANCES = { float32: 0.005, float16: 0.02, bfloat16: 0.08, fp8: 0.15, int8: 0.15 } as const;

export function defaultToleranceOf(types: Iterable<string>): { readonly type: string; readonly tolerance: number } {
  let found: { type: string; tolerance: number } = { type: 'float32', tolerance: DEFAULT_TOLERANCES.float32 };
  for (const type of types) {
    const tolerance = (DEFAULT_TOLERANCES as Readonly<Record<string, number>>)[type];
    if (tolerance !== undefined && tolerance > found.tolerance) found = { type, tolerance };
  }
  return found;
}
