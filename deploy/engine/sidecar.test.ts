import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planHead, sidecarOf } from '../../test/support/plan-files.ts';
import { formatSidecar, parseSidecar, sidecarPathOf, signatureOf, type PlanSidecar } from './sidecar.ts';

const SIDECAR = sidecarOf(planHead(), { comparison: { against: 'onnxruntime 1.30.0 on the CPU', samples: 2, tolerance: 0.01, largestDifference: { y: 0.001 }, isWithin: true } });

/** The sidecar with one field set otherwise, `tensorrt.version` among them. */
function textWith(field: string, value: unknown): string {
  const changed = JSON.parse(formatSidecar(SIDECAR)) as Record<string, unknown>;
  const names = field.split('.');
  const last = names.pop() ?? '';
  let part = changed;
  for (const name of names) part = part[name] as Record<string, unknown>;
  if (value === undefined) delete part[last];
  else part[last] = value;
  return JSON.stringify(changed);
}

test('a sidecar is read back as it was written', () => {
  assert.deepEqual(parseSidecar(formatSidecar(SIDECAR), 'm.plan.json'), SIDECAR);
  assert.equal(sidecarPathOf('models/m.plan'), 'models/m.plan.json');
  assert.deepEqual(signatureOf(SIDECAR), { inputs: SIDECAR.inputs, outputs: SIDECAR.outputs });
});

const REFUSED: readonly [string, string, RegExp][] = [
  ['what is no JSON', '{', /m\.plan\.json should say what the plan beside it is: it is not JSON/],
  ['a list', '[]', /it must be an object, found \[\]/],
  ['another format', textWith('format', 'pilotlight-plan/2'), /its format is "pilotlight-plan\/2", and this version reads pilotlight-plan\/1; build the plan anew/],
  ['no digest', textWith('sha256', undefined), /sha256 must be 64 lower-case hexadecimal digits, found undefined/],
  ['no versions', textWith('tensorrt', undefined), /tensorrt must be an object, found undefined/],
  ['a version that is none', textWith('tensorrt.version', 'ten'), /tensorrt\.version must be a version such as 10\.6\.0\.26, found "ten"/],
  ['an unknown level', textWith('tensorrt.hardwareCompatibility', 2), /tensorrt\.hardwareCompatibility must be "none" or "ampere\+" or "same-compute-capability", found 2/],
  ['no word on host code', textWith('tensorrt.versionCompatible', 'no'), /tensorrt\.versionCompatible must be true or false, found "no"/],
  ['a GPU without a capability', textWith('builtOn.computeCapability', 9), /builtOn\.computeCapability must be a version such as 9\.0, found 9/],
  ['an unknown type', textWith('inputs', [{ name: 'x', type: 'fp16', shape: [1] }]), /inputs\[0\]\.type must be .* found "fp16"/],
  ['a shape with a hole', textWith('outputs', [{ name: 'y', type: 'float32', shape: [null] }]), /outputs\[0\]\.shape must be at most 8 sizes, names, or -1, found \[null\]/],
  ['a profile without its largest shape', textWith('profiles', [{ x: { min: [1, 2], opt: [1, 2] } }]), /profiles\[0\]\.x\.max must be at most 8 whole numbers, found undefined/],
  ['two inputs of one name', textWith('inputs', [SIDECAR.inputs[0], SIDECAR.inputs[0]]), /inputs must be tensors of different names/],
];

for (const [title, text, message] of REFUSED) {
  test(`a sidecar with ${title} is refused by name`, () => {
    assert.throws(() => parseSidecar(text, 'm.plan.json'), { code: 'BAD_MODEL', message });
  });
}

test('what is only for people is passed on, whatever a later version writes there', () => {
  const read: PlanSidecar & { readonly more?: string } = parseSidecar(textWith('more', 'of it'), 'm.plan.json');
  assert.equal(read.more, 'of it');
});
