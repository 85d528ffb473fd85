// Plans as far as they can be made without TensorRT: their first bytes, and the sidecar files beside them.
import { createHash } from 'node:crypto';
import { SIDECAR_FORMAT, type PlanSidecar } from '../../deploy/engine/sidecar.ts';

/** As TensorRT 10.6.0.26 wrote it on an H200, with another version in its place. */
export function planHead(version = '10.6.0.26'): Buffer {
  const head = Buffer.from('ftrt\0\0\0\0\x02\0\0\0\0\0\0\0\x94\x82\x28\x03\0\0\0\0\0\0\0\0', 'latin1');
  head.set(version.split('.').map(Number), 24);
  return head;
}

/** What `pilotlight engine build` would say of this plan: one input `x` [rows, 2], one output `y`, built on an H200. */
export function sidecarOf(plan: Uint8Array, changes: Partial<PlanSidecar> = {}): PlanSidecar {
  return {
    format: SIDECAR_FORMAT,
    sha256: createHash('sha256').update(plan).digest('hex'),
    bytes: plan.length,
    builtAt: '2026-11-21T19:00:00.000Z',
    tensorrt: { version: '10.6.0.26', hardwareCompatibility: 'none', versionCompatible: false },
    builtOn: { gpu: 'NVIDIA H200', computeCapability: '9.0', cudaDriver: '13.0' },
    source: { file: 'model.onnx', sha256: '0'.repeat(64) },
    inputs: [{ name: 'x', type: 'float32', shape: [-1, 2] }],
    outputs: [{ name: 'y', type: 'float32', shape: [-1, 2] }],
    profiles: [{ x: { min: [1, 2], opt: [8, 2], max: [64, 2] } }],
    plugins: [],
    layers: { count: 1, byType: { float32: 1 } },
    options: { optimizationLevel: 3 },
    ...changes,
  };
}
