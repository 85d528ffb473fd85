// Whether a TensorRT plan can run on a device of this host, decided from what was written about it before anything of it is loaded. What
// it says of itself and what the host has are both named; TensorRT's own word, at the load, would be neither early nor clear.
import type { Capability, DeviceInfo } from '../../runtime/engine/port.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import type { HardwareCompatibility, PlanSidecar } from './sidecar.ts';

export interface PlanFacts {
  /** For messages. */
  readonly file: string;
  /** Of the plan as it is. */
  readonly sha256: string;
  /** By its header: `10.6.0.26`; undefined when that tells nothing. */
  readonly version: string | undefined;
  /** None: nobody wrote one, so what it would say shows at the load. */
  readonly sidecar: PlanSidecar | undefined;
}

export interface PlanHost {
  readonly device: DeviceInfo;
  /** Of backend tensorrt. */
  readonly capability: Capability;
}

const AMPERE: readonly number[] = [8, 0];
/** How much of a version must be the same: a library does not tell its build. */
const VERSION_PARTS = 3;

/** Gives what is worth knowing and no reason to stop. Throws BAD_MODEL with both sides and what would do. */
export function checkPlan(plan: PlanFacts, host: PlanHost): readonly string[] {
  const { file, sha256, sidecar } = plan;
  if (sidecar !== undefined) checkDescribed({ file, sha256, sidecar });
  checkVersion(plan, host);
  if (sidecar === undefined) return [];
  checkDevice(file, sidecar, host.device);
  return warningsOf(file, sidecar, host.device);
}

/** Throws BAD_MODEL when the file beside a plan is about another one. */
export function checkDescribed({ file, sha256, sidecar }: Pick<PlanFacts, 'file' | 'sha256'> & { readonly sidecar: PlanSidecar }): void {
  if (sidecar.sha256 === sha256) return;
  throw refuse(file, `has the digest ${sha256.slice(0, 12)}, and the file beside it is about ${sidecar.sha256.slice(0, 12)}; put plan and sidecar of one build together`);
}

function checkVersion({ file, version: told, sidecar }: PlanFacts, { capability }: PlanHost): void {
  const built = told ?? sidecar?.tensorrt.version;
  const has = capability.version;
  const isAllowed = capability.planHostCode === 'allowed';
  if (sidecar?.tensorrt.versionCompatible === true && !isAllowed) {
    throw refuse(file, 'is version-compatible: such plans run code of their own in the host; allow that with the setting versionCompatiblePlans if you trust it, or build it without');
  }
  if (built === undefined || has === undefined || has === '' || compare(built, has) === 0) return;
  const both = `was built by TensorRT ${built}, and this host has ${has}${capability.library === undefined ? '' : ` (${capability.library})`}`;
  const mayRunLater = isAllowed && sidecar?.tensorrt.versionCompatible !== false;
  if (mayRunLater && compare(built, has) < 0 && majorOf(has) - majorOf(built) <= 1) return;
  throw refuse(file, `${both}; build it with that version, install the one that built it, or add a variant for it (when.libraryVersion)`);
}

function checkDevice(file: string, { tensorrt: { hardwareCompatibility }, builtOn }: PlanSidecar, { device, name, computeCapability }: DeviceInfo): void {
  if (computeCapability === undefined || runsOn(hardwareCompatibility, builtOn.computeCapability, computeCapability)) return;
  const needs = hardwareCompatibility === 'ampere+' ? '8.0 or later (built with ampere+)' : builtOn.computeCapability;
  throw refuse(file, `was built on ${builtOn.gpu} for GPUs of compute capability ${needs}, and ${device} (${name}) has ${computeCapability}; ` +
    'build it on such a GPU, or name the GPU that it is for (when.computeCapability, device)');
}

function runsOn(level: HardwareCompatibility, built: string, has: string): boolean {
  return level === 'ampere+' ? compareParts(partsOf(has), AMPERE) >= 0 : built === has;
}

function warningsOf(file: string, { builtOn, comparison, tensorrt }: PlanSidecar, { device, name }: DeviceInfo): readonly string[] {
  const isElsewhere = tensorrt.hardwareCompatibility === 'none' && builtOn.gpu !== name;
  const differences = comparison?.isWithin === false ? Object.entries(comparison.largestDifference).map(([output, by]) => `${output} by ${by}`).join(', ') : undefined;
  return [
    ...(isElsewhere ? [`${file} was built on ${builtOn.gpu}, and ${device} is ${name}: it runs, perhaps slower than one built there`] : []),
    ...(differences === undefined ? [] : [`${file} differs from ${comparison?.against} by more than ${comparison?.tolerance}: ${differences}`]),
  ];
}

/** Below 0: the first is the earlier one. */
function compare(one: string, other: string): number {
  return compareParts(partsOf(one).slice(0, VERSION_PARTS), partsOf(other).slice(0, VERSION_PARTS));
}

function compareParts(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((part, index) => part !== (other[index] ?? 0));
  return at === -1 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}

function partsOf(version: string): readonly number[] {
  return version.split('.').map(Number);
}

function majorOf(version: string): number {
  return partsOf(version)[0] ?? 0;
}

function refuse(file: string, why: string): PilotlightError {
  return new PilotlightError('BAD_MODEL', `${file} ${why}`);
}
