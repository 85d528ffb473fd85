// What a deploy would do, told without doing it: nothing is sent, stored, loaded or started for it. It refuses what the
// deploy's check would refuse; models are not read, so a bad one is only found by the deploy.
import type { PassedVariant } from '../../runtime/records.ts';
import type { FitPlan } from '../../runtime/residency/fit.ts';
import type { Placement } from '../../runtime/residency/placement.ts';
import type { Share } from '../../runtime/router/table.ts';
import { parseRoute } from '../manifest/route.ts';
import { sharesOf } from '../store/store.ts';
import { readSecrets } from './read-secrets.ts';
import { goalOf } from './rollout-goal.ts';
import type { RolloutParts } from './rollout-steps.ts';
import { stateOf, type RolloutTarget } from './rollout-target.ts';
import { versionId } from './version-id.ts';
import { expectedPools } from './version-plan.ts';

export interface PlannedPool {
  readonly binding: string;
  /** The model's file in the bundle. */
  readonly path: string;
  /** Expected, before it was ever loaded. */
  readonly bytes: number;
  readonly device: Placement['device'];
  readonly slots: number;
  /** How "auto" came to the number. */
  readonly slotsBecause?: string;
  /** Where it would not fit. */
  readonly tooLarge: Placement['tooLarge'];
  /** `shared`: another version or function has it, loaded already or not. */
  readonly way: 'load' | 'shared';
  /** Of a model with variants: why not the others. */
  readonly passed?: readonly PassedVariant[];
}

export interface DeployPlan {
  readonly function: string;
  readonly version: string;
  readonly outcome: 'deploy' | 'unchanged';
  /** What answers afterwards. */
  readonly shares: readonly Share[];
  /** Versions that answer now and would be drained and stopped. */
  readonly drained: readonly string[];
  readonly routes: { readonly added: readonly string[]; readonly kept: readonly string[]; readonly removed: readonly string[] };
  readonly pools: readonly PlannedPool[];
  readonly isolates: number;
  readonly fit: FitPlan;
}

export async function planDeploy(parts: RolloutParts, target: Extract<RolloutTarget, { readonly kind: 'deploy' }>): Promise<DeployPlan> {
  const { store, table, residency } = parts;
  const { name, version, bundle } = target;
  const { manifest } = bundle;
  const state = stateOf(store.state(), name);
  const goal = goalOf(target, state);
  const before = state === undefined ? [] : sharesOf(state);
  const running = table.deployment(name)?.versions ?? [];
  const isRunning = running.some((one) => one.version === version);
  if (!isRunning) await table.refuseConflicts({ name, routes: manifest.routes.map(parseRoute) });
  if (!isRunning) await readSecrets(store.secrets, manifest);
  const wanted = new Set(goal.shares.map((share) => share.version));
  const declared = new Set(residency.pools().map(({ key }) => key));
  const isSame = isRunning && goal.shares.length === before.length
    && goal.shares.every((share) => before.some((other) => other.version === share.version && other.percent === share.percent));
  const oldRoutes = new Set((await Promise.all(before.map(async (share) => routesOf(parts, name, share.version)))).flat());
  const pools = expectedPools({ name, version, folder: '', bundle }, parts);
  return {
    function: name,
    version,
    outcome: isSame ? 'unchanged' : 'deploy',
    shares: goal.shares.map((share) => ({ version: share.version, percent: share.percent })),
    drained: before.map((share) => share.version).filter((one) => !wanted.has(one)),
    routes: {
      added: manifest.routes.filter((route) => !oldRoutes.has(route)),
      kept: manifest.routes.filter((route) => oldRoutes.has(route)),
      removed: wanted.size > 1 ? [] : [...oldRoutes].filter((route) => !manifest.routes.includes(route)),
    },
    pools: pools.map(({ binding, path, bytes, key, variant, placement: { device, slots, slotsBecause, tooLarge } }) => ({
      binding, path, bytes, device, slots, tooLarge, ...(slotsBecause === undefined ? {} : { slotsBecause }),
      way: declared.has(key) ? 'shared' : 'load', ...(variant === undefined ? {} : { passed: variant.passed }),
    })),
    isolates: manifest.isolates,
    fit: residency.fit(before.map((share) => share.version).filter((one) => !wanted.has(one)).map((one) => versionId(name, one)), pools),
  };
}

/** None of a version that is damaged: the deploy would replace it. */
async function routesOf({ store }: RolloutParts, name: string, version: string): Promise<readonly string[]> {
  try {
    return (await store.readVersion(name, version)).bundle.manifest.routes;
  } catch {
    return [];
  }
}
