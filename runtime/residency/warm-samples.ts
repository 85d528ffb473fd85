// Samples made from a signature alone: zeros in every shape that traffic can meet. An axis without a fixed
// size has no grid of its own, so it is warmed at size 1; a manifest's real inputs cover more.
import { ELEMENT_TYPES, type Signature, type Tensor, type TensorSpec } from '../engine/tensor.ts';
import type { WarmSample } from './pool-plan.ts';

export function zeroSamples(signature: Signature): readonly WarmSample[] {
  const inputs = Object.fromEntries(signature.inputs.map((spec) => [spec.name, zeros(spec)]));
  return [{ name: describeShapes(inputs), inputs }];
}

/** `image:1x1x28x28 mask:1x28`: the shape label of spans and messages. */
export function describeShapes(tensors: Readonly<Record<string, Tensor>>): string {
  return Object.entries(tensors).map(([name, { shape }]) => `${name}:${shape.join('x') || 'scalar'}`).join(' ');
}

function zeros(spec: TensorSpec): Tensor {
  const shape = spec.shape.map((axis) => (typeof axis === 'number' && axis >= 0 ? axis : 1));
  const length = shape.reduce((product, axis) => product * axis, 1);
  if (spec.type === 'string') return { type: 'string', shape, data: new Array<string>(length).fill('') };
  return { type: spec.type, shape, data: new ELEMENT_TYPES[spec.type].array(length) };
}
