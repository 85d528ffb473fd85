// Which of a model's files a host takes: the first whose conditions it meets. A pure decision from the manifest and from what
// the engines say of themselves; it tells why not the others, so that no choice is silent.
import type { Backend, Capability, DeviceInfo } from '../../runtime/engine/port.ts';
import type { PassedVariant } from '../../runtime/records.ts';
import type { WantedDevice } from '../manifest/manifest.ts';
import { backendOf, variantsOf, type ManifestVariant, type ModelFiles } from '../manifest/model-files.ts';
import { describeVersions, meetsVersion } from './version-condition.ts';

/** What a host has, as its engine port tells it. */
export interface HostEngines {
  readonly capabilities: readonly Capability[];
  readonly devices: readonly DeviceInfo[];
}

export interface VariantChoice {
  /** None: nothing fits. */
  readonly chosen?: ChosenFile;
  /** All others, in the manifest's order. */
  readonly passed: readonly PassedVariant[];
}

export interface ChosenFile {
  readonly path: string;
  readonly backend: Backend;
  /** Those that meet the conditions, in the host's order: it may be loaded on no other. */
  readonly devices: readonly DeviceInfo[];
  /** The backend's. */
  readonly capability: Capability;
}

export function chooseVariant(model: ModelFiles & { readonly device: WantedDevice }, host: HostEngines): VariantChoice {
  let chosen: ChosenFile | undefined;
  const passed: PassedVariant[] = [];
  for (const variant of variantsOf(model)) {
    const { path } = variant;
    const fit = fitOf(variant, model.device, host);
    if (typeof fit === 'string') passed.push({ path, reason: fit });
    else if (chosen !== undefined) passed.push({ path, reason: `${chosen.path} comes first and fits` });
    else chosen = { path, ...fit };
  }
  return chosen === undefined ? { passed } : { chosen, passed };
}

/** Whether each of its files asks for a GPU, and there is none that the model may mean. */
export function lacksGpu(model: ModelFiles & { readonly device: WantedDevice }, devices: readonly DeviceInfo[]): boolean {
  if (model.device === 'cpu' || devices.some((one) => one.device !== 'cpu' && isMeant(one, model.device))) return false;
  return model.device !== 'any' || variantsOf(model).every(({ path, when: { device = 'any', computeCapability } }) =>
    backendOf(path) === 'tensorrt' || (device !== 'any' && device !== 'cpu') || computeCapability !== undefined);
}

/** Why not, or on what. */
function fitOf({ path, when }: ManifestVariant, device: WantedDevice, { capabilities, devices }: HostEngines): string | Omit<ChosenFile, 'path'> {
  const name = backendOf(path) ?? 'of its kind';
  const capability = capabilities.find((one) => one.backend === name);
  if (capability?.available !== true) {
    const reason = capability?.reason ?? '';
    return `backend ${name} is not available on this host${reason === '' ? '' : `: ${reason}`}`;
  }
  const { backend, version } = capability;
  if (when.libraryVersion !== undefined && !meetsVersion(when.libraryVersion, version)) {
    return `it wants ${backend} ${describeVersions(when.libraryVersion)}; this host has ${version === undefined || version === '' ? 'one that does not tell its version' : version}`;
  }
  const able = devices.filter(({ backends }) => backends.includes(backend));
  const meant = able.filter((one) => isMeant(one, device) && isMeant(one, when.device ?? 'any') && hasCapability(one, when.computeCapability));
  if (meant.length === 0) {
    const why = capability.gpuReason === undefined || devices.every((one) => one.device === 'cpu') ? '' : `: ${capability.gpuReason}`;
    return `it wants ${describeWanted(device, when)}; ${backend} runs here on ${able.map(describeDevice).join(', ') || 'no device'}${why}`;
  }
  return { backend, devices: meant, capability };
}

function isMeant({ device }: DeviceInfo, wanted: WantedDevice): boolean {
  return wanted === 'any' || device === wanted || (wanted === 'gpu' && device.startsWith('gpu:'));
}

function hasCapability({ computeCapability }: DeviceInfo, wanted: string | undefined): boolean {
  return wanted === undefined || meetsVersion(wanted, computeCapability);
}

function describeWanted(device: WantedDevice, when: ManifestVariant['when']): string {
  // The narrower of both: `gpu:1` where the other says `gpu`.
  const narrow = when.device?.startsWith(device) === true || device === 'any' ? when.device : device;
  const where = narrow ?? (when.computeCapability === undefined ? 'a device' : 'a GPU');
  return when.computeCapability === undefined ? where : `${where} of compute capability ${describeVersions(when.computeCapability)}`;
}

function describeDevice({ device, computeCapability }: DeviceInfo): string {
  return computeCapability === undefined ? device : `${device} (compute capability ${computeCapability})`;
}
