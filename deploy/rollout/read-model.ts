// What a model takes and gives, and whether it can run where it was put, found out before it is loaded. Of a TensorRT plan the file beside
// it tells (deploy/engine/sidecar.ts); every other model is looked at by its engine, which may have to load it for a moment.
import { readFile } from 'node:fs/promises';
import type { EngineControl } from '../../runtime/engine/port.ts';
import type { Signature } from '../../runtime/engine/tensor.ts';
import { PilotlightError, assert, describeThrown } from '../../runtime/errors.ts';
import type { WarmSample } from '../../runtime/residency/pool-plan.ts';
import { checkPlan } from '../engine/check-plan.ts';
import { readPlanVersion } from '../engine/plan-header.ts';
import { profileSamples } from '../engine/profile-samples.ts';
import { parseSidecar, sidecarPathOf, signatureOf } from '../engine/sidecar.ts';
import type { StoredVersion } from '../store/store.ts';
import type { PlacedModel } from './placed-models.ts';

export interface ReadModel {
  readonly signature: Signature;
  /** `file`: nobody has seen the model itself, so its load has to show that this is right. */
  readonly from: 'engine' | 'file';
  /** To warm with when the manifest names no inputs; none: zeros by the signature. */
  readonly samples: readonly WarmSample[];
  /** Worth knowing, no reason to stop. */
  readonly warnings: readonly string[];
}

/** Rejects BAD_MODEL, or what the engine says, naming function and binding. */
export async function readModel(stored: StoredVersion, placed: PlacedModel, engine: Pick<EngineControl, 'inspect'>): Promise<ReadModel> {
  const { spec: { path, backend } } = placed;
  try {
    if (backend === 'tensorrt') return await readPlan(stored, placed, engine);
    return { signature: await engine.inspect(path, backend), from: 'engine', samples: [], warnings: [] };
  } catch (error) {
    if (!(error instanceof PilotlightError)) throw error;
    throw new PilotlightError(error.code, `${stored.name}'s model ${placed.binding}: ${error.message}`, { cause: error });
  }
}

async function readPlan({ bundle: { files } }: StoredVersion, { file, spec, on }: PlacedModel, engine: Pick<EngineControl, 'inspect'>): Promise<ReadModel> {
  const sidecarFile = sidecarPathOf(file);
  const sidecar = files[sidecarFile] === undefined ? undefined : parseSidecar(await readText(sidecarPathOf(spec.path), sidecarFile), sidecarFile);
  const sha256 = files[file]?.sha256;
  assert(sha256 !== undefined, `${file} is not among the bundle's files`);
  const warnings = checkPlan({ file, sha256, version: await readPlanVersion(spec.path, file), sidecar }, on);
  if (sidecar !== undefined) return { signature: signatureOf(sidecar), from: 'file', samples: profileSamples(sidecar), warnings };
  return { signature: await engine.inspect(spec.path, spec.backend, spec.device), from: 'engine', samples: [], warnings };
}

async function readText(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new PilotlightError('BAD_MODEL', `${name} cannot be read: ${describeThrown(error)}`, { cause: error });
  }
}
