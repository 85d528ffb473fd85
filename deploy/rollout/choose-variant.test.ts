import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { Capability, DeviceInfo } from '../../runtime/engine/port.ts';
import type { WantedDevice } from '../manifest/manifest.ts';
import type { ManifestVariant, VariantConditions } from '../manifest/model-files.ts';
import { chooseVariant, type HostEngines } from './choose-variant.ts';

const CPU: DeviceInfo = { device: 'cpu', name: 'a CPU', backends: ['onnxruntime', 'fake'], totalBytes: 1, freeBytes: 1 };
const ONNX: Capability = { backend: 'onnxruntime', available: true, version: '1.20.1' };
const FAKE: Capability = { backend: 'fake', available: true, version: '1' };

function gpu(index: number, computeCapability: string, backends: DeviceInfo['backends'] = ['fake']): DeviceInfo {
  return { device: `gpu:${index}`, name: 'a GPU', backends, computeCapability, totalBytes: 1, freeBytes: 1 };
}

const LAPTOP: HostEngines = { capabilities: [ONNX, FAKE], devices: [CPU] };
const TWO_GPUS: HostEngines = { capabilities: [ONNX, FAKE], devices: [CPU, gpu(0, '8.0'), gpu(1, '9.0', ['fake', 'onnxruntime'])] };
const NO_LIBRARY: HostEngines = { capabilities: [{ backend: 'onnxruntime', available: false, version: '', reason: 'the library was not found; npm ci brings it' }, FAKE], devices: [CPU] };

function variant(path: string, when: VariantConditions = {}): ManifestVariant {
  return { path, when };
}

function choose(variants: readonly ManifestVariant[], host: HostEngines, device: WantedDevice = 'any') {
  const { chosen, passed } = chooseVariant({ variants, device }, host);
  return { path: chosen?.path, devices: chosen?.devices.map((one) => one.device), reasons: passed.map(({ path, reason }) => `${path}: ${reason}`) };
}

/** Why a lone variant is passed over; undefined when it is chosen. */
function whyNot(path: string, when: VariantConditions, host: HostEngines, device: WantedDevice = 'any'): string | undefined {
  return chooseVariant({ variants: [variant(path, when)], device }, host).passed[0]?.reason;
}

describe('the variant that a host takes', () => {
  test('is the first that fits, and every other is told with its reason', () => {
    assert.deepEqual(choose([variant('sm90.engine'), variant('sm90.fake', { computeCapability: '9.0' }), variant('m.onnx'), variant('slow.fake')], LAPTOP), {
      path: 'm.onnx', devices: ['cpu'],
      reasons: [
        'sm90.engine: backend tensorrt is not available on this host',
        'sm90.fake: it wants a GPU of compute capability 9.0; fake runs here on cpu',
        'slow.fake: m.onnx comes first and fits',
      ],
    });
  });

  test('may only be loaded on the devices that meet its conditions', () => {
    assert.deepEqual(choose([variant('m.fake', { computeCapability: '9.0' })], TWO_GPUS).devices, ['gpu:1']);
    assert.deepEqual(choose([variant('m.fake', { computeCapability: '>=8.0' })], TWO_GPUS).devices, ['gpu:0', 'gpu:1']);
    assert.deepEqual(choose([variant('m.fake')], TWO_GPUS).devices, ['cpu', 'gpu:0', 'gpu:1']);
    assert.deepEqual(choose([variant('m.fake')], TWO_GPUS, 'gpu').devices, ['gpu:0', 'gpu:1']);
    assert.deepEqual(choose([variant('m.onnx', { device: 'gpu' })], TWO_GPUS).devices, ['gpu:1']);
    assert.deepEqual(choose([variant('m.fake', { device: 'gpu' })], TWO_GPUS, 'gpu:0').devices, ['gpu:0']);
    assert.deepEqual(choose([variant('m.fake', { device: 'cpu' })], TWO_GPUS).devices, ['cpu']);
  });

  test('is the single file of a model without variants', () => {
    assert.equal(chooseVariant({ path: 'm.onnx', device: 'cpu' }, LAPTOP).chosen?.path, 'm.onnx');
    assert.equal(chooseVariant({ path: 'm.onnx', device: 'cpu' }, LAPTOP).passed.length, 0);
  });

  test('is none when none fits, and then all are told', () => {
    const found = choose([variant('a.plan'), variant('b.onnx', { libraryVersion: '>=1.21' })], LAPTOP);
    assert.deepEqual([found.path, found.reasons.length], [undefined, 2]);
  });
});

describe('a variant is passed over', () => {
  const REASONS: readonly (readonly [string, VariantConditions, HostEngines, WantedDevice, string])[] = [
    ['m.onnx', {}, NO_LIBRARY, 'any', 'backend onnxruntime is not available on this host: the library was not found; npm ci brings it'],
    ['m.onnx', { libraryVersion: '1.2' }, LAPTOP, 'any', 'it wants onnxruntime 1.2; this host has 1.20.1'],
    ['m.onnx', { libraryVersion: '>=1.21' }, LAPTOP, 'any', 'it wants onnxruntime 1.21 or later; this host has 1.20.1'],
    ['m.onnx', { libraryVersion: '1' }, { capabilities: [{ backend: 'onnxruntime', available: true }], devices: [CPU] }, 'any',
      'it wants onnxruntime 1; this host has one that does not tell its version'],
    ['m.onnx', { device: 'gpu' }, LAPTOP, 'any', 'it wants gpu; onnxruntime runs here on cpu'],
    ['m.onnx', {}, LAPTOP, 'gpu', 'it wants gpu; onnxruntime runs here on cpu'],
    ['m.onnx', { device: 'gpu' }, TWO_GPUS, 'gpu:0', 'it wants gpu:0; onnxruntime runs here on cpu, gpu:1 (compute capability 9.0)'],
    ['m.onnx', { device: 'gpu' }, { capabilities: [{ ...ONNX, gpuReason: 'no CUDA provider; pip brings it' }], devices: [CPU, gpu(0, '9.0', ['fake'])] }, 'any',
      'it wants gpu; onnxruntime runs here on cpu: no CUDA provider; pip brings it'],
    ['m.fake', { device: 'gpu:2', computeCapability: '9' }, TWO_GPUS, 'gpu',
      'it wants gpu:2 of compute capability 9; fake runs here on cpu, gpu:0 (compute capability 8.0), gpu:1 (compute capability 9.0)'],
    ['m.fake', { device: 'gpu:0', computeCapability: '>=9.0' }, TWO_GPUS, 'any',
      'it wants gpu:0 of compute capability 9.0 or later; fake runs here on cpu, gpu:0 (compute capability 8.0), gpu:1 (compute capability 9.0)'],
    ['m.fake', {}, { capabilities: [FAKE], devices: [] }, 'any', 'it wants a device; fake runs here on no device'],
    ['m.fake', { computeCapability: '>=0' }, { capabilities: [FAKE], devices: [{ ...CPU, device: 'gpu:0' }] }, 'any', 'it wants a GPU of compute capability 0 or later; fake runs here on gpu:0'],
  ];
  for (const [path, when, host, device, reason] of REASONS) {
    test(`${path} for ${JSON.stringify({ device, ...when })}: ${reason}`, () => assert.equal(whyNot(path, when, host, device), reason));
  }

  test('never for what it does not ask', () => {
    assert.equal(whyNot('m.onnx', { backend: 'onnxruntime', device: 'gpu:1', computeCapability: '>=8', libraryVersion: '1.20' }, TWO_GPUS), undefined);
  });
});

describe('any variants on any host', () => {
  const versions = fc.constantFrom('7.5', '8.0', '8.6', '9.0');
  const anyDevice = fc.oneof(fc.constant(CPU), fc.record({ index: fc.nat(3), version: versions, backends: fc.subarray(['fake', 'onnxruntime'] as const) })
    .map(({ index, version, backends }) => gpu(index, version, backends)));
  const anyHost: fc.Arbitrary<HostEngines> = fc.record({
    capabilities: fc.subarray([ONNX, FAKE, { backend: 'onnxruntime', available: false }] as const),
    devices: fc.uniqueArray(anyDevice, { selector: ({ device }) => device, maxLength: 4 }),
  });
  const anyWhen: fc.Arbitrary<VariantConditions> = fc.record({
    device: fc.constantFrom('cpu', 'gpu', 'gpu:1'), computeCapability: fc.oneof(versions, versions.map((one) => `>=${one}`)), libraryVersion: fc.constantFrom('1', '1.20', '>=1.21'),
  }, { requiredKeys: [] });
  const anyVariants = fc.array(fc.record({ path: fc.constantFrom('a.onnx', 'b.fake', 'c.engine'), when: anyWhen }), { minLength: 1, maxLength: 5 });
  const anyWanted = fc.constantFrom('any', 'cpu', 'gpu', 'gpu:1') satisfies fc.Arbitrary<WantedDevice>;

  test('what is taken fits by itself, nothing before it does, every other is told, and no device is allowed that a condition excludes', () => {
    fc.assert(fc.property(anyVariants, anyHost, anyWanted, (variants, host, device) => {
      const { chosen, passed } = chooseVariant({ variants, device }, host);
      assert.equal(passed.length + (chosen === undefined ? 0 : 1), variants.length);
      assert.ok(passed.every(({ reason }) => reason !== ''));
      const firstFitting = variants.findIndex((one) => chooseVariant({ variants: [one], device }, host).chosen !== undefined);
      assert.equal(chosen?.path, variants[firstFitting]?.path);
      const { computeCapability, device: condition = 'any' } = variants[firstFitting]?.when ?? {};
      for (const one of chosen?.devices ?? []) {
        assert.ok(host.devices.includes(one) && one.backends.some((backend) => backend === chosen?.backend));
        for (const wanted of [device, condition]) assert.ok(wanted === 'any' || one.device === wanted || (wanted === 'gpu' && one.device !== 'cpu'));
        if (computeCapability !== undefined && !computeCapability.startsWith('>=')) assert.equal(one.computeCapability, computeCapability);
        if (computeCapability?.startsWith('>=') === true) assert.ok(Number(one.computeCapability) >= Number(computeCapability.slice(2)));
      }
      assert.ok(chosen === undefined || chosen.devices.length > 0);
    }));
  });
});
