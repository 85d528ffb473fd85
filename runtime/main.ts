// The host process: builds all parts from the settings, in the order in which they need each other, and closes them
// in reverse. Nothing here decides anything, and nobody imports it.
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { createAdmin } from '../deploy/admin/admin.ts';
import { openAdminServer, type AdminServer } from '../deploy/admin/admin-server.ts';
import { Rollout } from '../deploy/rollout/rollout.ts';
import { Quarantine } from '../deploy/rollout/quarantine.ts';
import { versionId } from '../deploy/rollout/version-id.ts';
import { Store } from '../deploy/store/store.ts';
import { realClock } from './clock.ts';
import type { Config } from './config.ts';
import { budgetsOf } from './config/device-budgets.ts';
import { engineOptionsOf } from './config/engine-options.ts';
import { versionLabel } from './function.ts';
import { inspectOnce } from './engine/inspect-once.ts';
import { NativeEngine } from './engine/native-engine.ts';
import type { DeviceBudget, DeviceInfo } from './engine/port.ts';
import { connectionsMax } from './ingress/connections-max.ts';
import { DataPlaneThreads } from './ingress/data-plane.ts';
import { namesByUse, startOrder } from './isolates/start-order.ts';
import type { TakenVariant } from './records.ts';
import { watchDevices } from './residency/device-watch.ts';
import { LastUsed, readLastUsed } from './residency/last-used.ts';
import { loadOrder } from './residency/load-order.ts';
import { PlacementBook } from './residency/placement-book.ts';
import { PoolCosts } from './residency/pool-costs.ts';
import { PoolResidency, type ResidencyOptions } from './residency/residency.ts';
import { WatchedLoads } from './residency/watched-loads.ts';
import { HostLink } from './supervisor/host-link.ts';
import type { HostDescriptors } from './supervisor/messages.ts';
import { Underway } from './supervisor/underway.ts';
import { openLog, type Log } from './telemetry/log.ts';
import { openSpanExport, wantsSpans } from './telemetry/span-export.ts';
import type { MeterReport } from './telemetry/request-meter.ts';
import { Telemetry } from './telemetry/telemetry.ts';

/** Answers of the admin API that are under way when the host stops. */
const ADMIN_CLOSE_MS = 1_000;
const SERVICE_VERSION = '0.1.0';
const LOAD_TIMEOUT_MS = 60_000;
const REMEMBER_EVERY_MS = 5_000;
/** So that the supervisor can name who was running when native code took the process down. */
const LOOK_EVERY_MS = 200;
/** Longest silence inside a request's body. */
const BODY_IDLE_TIMEOUT_MS = 10_000;

const link = await HostLink.connect();
const { log, flush } = openLog({ level: link.config.logLevel });
try {
  await run(link.config, link.descriptors);
} catch (error) {
  fail(error);
}

/** Also for a stop that goes wrong: the supervisor must hear of it, not wait for it. */
function fail(error: unknown): void {
  log.error({ err: error }, 'host.failed');
  flush();
  link.fatal(error);
}

async function run(config: Config, descriptors: HostDescriptors): Promise<void> {
  const engine = new NativeEngine(engineOptionsOf(config));
  const store = await Store.open(config.store, { versionsKept: config.versionsKept, secretsDir: config.secretsDir });
  for (const note of store.notes) log.warn({ note }, 'store.note');
  const quarantine = await openQuarantine(config);
  const underway = new Underway({ clock: realClock, tell: (activity) => link.activity(activity) });
  const found = engine.devices();
  const budgets = budgetsOf(config.devices, found);
  const book = await PlacementBook.open(join(config.store, 'placements.json'), config.devices);
  const costs = await PoolCosts.open(join(config.store, 'pool-costs.json'));
  const { telemetry, residency } = await openResidency(config, { engine, underway, budgets, found, book, costs }, log);
  keepWorkRecord(engine, descriptors);
  const dataPlane = await openDataPlane(config, descriptors, {
    telemetry, residency, underway, takeSockets, metered: (report) => rollout.metered(report.tallies),
  });
  const lastUsedFile = join(config.store, 'last-used.json');
  const remembered = await readLastUsed(lastUsedFile);
  const startedFile = join(config.store, 'last-started.json');
  const started = await readLastUsed(startedFile);
  const rollout = new Rollout({
    store, dataPlane, residency, underway, quarantine,
    engine: { ...inspectOnce(residency), capabilities: () => engine.capabilities(), devices: () => usedDevices(engine, budgets) },
    clock: realClock, slotsDefault: availableParallelism(), drainTimeoutMs: config.drainTimeoutMs,
    onRecord: (record) => {
      telemetry.rollout(record);
      remember();
    },
    startFirst: (functions) => startOrder(functions, started, config.isolatesMax),
    onAborted: (aborted) => log.warn(aborted, 'split.aborted'),
    loadFirst: (pools) => loadOrder(pools, remembered),
  });
  let waitsFor: string | undefined = 'what is deployed is being started and warmed';
  const app = createAdmin({
    store, rollout, dataPlane, residency, clock: realClock, token: await store.token(), hostNames: [hostname(), config.adminHost],
    capabilities: () => engine.capabilities(),
    devices: () => engine.devices(),
    libraries: () => engine.libraries(),
    live: () => ({ ok: true }),
    ready: () => (waitsFor === undefined ? { ok: true } : { ok: false, reason: waitsFor }),
    metrics: () => telemetry.openMetrics(),
    traces: { recent: (countMax) => telemetry.recentTraces(countMax), find: (requestId) => telemetry.findTrace(requestId) },
  });
  watchDevices({
    clock: realClock, lost: () => engine.lostDevices(),
    onLost: ({ device, reason }) => {
      log.error({ device, reason }, 'device.lost');
      if (waitsFor === 'stopping') return;
      waitsFor = `the device ${device} is lost, and the host is being restarted`;
      dataPlane.announce('failing');
    },
    giveUp: (reason) => link.giveUp(reason),
  });
  let admin: AdminServer | undefined;
  const lastUsed = new LastUsed(lastUsedFile);
  const lastStarted = new LastUsed(startedFile);
  const remembering = setInterval(remember, REMEMBER_EVERY_MS);
  const looking = setInterval(() => underway.see(dataPlane.snapshot().filter(({ inFlight }) => inFlight > 0).map(versionLabel)), LOOK_EVERY_MS);
  link.onStop((drainTimeoutMs) => void stop(drainTimeoutMs).catch(fail));

  for (const { error, warnings, ...restored } of await rollout.restore()) {
    if (error !== undefined) log.error({ ...restored, error }, 'function.not_restored');
    for (const warning of warnings) log.warn({ ...restored, warning }, 'function.restored_with_warning');
  }
  if (waitsFor !== 'stopping') {
    waitsFor = undefined;
    dataPlane.announce('ready');
    link.ready();
    log.info({ port: descriptors.port, adminPort: descriptors.adminPort, functions: Object.keys(store.state().functions) }, 'host.ready');
  }

  /** Supervisor and host take turns on the sockets: from here on connections are this process's. It comes when there are routes to answer by. */
  async function takeSockets(): Promise<void> {
    await link.claim();
    admin = await openAdminServer({ app, descriptor: descriptors.admin, backlog: descriptors.backlog });
  }

  function remember(): Promise<void>[] {
    // Not before all are back that it remembers.
    if (waitsFor !== undefined) return [];
    return [lastUsed.remember(residency.pools()), costs.save(), book.write(), lastStarted.rememberKeys(namesByUse(dataPlane.snapshot()))];
  }

  async function stop(drainTimeoutMs: number): Promise<void> {
    const written = Promise.all(remember());
    waitsFor = 'stopping';
    log.info({ drainTimeoutMs }, 'host.stopping');
    clearInterval(remembering);
    clearInterval(looking);
    await written;
    // Undone at once, beside the drain: a deploy that has not committed must not hold the end up.
    const rolledBack = rollout.close();
    const cut = await dataPlane.close(drainTimeoutMs, () => link.released());
    await rolledBack;
    await admin?.close(ADMIN_CLOSE_MS);
    await telemetry.close();
    await store.close();
    link.close();
    log.info({ cut }, 'host.stopped');
    flush();
    process.exit(0);
  }
}

/** What the hosts before this one died of is told to all who look: the log, the supervisor, and who asks for its routes. */
async function openQuarantine({ store }: Config): Promise<Quarantine> {
  const quarantine = await Quarantine.open(join(store, 'quarantine.json'), link);
  for (const { label, deaths, cause } of quarantine.added) log.error({ version: label, deaths, cause }, 'function.quarantined');
  if (quarantine.added.length > 0) link.quarantined();
  return quarantine;
}

interface ResidencyParts {
  readonly engine: NativeEngine;
  readonly underway: Underway;
  readonly budgets: readonly DeviceBudget[];
  /** At the start. */
  readonly found: readonly DeviceInfo[];
}

async function openResidency(
  config: Config, { engine, underway, budgets, found, ...known }: Pick<ResidencyOptions, 'book' | 'costs'> & ResidencyParts, to: Log,
): Promise<{ readonly telemetry: Telemetry; readonly residency: PoolResidency }> {
  const spanExport = wantsSpans(process.env) ? await openSpanExport({ serviceVersion: SERVICE_VERSION, instanceId: `${hostname()}-${process.pid}` }) : undefined;
  const telemetry: Telemetry = new Telemetry({
    log: to, ...(spanExport === undefined ? {} : { spanExport }),
    pools: () => residency.namedStats(), devices: () => residency.devices().map((state) => ({ ...state, ...idOf(found, state.device) })),
    variantOf: (run, { function: name = '', version = '' }) => residency.variant(run.pool, versionId(name, version)),
  });
  const loads = new WatchedLoads({
    engine, clock: realClock,
    owners: (key) => residency.declarers(key).map(labelOf),
    onLate: (owners) => underway.prepare(owners),
    onHung: (reason) => link.giveUp(reason),
  });
  const residency: PoolResidency = new PoolResidency({
    engine: loads, clock: realClock, loadWaitersMax: config.loadWaitersMax, loadTimeoutMs: LOAD_TIMEOUT_MS,
    devices: budgets, ...known, residencyMinMs: config.residencyMinMs, checkEveryMs: config.poolCheckEveryMs,
    onLoad: (record) => telemetry.load(record),
    onClaim: (claimant, keys) => {
      link.claims({ label: labelOf(claimant), pools: keys.map((key) => engine.indexOf(key)) });
      for (const key of keys) logVariant(residency.variant(key, claimant), labelOf(claimant));
    },
    onRepair: (record) => telemetry.repaired(record), onHung: (reason) => link.giveUp(reason),
    onEvict: (record) => telemetry.evicted(record), onThrash: (device, thrashing) => telemetry.thrashing(device, thrashing),
  });
  return { telemetry, residency };
}

function openDataPlane(
  config: Config, descriptors: HostDescriptors,
  { telemetry, residency, underway, takeSockets, metered }: {
    readonly telemetry: Telemetry; readonly residency: PoolResidency; readonly underway: Underway; readonly takeSockets: () => Promise<void>;
    readonly metered: (report: MeterReport) => void;
  },
): Promise<DataPlaneThreads> {
  return DataPlaneThreads.open({
    listen: descriptors.ingress.map((fd) => ({ fd, backlog: descriptors.backlog })),
    engine: { url: new URL('./isolates/native-engine-module.js', import.meta.url).href, settings: undefined },
    sink: { url: new URL('./telemetry/meter-sink.js', import.meta.url).href, settings: undefined },
    traceSampling: config.traceSampling,
    bodyIdleTimeoutMs: BODY_IDLE_TIMEOUT_MS,
    isolateIdleMs: config.isolateIdleMs,
    isolatesMax: config.isolatesMax,
    connectionsMax: connectionsMax(descriptors.ingress.length),
    beforeListening: takeSockets,
    acquire: async (key, name, binding, waitMs) => {
      using _ = underway.prepare(labelsOf(residency, key, name));
      return await residency.ensure(key, { reason: 'request', function: name, binding, waitMs });
    },
    onIsolate: (record) => telemetry.isolate(record),
    onIsolateStopped: (news) => log.info(news, 'isolate.stopped'),
    onLog: ({ level, text, source, timeMs: _timeMs, ...about }) => log[level]({ ...about, text }, `${source}.log`),
    onSink: (_thread, message) => {
      const report = message as MeterReport;
      telemetry.metered(report);
      metered(report);
    },
    onFatal: (error) => link.giveUp(error.message),
  });
}

/** A device that the setting `devices` does not name is not there for any model. */
function usedDevices(engine: NativeEngine, budgets: readonly DeviceBudget[]): readonly DeviceInfo[] {
  return engine.devices().filter((info) => budgets.some(({ device }) => device === info.device));
}

function idOf(found: readonly DeviceInfo[], device: string): { readonly id?: string } {
  const id = found.find((one) => one.device === device)?.id;
  return id === undefined ? {} : { id };
}

/** The function's versions whose pool this is. */
function labelsOf(residency: PoolResidency, key: string, name: string): readonly string[] {
  return residency.declarers(key).map(labelOf).filter((label) => label.startsWith(`${name}@`));
}

function labelOf(versionId: string): string {
  const [name = '', version = ''] = versionId.split('@');
  return versionLabel({ name, version });
}

/** At a restart nobody else tells which one the host takes now. */
function logVariant(variant: TakenVariant | undefined, version: string): void {
  if (variant !== undefined) log.info({ version, ...variant }, 'variant.taken');
}

/** Without it the host serves as well, and a crash is told less exactly. */
function keepWorkRecord(engine: NativeEngine, { workRecord }: HostDescriptors): void {
  if (workRecord === undefined) return;
  try {
    engine.keepWorkRecord(workRecord);
  } catch (error) {
    log.warn({ err: error }, 'host.no_work_record');
  }
}
