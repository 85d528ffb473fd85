// Of each model of a version: the file that this host takes of it, the device and slots that it gets, and the pool that this makes.
// Decided anew at each plan, from what the host has then; what was decided before for the same is kept where it still fits.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Capability, DeviceInfo, DeviceName, EngineControl, PoolSpec } from '../../runtime/engine/port.ts';
import { PilotlightError, assert, type ErrorCode } from '../../runtime/errors.ts';
import type { TakenVariant } from '../../runtime/records.ts';
import type { Placement } from '../../runtime/residency/placement.ts';
import type { PlacedAs } from '../../runtime/residency/placement-book.ts';
import type { Residency } from '../../runtime/residency/residency.ts';
import type { WantedPlace } from '../../runtime/residency/wanted-place.ts';
import type { ManifestModel } from '../manifest/manifest.ts';
import type { StoredVersion } from '../store/store.ts';
import { chooseVariant, lacksGpu, type ChosenFile, type HostEngines } from './choose-variant.ts';

export interface PlaceModelsOptions {
  readonly engine: Pick<EngineControl, 'capabilities' | 'devices'>;
  readonly residency: Pick<Residency, 'place'>;
  /** Slots on the CPU of a model whose manifest names none, and the most that "auto" gives there. */
  readonly slotsDefault: number;
  /** `restore`: the version was deployed here, so a GPU that the host has not was lost. `deploy` when left out. */
  readonly purpose?: 'deploy' | 'restore';
}

export interface PlacedModel {
  readonly binding: string;
  readonly model: ManifestModel;
  /** The model's file in the bundle. */
  readonly file: string;
  readonly spec: PoolSpec;
  /** What it goes to. */
  readonly on: { readonly device: DeviceInfo; readonly capability: Capability };
  readonly placement: Placement;
  readonly placedAs: PlacedAs;
  /** Of a model with variants. */
  readonly variant?: TakenVariant;
}

/** The least that an engine's arena takes for a slot. */
const SLOT_BYTES = 2 ** 20;
/** What "auto" expects of a slot before it was ever measured: a part of the file. */
const SLOT_PART = 0.25;

/** In the manifest's order; no model is read. Throws BAD_MODEL, LOAD_FAILED or DEVICE_LOST where no file fits this host. */
export function placeModels(stored: StoredVersion, { engine, residency, slotsDefault, purpose = 'deploy' }: PlaceModelsOptions): readonly PlacedModel[] {
  const host = { capabilities: engine.capabilities(), devices: engine.devices() };
  const files = Object.entries(stored.bundle.manifest.models).map(([binding, model]) => {
    const { taken, ...chosen } = chooseFile(stored.name, binding, model, { ...host, purpose });
    return { binding, model, chosen, taken, wanted: wantedPlace(stored, { binding, model, chosen, slotsDefault }) };
  });
  const placements = residency.place(stored.name, files.map(({ wanted }) => wanted));
  return files.map(({ binding, model, chosen, taken, wanted }, index): PlacedModel => {
    const placement = placements[index];
    assert(placement !== undefined, `${stored.name}'s model ${binding} has no place`);
    const { device, slots } = placement;
    const spec: PoolSpec = {
      key: wanted.keyOn(device, slots), backend: chosen.backend, device, slots, path: join(stored.folder, chosen.path), threads: model.threads, queue: model.queue,
    };
    const found = chosen.devices.find((one) => one.device === device);
    assert(found !== undefined, `${stored.name}'s model ${binding} was put on ${device}, where it may not be`);
    return { binding, model, file: chosen.path, spec, on: { device: found, capability: chosen.capability }, placement, placedAs: wanted.placedAs, ...taken };
  });
}

function chooseFile(
  name: string, binding: string, model: ManifestModel, host: HostEngines & { readonly purpose: 'deploy' | 'restore' },
): ChosenFile & { readonly taken: { readonly variant?: TakenVariant } } {
  const { chosen, passed } = chooseVariant(model, host);
  const hasVariants = 'variants' in model;
  if (chosen !== undefined) return { ...chosen, taken: hasVariants ? { variant: { path: chosen.path, passed } } : {} };
  // A missing library may come; a device that the manifest asks for does not.
  const [code, what]: [ErrorCode, string] = hasVariants ? ['BAD_MODEL', 'no variant of it fits this host'] : [model.device === 'any' ? 'LOAD_FAILED' : 'BAD_MODEL', 'it cannot run on this host'];
  const isLost = host.purpose === 'restore' && lacksGpu(model, host.devices);
  const reasons = passed.map(({ path, reason }) => `${path}: ${reason}`).join('; ');
  const advice = hasVariants ? '; a last variant without "when", whose backend this host has, would do' : '';
  const told = isLost ? 'the GPU that it ran on is not there any more' : what;
  throw new PilotlightError(isLost ? 'DEVICE_LOST' : code,
    `${name}'s model ${binding}: ${told}: ${reasons}${advice}; \`pilotlight doctor\` and \`pilotlight devices\` show what it has`);
}

function wantedPlace(
  { name, bundle: { files } }: StoredVersion,
  { binding, model, chosen, slotsDefault }: { readonly binding: string; readonly model: ManifestModel; readonly chosen: ChosenFile; readonly slotsDefault: number },
): WantedPlace {
  const { slots, threads, queue: { max, timeoutMs } } = model;
  const file = files[chosen.path];
  assert(file !== undefined, `${chosen.path} of ${name} is not among the bundle's files`);
  const identity = (device: string, count: unknown): string => digest([file.sha256, chosen.backend, device, count, threads, max, timeoutMs]);
  const devices = chosen.devices.map(({ device }): DeviceName => device);
  const hasChoice = devices.length > 1 || slots === 'auto';
  return {
    binding, devices, slots, cores: slotsDefault, pinned: model.residency === 'pinned', backend: chosen.backend,
    placedAs: { model: file.sha256, ...(hasChoice ? { ask: identity(model.device, slots ?? 'usual') } : {}) },
    // A file is about its weights.
    estimate: { weightsBytes: file.bytes, slotBytes: slots === 'auto' ? Math.max(SLOT_BYTES, Math.ceil(file.bytes * SLOT_PART)) : SLOT_BYTES },
    keyOn: identity,
  };
}

function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 16);
}
