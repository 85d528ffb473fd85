// Inputs for a comparison when nobody gave real ones: the same for the same seed, on every machine.
import { ELEMENT_TYPES, type ElementType, type Tensor, type TensorData } from '../../runtime/engine/tensor.ts';

export interface InputShape {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Whole numbers that it must hold, because shapes go by them. */
  readonly values?: readonly number[];
}

/** Whole numbers are mostly 1, sometimes 0: they may be places in a table, or a mask. */
const ONE_IN = 8;

/** `seed` tells sets apart. */
export function randomInputs(inputs: readonly InputShape[], seed: number): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(inputs.map(({ name, type, shape, values }, index) => {
    const next = generator(seed * 1009 + index);
    const count = shape.reduce((product, size) => product * size, 1);
    return [name, { type, shape, data: values === undefined ? dataOf(type, count, next) : type === 'int64' ? BigInt64Array.from(values, BigInt) : Int32Array.from(values) }];
  }));
}

function dataOf(type: ElementType, count: number, next: () => number): TensorData {
  const whole = (): number => (next() * ONE_IN < 1 ? 0 : 1);
  if (type === 'string') return Array.from({ length: count }, () => '');
  if (type === 'int64' || type === 'uint64') return ELEMENT_TYPES[type].array.from(Array.from({ length: count }, () => BigInt(whole())));
  // Close to a normal distribution, as images and activations are after their usual scaling.
  const real = (): number => next() + next() + next() + next() - 2;
  const make = type === 'float16' ? () => float16Of(real()) : type === 'bfloat16' ? () => bfloat16Of(real()) : type === 'float32' || type === 'float64' ? real : whole;
  return ELEMENT_TYPES[type].array.from(Array.from({ length: count }, make)) as TensorData;
}

/** Mulberry32: 0 to 1. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const scratch = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

export function bfloat16Of(value: number): number {
  return bitsOf(value) >>> 16;
}

/** Of numbers that are neither huge nor infinite; what is too small becomes 0. */
export function float16Of(value: number): number {
  const bits = bitsOf(value);
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  return exponent <= 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
