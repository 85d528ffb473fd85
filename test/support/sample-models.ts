// The models that tests and benchmarks run: fixed architectures with weights from a seed, so that every machine makes the same bytes.
import type { ElementType } from '../../runtime/engine/tensor.ts';
import { onnxModel } from './onnx-model.ts';
import type { OnnxInitializer, OnnxNode } from './onnx-model.ts';

/** `y` is `x`. */
export function identity(type: ElementType, shape: readonly (number | string)[]): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'x', type, shape }],
    outputs: [{ name: 'y', type, shape }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });
}

/** `y` is `x` + 3, of any length. The smallest model that computes. */
export function addThree(): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
    nodes: [{ op: 'Add', inputs: ['x', 'three'], outputs: ['y'] }],
    initializers: [{ name: 'three', type: 'float32', shape: [], data: Float32Array.of(3) }],
  });
}

/** Fully connected layers with ReLU between them, `x` [batch, first width] to `y` [batch, last width]. */
export function mlp(widths: readonly number[] = [64, 128, 10], seed = 1): Uint8Array {
  const random = uniform(seed);
  const [first = 1] = widths;
  const nodes: OnnxNode[] = [];
  const initializers: OnnxInitializer[] = [];
  let value = 'x';
  let fanIn = first;
  for (const [index, width] of widths.slice(1).entries()) {
    const isLast = index === widths.length - 2;
    const sum = isLast ? 'y' : `sum${index}`;
    initializers.push(weights(`weight${index}`, [fanIn, width], random(fanIn * width, Math.sqrt(2 / fanIn))));
    initializers.push(weights(`bias${index}`, [width], random(width, 0.1)));
    nodes.push({ op: 'Gemm', inputs: [value, `weight${index}`, `bias${index}`], outputs: [sum] });
    if (!isLast) nodes.push({ op: 'Relu', inputs: [sum], outputs: [`relu${index}`] });
    value = `relu${index}`;
    fanIn = width;
  }
  return onnxModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', first] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', fanIn] }],
    nodes,
    initializers,
  });
}

/** 64 MiB of weights. */
export function weights64MiB(seed = 2): Uint8Array {
  return weightsMiB(64, seed);
}

/** That many MiB of weights, in fours, and hardly any activations: products with a matrix of 4 MiB each. `x` [batch, 1024] to `y` the same. */
export function weightsMiB(mebibytes: number, seed: number): Uint8Array {
  const width = 1024;
  const layers = Math.max(1, Math.round(mebibytes / 4));
  const random = uniform(seed);
  const name = (index: number) => (index === 0 ? 'x' : index === layers ? 'y' : `product${index}`);
  return onnxModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', width] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', width] }],
    nodes: Array.from({ length: layers }, (_, index) => ({ op: 'MatMul', inputs: [name(index), `weight${index}`], outputs: [name(index + 1)] })),
    initializers: Array.from({ length: layers }, (_, index) =>
      weights(`weight${index}`, [width, width], random(width * width, Math.sqrt(1 / width)))),
  });
}

/** A run that takes long and can be stopped between its nodes: `steps` products of an n x n matrix with itself. */
export function slow(steps: number): Uint8Array {
  const name = (index: number) => (index === 0 ? 'x' : index === steps ? 'y' : `p${index}`);
  return onnxModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['n', 'n'] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['n', 'n'] }],
    nodes: Array.from({ length: steps }, (_, index) => ({ op: 'MatMul', inputs: [name(index), 'x'], outputs: [name(index + 1)] })),
  });
}

export function weights(name: string, shape: readonly number[], data: Float32Array): OnnxInitializer {
  return { name, type: 'float32', shape, data };
}

/** Numbers of mean 0 and the given standard deviation, the same for the same seed and order of calls. */
export function uniform(seed: number): (count: number, deviation: number) => Float32Array {
  let state = (Math.imul(seed, 0x9e3779b1) | 0) || 1;
  return (count, deviation) => {
    const scale = (deviation * Math.sqrt(12)) / 2 ** 32;
    const numbers = new Float32Array(count);
    for (let index = 0; index < count; index += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      numbers[index] = state * scale;
    }
    return numbers;
  };
}
