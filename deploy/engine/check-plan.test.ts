import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Capability, DeviceInfo } from '../../runtime/engine/port.ts';
import { planHead, sidecarOf } from '../../test/support/plan-files.ts';
import { checkPlan, type PlanFacts } from './check-plan.ts';
import type { PlanSidecar } from './sidecar.ts';

const PLAN = planHead();
const SIDECAR = sidecarOf(PLAN);
const H200: DeviceInfo = { device: 'gpu:0', name: 'NVIDIA H200', backends: ['tensorrt'], computeCapability: '9.0', totalBytes: 1, freeBytes: 1 };
const LIBRARY: Capability = { backend: 'tensorrt', available: true, version: '10.6.0', library: '/opt/libnvinfer.so.10' };

interface Case {
  readonly plan?: Partial<PlanFacts>;
  readonly tensorrt?: Partial<PlanSidecar['tensorrt']>;
  readonly builtOn?: Partial<PlanSidecar['builtOn']>;
  readonly comparison?: PlanSidecar['comparison'];
  readonly device?: Partial<DeviceInfo>;
  readonly library?: Partial<Capability>;
}

function check({ plan = {}, tensorrt, builtOn, comparison, device, library }: Case): readonly string[] {
  const sidecar: PlanSidecar = {
    ...SIDECAR, tensorrt: { ...SIDECAR.tensorrt, ...tensorrt }, builtOn: { ...SIDECAR.builtOn, ...builtOn }, ...(comparison === undefined ? {} : { comparison }),
  };
  const facts: PlanFacts = { file: 'm.plan', sha256: SIDECAR.sha256, version: sidecar.tensorrt.version, sidecar, ...plan };
  return checkPlan(facts, { device: { ...H200, ...device }, capability: { ...LIBRARY, ...library } });
}

const A10 = { name: 'NVIDIA A10', computeCapability: '8.6' };
const ALLOWED = { planHostCode: 'allowed' } as const;
const LATER = { version: '10.16.1' };

const ACCEPTED: readonly [string, Case][] = [
  ['a plan of this version and this GPU', {}],
  ['another build of the same version', { tensorrt: { version: '10.6.0.99' } }],
  ['a plan that nobody described, of this version', { plan: { sidecar: undefined } }],
  ['one whose header tells nothing, and nobody described it', { plan: { sidecar: undefined, version: undefined } }],
  ['a plan for all of Ampere and later', { tensorrt: { hardwareCompatibility: 'ampere+' }, device: A10 }],
  ['a plan for another GPU of the same capability', { tensorrt: { hardwareCompatibility: 'same-compute-capability' }, device: { name: 'NVIDIA H100' } }],
  ['a version-compatible plan of this version, where that is allowed', { tensorrt: { versionCompatible: true }, library: ALLOWED }],
  ['a version-compatible plan on a later version', { tensorrt: { versionCompatible: true }, library: { ...ALLOWED, ...LATER } }],
  ['a version-compatible plan on the next major', { tensorrt: { versionCompatible: true }, library: { ...ALLOWED, version: '11.1.0' } }],
  ['a plan of an earlier version that nobody described, where version-compatible ones are allowed', { plan: { sidecar: undefined, version: '10.6.0.26' }, library: { ...ALLOWED, ...LATER } }],
  ['a plan where the library does not tell its version', { library: { version: '' } }],
];

const REFUSED: readonly [string, Case, RegExp][] = [
  ['a plan for another version', { library: LATER },
    /^m\.plan was built by TensorRT 10\.6\.0\.26, and this host has 10\.16\.1 \(\/opt\/libnvinfer\.so\.10\); build it with that version, install the one/],
  ['a plan for another version that nobody described', { plan: { sidecar: undefined, version: '10.7.0.1' } }, /built by TensorRT 10\.7\.0\.1, and this host has 10\.6\.0/],
  ['one whose header tells nothing, by its sidecar', { plan: { version: undefined }, tensorrt: { version: '9.3.0.1' } }, /built by TensorRT 9\.3\.0\.1, and this host has 10\.6\.0/],
  ['a plan for another GPU', { device: A10 },
    /^m\.plan was built on NVIDIA H200 for GPUs of compute capability 9\.0, and gpu:0 \(NVIDIA A10\) has 8\.6; build it on such a GPU, or name the GPU that it is for/],
  ['a plan for all GPUs of its capability, on another', { tensorrt: { hardwareCompatibility: 'same-compute-capability' }, device: A10 }, /capability 9\.0, and gpu:0 \(NVIDIA A10\) has 8\.6/],
  ['a plan for Ampere and later, before it', { tensorrt: { hardwareCompatibility: 'ampere+' }, device: { name: 'Tesla T4', computeCapability: '7.5' } },
    /8\.0 or later \(built with ampere\+\), and gpu:0 \(Tesla T4\) has 7\.5/],
  ['a sidecar of another plan', { plan: { sha256: 'f'.repeat(64) } }, /^m\.plan has the digest ffffffffffff, and the file beside it is about [0-9a-f]{12}; put plan and sidecar of one build together/],
  ['a version-compatible plan, unless that is allowed', { tensorrt: { versionCompatible: true } }, /^m\.plan is version-compatible: .* allow that with the setting versionCompatiblePlans/],
  ['a version-compatible plan of a later version', { tensorrt: { version: '10.16.1.11', versionCompatible: true }, library: ALLOWED },
    /built by TensorRT 10\.16\.1\.11, and this host has 10\.6\.0/],
  ['a version-compatible plan over two majors', { tensorrt: { version: '8.6.1.6', versionCompatible: true }, library: { ...ALLOWED, version: '11.1.0' } },
    /built by TensorRT 8\.6\.1\.6, and this host has 11\.1\.0/],
  ['a plan that is told not to be version-compatible, also where those are allowed', { library: { ...ALLOWED, ...LATER } }, /built by TensorRT 10\.6\.0\.26, and this host has 10\.16\.1/],
];

describe('fault 5: before it is loaded', () => {
  for (const [title, one] of ACCEPTED) {
    test(`${title} is accepted`, () => {
      assert.deepEqual(check(one), []);
    });
  }

  for (const [title, one, message] of REFUSED) {
    test(`${title} is refused with both sides`, () => {
      assert.throws(() => check(one), { code: 'BAD_MODEL', message });
    });
  }

  test('what is worth knowing is told', () => {
    const comparison = { against: 'onnxruntime 1.30.0', samples: 2, tolerance: 0.01, largestDifference: { y: 0.2 }, isWithin: false };
    assert.deepEqual(check({ device: { name: 'NVIDIA H100' }, comparison }), [
      'm.plan was built on NVIDIA H200, and gpu:0 is NVIDIA H100: it runs, perhaps slower than one built there',
      'm.plan differs from onnxruntime 1.30.0 by more than 0.01: y by 0.2',
    ]);
  });
});
