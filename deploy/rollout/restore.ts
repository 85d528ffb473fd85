// Brings back what is deployed after the host was restarted: the functions that were used last are started, of the others no
// more is read than their routes and limits. Then comes the route table, so that callers are answered as early as can be,
// then the pools in the order of their worth, then the golden requests.
import { randomBytes } from 'node:crypto';
import type { DeviceName } from '../../runtime/engine/port.ts';
import { PilotlightError, assert, describeThrown, toPlainError, type ErrorPlain } from '../../runtime/errors.ts';
import { versionLabel } from '../../runtime/function.ts';
import type { DeclaredVersion, FunctionVersion } from '../../runtime/function.ts';
import type { ReadSecrets } from '../../runtime/ingress/data-plane.ts';
import type { RolloutRecord } from '../../runtime/records.ts';
import type { StartCandidate } from '../../runtime/isolates/start-order.ts';
import type { LoadCandidate } from '../../runtime/residency/load-order.ts';
import { parseRoute } from '../manifest/route.ts';
import { sharesOf, type FunctionState } from '../store/store.ts';
import { eachDevice } from './each-device.ts';
import { sendGolden } from './golden.ts';
import type { PlaceModelsOptions } from './placed-models.ts';
import { readSecrets } from './read-secrets.ts';
import type { Treatment } from './quarantine.ts';
import type { RolloutParts } from './rollout-steps.ts';
import type { Deployment } from './serving-table.ts';
import { sharesAmong } from './shares.ts';
import { versionId } from './version-id.ts';
import { declaredVersion, expectedPools, planVersion, type ExpectedPool, type VersionPlan } from './version-plan.ts';
import { within } from './within.ts';

export interface RestoredFunction {
  readonly function: string;
  readonly version: string;
  /** Why it does not serve; of one that has lost its GPU, why it answers with failures alone. */
  readonly error?: ErrorPlain;
  /** What is not as it was before, while it serves. */
  readonly warnings: readonly string[];
}

export interface RestoreOptions {
  /** Names of the functions to start, in this order; the others are started by their first request. */
  readonly startFirst: (functions: readonly StartCandidate[]) => readonly string[];
  /** Keys of the pools to load, in this order. */
  readonly loadFirst: (pools: readonly LoadCandidate[]) => readonly string[];
  readonly onRecord: (record: RolloutRecord) => void;
}

/** Threads started side by side: enough to hide each other's waits, too few to starve each other. */
const STARTS_AT_ONCE = 4;
const READS_AT_ONCE = 32;

/** One version on its way back. */
interface Restoring {
  readonly name: string;
  readonly version: string;
  readonly startMs: number;
  readonly steps: RolloutRecord['steps'][number][];
  readonly warnings: string[];
  /** What is known of it before anybody looks at its models. */
  declared?: DeclaredVersion;
  pinned: boolean;
  /** What it will ask for, as far as its manifest tells. */
  expected: readonly ExpectedPool[];
  /** Of one that is started. */
  plan?: VersionPlan;
  /** Of one that is not, when a model of it is loaded all the same. */
  asleep?: VersionPlan;
  error?: unknown;
  /** Its GPU is not there any more: its routes lead to it, and it answers so. */
  lost?: PilotlightError;
}

/** Never rejects for one function's sake, and is empty when the host stops meanwhile; rejects when the route table cannot be published. */
export async function restoreFunctions(parts: RolloutParts, options: RestoreOptions): Promise<readonly RestoredFunction[]> {
  const { clock, store, table } = parts;
  const deployed = Object.entries(store.state().functions);
  const all: Restoring[] = deployed.flatMap(([name, state]) =>
    sharesOf(state).map(({ version }) => ({ name, version, startMs: clock.nowMs(), steps: [], warnings: [], pinned: false, expected: [] })));
  for (const one of all) await refuseQuarantined(parts, one);
  const host = hostNow(parts);
  await sideBySide(all, READS_AT_ONCE, (one) => read(parts, one, host));
  const first = startedFirst(all, options.startFirst);
  await sideBySide(first.filter((one) => treatmentOf(parts, one) === 'early'), STARTS_AT_ONCE, (one) => start(parts, one));
  // Alone, so that a death names no other beside the guilty one.
  for (const one of first) if (treatmentOf(parts, one) === 'late') await start(parts, one);
  for (const one of all) if (one.plan === undefined && one.error === undefined) declare(parts, one);
  // The data plane is closing: it runs nothing any more that a table could name.
  if (parts.signal.aborted) return [];
  const versions = byName(all);
  const release = await table.hold();
  try {
    await table.publish(new Map(deployed.flatMap(([name, state]) => {
      const deployment = deploymentOf(state, versions.get(name) ?? []);
      return deployment === undefined ? [] : [[name, deployment]];
    })));
  } finally {
    release();
  }
  const loaded = await loadPools(parts, all, options.loadFirst);
  for (const one of all) await warmIsolates(parts, one, loaded);
  for (const one of all) if (one.steps.length > 0 || one.error !== undefined) options.onRecord(recordOf(one, clock.nowMs()));
  for (const one of all) {
    if (treatmentOf(parts, one) === 'late') one.warnings.push('it was at work when the host died, so its models are loaded by the first request that wants them');
  }
  return all.map(({ name, version, error, lost, warnings }) => {
    const failure = error ?? lost;
    return { function: name, version, warnings, ...(failure === undefined ? {} : { error: toPlainError(failure, 'INTERNAL') }) };
  });
}

function treatmentOf({ quarantine }: RolloutParts, one: Restoring): Treatment {
  return quarantine.treatment(versionLabel(one));
}

async function refuseQuarantined({ quarantine, store, table }: RolloutParts, one: Restoring): Promise<void> {
  const { name, version } = one;
  const error = quarantine.refusal(versionLabel(one));
  if (error === undefined) return;
  one.error = error;
  try {
    const { bundle } = await store.readVersion(name, version);
    table.refuse(name, { version, routes: bundle.manifest.routes.map(parseRoute), error });
  } catch (damage) {
    one.warnings.push(`its routes are not known: ${describeThrown(damage)}`);
  }
}

async function sideBySide(all: readonly Restoring[], width: number, work: (one: Restoring) => Promise<void>): Promise<void> {
  const waiting = all.values();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const one of waiting) await work(one);
  }));
}

/** Asked once, not for each of thousands of versions. */
function hostNow({ engine }: RolloutParts): PlaceModelsOptions['engine'] {
  const [capabilities, devices] = [engine.capabilities(), engine.devices()];
  return { capabilities: () => capabilities, devices: () => devices };
}

async function read({ store, signal, slotsDefault, residency }: RolloutParts, one: Restoring, engine: PlaceModelsOptions['engine']): Promise<void> {
  if (one.error !== undefined) return;
  try {
    signal.throwIfAborted();
    const stored = await store.readVersion(one.name, one.version);
    one.declared = declaredVersion(stored);
    one.pinned = Object.values(stored.bundle.manifest.models).some(({ residency }) => residency === 'pinned');
    const expected = expectedOf(stored, { engine, slotsDefault, residency, purpose: 'restore' });
    if (expected instanceof PilotlightError) one.lost = expected;
    else one.expected = expected;
  } catch (error) {
    one.error = error;
  }
}

/** A version whose models do not fit this host says so when it is started. */
function expectedOf(...of: Parameters<typeof expectedPools>): readonly ExpectedPool[] | PilotlightError {
  try {
    return expectedPools(...of);
  } catch (error) {
    if (error instanceof PilotlightError) return error.code === 'DEVICE_LOST' ? error : [];
    throw error;
  }
}

function byName(all: readonly Restoring[]): ReadonlyMap<string, readonly Restoring[]> {
  const found = new Map<string, Restoring[]>();
  for (const one of all) found.set(one.name, [...found.get(one.name) ?? [], one]);
  return found;
}

/** The versions of the functions that are to be started, in their order. */
function startedFirst(all: readonly Restoring[], choose: RestoreOptions['startFirst']): readonly Restoring[] {
  const functions = byName(all.filter(({ declared, lost }) => declared !== undefined && lost === undefined));
  const candidates = [...functions].map(([name, versions]): StartCandidate => ({
    name, isolates: versions.reduce((sum, { declared }) => sum + (declared?.isolates ?? 0) + 1, 0), pinned: versions.some(({ pinned }) => pinned),
  }));
  return choose(candidates).flatMap((name) => functions.get(name) ?? []);
}

/** From here on its first request starts it. */
function declare(parts: RolloutParts, { declared, name, version }: Restoring): void {
  if (declared === undefined) return;
  const { store, dataPlane } = parts;
  dataPlane.declare(declared, () => readSecrets(store.secrets, declared), async (): Promise<FunctionVersion> => {
    using _ = parts.underway.prepare([versionLabel({ name, version })]);
    return (await declarePools(parts, { name, version })).function;
  });
}

/** Versions that could not be started leave their part to the others. */
function deploymentOf(state: FunctionState, restored: readonly Restoring[]): Deployment | undefined {
  const started = new Map(restored.flatMap(({ version, declared, error }) => (declared === undefined || error !== undefined ? [] : [[version, declared]])));
  const shares = sharesAmong(sharesOf(state), new Set(started.keys()));
  return shares.length === 0 ? undefined : { versions: shares.flatMap(({ version }) => started.get(version) ?? []), shares };
}

async function start(parts: RolloutParts, one: Restoring): Promise<void> {
  const { store, engine, slotsDefault, residency, dataPlane, signal, underway } = parts;
  const { name, version } = one;
  try {
    signal.throwIfAborted();
    using _ = underway.prepare([versionLabel(one)]);
    const stored = await store.readVersion(name, version);
    const plan = await timed(parts, one, 'plan', () => planVersion(stored, { engine, slotsDefault, residency, purpose: 'restore' }));
    one.warnings.push(...plan.warnings);
    residency.declare(versionId(name, version), plan.pools);
    const read: ReadSecrets = () => readSecrets(store.secrets, stored.bundle.manifest);
    await timed(parts, one, 'isolates', () => dataPlane.start(plan.function, read, 'restart'));
    one.plan = plan;
  } catch (error) {
    one.error = error;
    await residency.forget(versionId(name, version));
  }
}

/** Gives the keys of the pools that are warm. A pool that fails is left to the first request that wants it. */
async function loadPools(parts: RolloutParts, all: readonly Restoring[], loadFirst: RestoreOptions['loadFirst']): Promise<ReadonlySet<string>> {
  const loaded = new Set<string>();
  const wanted = new Map<string, Wanting[]>();
  const devices = new Map<string, DeviceName>();
  for (const one of all) {
    // What a suspect shares with somebody else is loaded for the other's sake.
    if (one.error !== undefined || one.lost !== undefined || treatmentOf(parts, one) !== 'early') continue;
    for (const { key, binding, pinned, device } of wantedBy(one)) {
      wanted.set(key, [...wanted.get(key) ?? [], { one, binding, pinned }]);
      devices.set(key, device);
    }
  }
  const candidates = [...wanted].map(([key, by]): LoadCandidate =>
    ({ key, pinned: by.some(({ pinned }) => pinned), started: by.some(({ one }) => one.plan !== undefined) }));
  await eachDevice(loadFirst(candidates), (key) => devices.get(key), async (key) => {
    for (const { one, binding } of wanted.get(key) ?? []) {
      // One that runs proves the pool by its own samples; for the others it is enough that it is there.
      if (!parts.signal.aborted && (one.plan !== undefined || !loaded.has(key))) await loadPool(parts, one, binding, loaded);
    }
  });
  return loaded;
}

interface Wanting {
  readonly one: Restoring;
  readonly binding: string;
  readonly pinned: boolean;
}

/** What runs has its places; where the others' models go is only expected until they are planned. */
function wantedBy({ plan, expected }: Restoring): readonly Pick<ExpectedPool, 'key' | 'binding' | 'pinned' | 'device'>[] {
  return plan?.pools.map(({ spec: { key, device }, binding, residency }) => ({ key, binding, device, pinned: residency === 'pinned' })) ?? expected;
}

async function loadPool(parts: RolloutParts, one: Restoring, binding: string, loaded: Set<string>): Promise<void> {
  using _ = parts.underway.prepare([versionLabel(one)]);
  try {
    const plan = one.plan ?? (one.asleep ??= await timed(parts, one, 'plan', () => declarePools(parts, one)));
    const pool = plan.pools.find((each) => each.binding === binding);
    assert(pool !== undefined, `the plan of ${versionLabel(one)} has no model ${binding}`);
    const { key } = pool.spec;
    const { initTimeoutMs } = plan.function.limits;
    const late = (): Error => new PilotlightError('DEADLINE', `it was not warm within limits.initTimeoutMs (${initTimeoutMs} ms)`);
    await timed(parts, one, 'load', () => within(
      parts.residency.ensure(key, { reason: 'restart', function: pool.function, binding, timeoutMs: initTimeoutMs, provenBy: pool }),
      { clock: parts.clock, signal: parts.signal, limitMs: initTimeoutMs, late }));
    loaded.add(key);
  } catch (error) {
    one.warnings.push(`load: ${binding} is loaded by the first request that wants it: ${describeThrown(error)}`);
  }
}

/** Its first request finds them known, or does the same again. */
async function declarePools(parts: RolloutParts, { name, version }: Pick<Restoring, 'name' | 'version'>): Promise<VersionPlan> {
  const plan = await planVersion(await parts.store.readVersion(name, version), { ...parts, purpose: 'restore' });
  parts.residency.declare(versionId(name, version), plan.pools);
  return plan;
}

async function warmIsolates(parts: RolloutParts, one: Restoring, loaded: ReadonlySet<string>): Promise<void> {
  const { dataPlane, clock, signal, underway } = parts;
  const { plan } = one;
  // Golden requests would load what was left for later.
  if (plan === undefined || signal.aborted || treatmentOf(parts, one) !== 'early' || !plan.pools.every(({ spec }) => loaded.has(spec.key))) return;
  using _ = underway.prepare([versionLabel(one)]);
  try {
    await timed(parts, one, 'golden', () => sendGolden({ dataPlane, clock, version: plan.function, cases: plan.golden, signal }));
  } catch (error) {
    one.warnings.push(`golden: ${describeThrown(error)}`);
  }
}

async function timed<T>({ clock }: RolloutParts, { steps }: Restoring, name: string, work: () => Promise<T>): Promise<T> {
  const startMs = clock.nowMs();
  try {
    return await work();
  } finally {
    steps.push({ name, startMs, endMs: clock.nowMs() });
  }
}

function recordOf({ name, version, startMs, steps, error }: Restoring, endMs: number): RolloutRecord {
  const failure = error === undefined ? undefined : toPlainError(error, 'INTERNAL');
  return {
    rolloutId: randomBytes(8).toString('hex'), kind: 'restore', function: name, version, startMs, endMs, steps,
    ...(failure === undefined ? {} : { errorCode: failure.code, errorMessage: failure.message }),
  };
}
