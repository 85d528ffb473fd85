// Inputs to warm a plan with when nobody named real ones: zeros in the least, the usual and the largest shapes that it was built for.
import { ELEMENT_TYPES, type Tensor, type TensorSpec } from '../../runtime/engine/tensor.ts';
import type { WarmSample } from '../../runtime/residency/pool-plan.ts';
import { describeShapes } from '../../runtime/residency/warm-samples.ts';
import type { PlanProfile, PlanRange, PlanSidecar } from './sidecar.ts';

type Point = 'min' | 'opt' | 'max';
const POINTS: readonly Point[] = ['min', 'opt', 'max'];

/** Of all profiles, each shape once. */
export function profileSamples({ inputs, profiles }: Pick<PlanSidecar, 'inputs' | 'profiles'>): readonly WarmSample[] {
  const points = (profiles.length === 0 ? [{}] : profiles).flatMap((profile) => POINTS.map((point) => ({ profile, point, sizes: sizesAt(profile, point) })));
  const once = points.filter(({ sizes }, index) => points.findIndex((other) => other.sizes === sizes) === index);
  return once.map(({ profile, point }): WarmSample => {
    const tensors = Object.fromEntries(inputs.map((spec) => [spec.name, tensorAt(spec, profile, point)]));
    return { name: describeShapes(tensors), inputs: tensors };
  });
}

function sizesAt(profile: PlanProfile, point: Point): string {
  return JSON.stringify(Object.entries(profile).map(([name, range]) => [name, range[point]]));
}

function tensorAt(spec: TensorSpec, profile: PlanProfile, point: Point): Tensor {
  const range: PlanRange | undefined = profile[spec.name];
  const fixed = spec.shape.map((axis) => (typeof axis === 'number' && axis >= 0 ? axis : 1));
  if (range === undefined) return zeros(spec, fixed);
  return range.of === 'values' ? values(spec, fixed, range[point]) : zeros(spec, range[point]);
}

function zeros({ type }: TensorSpec, shape: readonly number[]): Tensor {
  const { array } = ELEMENT_TYPES[type];
  return { type, shape, data: new array(shape.reduce((product, axis) => product * axis, 1)) as Tensor['data'] };
}

/** It says how large something else is. */
function values(spec: TensorSpec, shape: readonly number[], numbers: readonly number[]): Tensor {
  const data = spec.type === 'int64' ? BigInt64Array.from(numbers, BigInt) : Int32Array.from(numbers);
  return { type: spec.type, shape: shape.length === 0 ? [] : [numbers.length], data };
}
