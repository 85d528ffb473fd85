// Addresses that show what the host is and has: functions, versions, pools, devices, capabilities, traces. They change nothing.
import { availableParallelism } from 'node:os';
import { Hono } from 'hono';
import type { Capability, DeviceInfo, FoundLibrary } from '../../runtime/engine/port.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import { versionLabel } from '../../runtime/function.ts';
import type { DataPlane, VersionStatus } from '../../runtime/ingress/data-plane.ts';
import type { DeviceState } from '../../runtime/residency/devices.ts';
import type { PoolVariant, PoolView, Residency } from '../../runtime/residency/residency.ts';
import type { Rollout } from '../rollout/rollout.ts';
import { versionId } from '../rollout/version-id.ts';
import { sharesOf, type Store } from '../store/store.ts';
import { readinessOf, type Readiness } from './readiness.ts';
import { requireFunction } from './rollout-routes.ts';

/** Requests that telemetry kept, as plain JSON. */
export interface Traces {
  /** Newest first. */
  recent(countMax: number): readonly unknown[];
  find(requestId: string): unknown;
}

export interface ViewRoutesOptions {
  readonly rollout: Pick<Rollout, 'serving' | 'refusal' | 'notRestored'>;
  readonly store: Pick<Store, 'state' | 'readVersion'>;
  readonly dataPlane: Pick<DataPlane, 'snapshot' | 'waiting'>;
  readonly residency: Pick<Residency, 'pools' | 'devices'>;
  readonly capabilities: () => readonly Capability[];
  readonly devices: () => readonly DeviceInfo[];
  readonly libraries: () => readonly FoundLibrary[];
  readonly traces: Traces;
}

export interface FunctionView extends Readiness {
  readonly name: string;
  readonly version: string;
  /** `digits@3f2a9c1d` */
  readonly label: string;
  /** What answers now, and how much of the traffic: the version alone, or a split. */
  readonly shares: readonly ShareView[];
  /**
   * `failed`: deployed, but the last restart could not start it; deploying it again tells why. `quarantined`: it does not run, because
   * the host died of it again and again.
   */
  readonly state: 'serving' | 'failed' | 'quarantined';
  /** None when the version cannot be read in the store. */
  readonly routes: readonly string[];
  /** Of models with variants: which one this host has taken. None of a version that nothing has started yet. */
  readonly variants: readonly PoolVariant[];
  readonly isolates: number;
  /** Also those that wait for its next version. */
  readonly inFlight: number;
  /** Isolates replaced after a fault. */
  readonly replaced: number;
  readonly deployedAt: string | undefined;
  readonly versions: number;
}

export interface ShareView {
  readonly version: string;
  readonly label: string;
  readonly percent: number;
  /** Bounds that take the share away when they are passed. */
  readonly abortIf?: readonly string[];
  /** Why the share was taken away. */
  readonly aborted?: string;
}

export interface VersionView extends Omit<ShareView, 'percent'> {
  readonly deployedAt: string;
  /** Has all traffic; in a split, had it before. */
  readonly current: boolean;
  /** Why it does not run although it is current, and what would do. */
  readonly quarantined?: string;
  /** Left out of versions that are only kept. */
  readonly percent?: number;
}

/** A device that the setting `devices` names: what it is, and the books of its memory. */
export interface DeviceView extends DeviceState, Pick<DeviceInfo, 'name' | 'id' | 'backends' | 'computeCapability'> {
  /** Of the CPU. */
  readonly cores?: number;
  /** Of the device as it is, others' bytes among them; the budget is a part of it. */
  readonly totalBytes: number;
  readonly unusedBytes: number;
  /** Resident. */
  readonly pools: number;
}

export interface DoctorView {
  readonly node: string;
  readonly platform: string;
  readonly cores: number;
  readonly capabilities: readonly Capability[];
  /** All that were found, used or not. */
  readonly devices: readonly DeviceInfo[];
  /** What NVIDIA's GPUs are reached by. */
  readonly libraries: readonly FoundLibrary[];
  readonly quarantined: readonly QuarantineView[];
}

export interface QuarantineView {
  readonly function: string;
  /** Why, and what would do. */
  readonly reason: string;
}

const TRACES_MAX = 200;

export function viewRoutes(options: ViewRoutesOptions): Hono {
  const { store, residency, devices, traces, rollout } = options;
  const app = new Hono();

  app.get('/functions', async (context) => {
    const names = Object.keys(store.state().functions).sort();
    const pools = residency.pools();
    return context.json({ functions: await Promise.all(names.map((name) => functionView(options, name, pools))) });
  });

  app.get('/functions/:name/versions', (context) => {
    const name = requireFunction(store, context.req.param('name'));
    const { current, history, shares } = viewedState(store, name);
    const refusal = rollout.refusal(name);
    const versions = history.map(({ version, deployedAt }): VersionView => {
      const isCurrent = version === current;
      return {
        version, label: versionLabel({ name, version }), deployedAt, current: isCurrent, ...shares.find((share) => share.version === version),
        ...(isCurrent && refusal !== undefined ? { quarantined: refusal.message } : {}),
      };
    });
    return context.json({ versions });
  });

  app.get('/pools', (context) => context.json({ pools: residency.pools() }));
  app.get('/devices', (context) => context.json({ devices: deviceViews(residency, devices()) }));
  app.get('/doctor', (context) => context.json(doctorView(options, quarantineViews(options))));
  app.get('/traces/recent', (context) => context.json({ traces: traces.recent(TRACES_MAX) }));

  app.get('/traces/:requestId', (context) => {
    const requestId = context.req.param('requestId');
    const trace = traces.find(requestId);
    if (trace === undefined) throw new PilotlightError('NO_ROUTE', `no trace of request ${requestId} is kept; cold, failed and slow requests are kept longest`);
    return context.json({ trace });
  });

  return app;
}

/** Also what `pilotlight doctor` shows when no host runs. */
export function doctorView(
  { capabilities, devices, libraries }: Pick<ViewRoutesOptions, 'capabilities' | 'devices' | 'libraries'>, quarantined: readonly QuarantineView[] = [],
): DoctorView {
  return {
    node: process.version, platform: `${process.platform}-${process.arch}`, cores: availableParallelism(),
    capabilities: capabilities(), devices: devices(), libraries: libraries(), quarantined,
  };
}

function quarantineViews({ store, rollout }: ViewRoutesOptions): readonly QuarantineView[] {
  return Object.keys(store.state().functions).sort().flatMap((name) => {
    const refusal = rollout.refusal(name);
    return refusal === undefined ? [] : [{ function: name, reason: refusal.message }];
  });
}

async function functionView({ store, dataPlane, rollout }: ViewRoutesOptions, name: string, pools: readonly PoolView[]): Promise<FunctionView> {
  const { current, history, shares } = viewedState(store, name);
  const refusal = rollout.refusal(name);
  const running = dataPlane.snapshot().filter((one) => one.name === name && shares.some(({ version }) => version === one.version));
  const serving = rollout.serving(name);
  const serves = ({ version }: { readonly version: string }): boolean => serving.some((share) => share.version === version);
  const ids = running.map(({ version }) => versionId(name, version));
  const sum = (count: (one: VersionStatus) => number): number => running.reduce((all, one) => all + count(one), 0);
  return {
    name,
    version: current,
    label: versionLabel({ name, version: current }),
    shares,
    state: refusal !== undefined ? 'quarantined' : shares.every(serves) ? 'serving' : 'failed',
    ...readinessOf({
      refusal, serving: serving.length,
      notRestored: shares.filter((share) => !serves(share)).map(({ version, label }) => ({ label, error: rollout.notRestored(name, version) })),
      lost: shares.filter(serves).flatMap(({ version }) => rollout.notRestored(name, version) ?? []),
      notStarted: running.flatMap(({ failure }) => (failure === undefined ? [] : [failure])),
      troubles: pools.flatMap(({ functions, trouble }) => (trouble !== undefined && functions.some((id) => ids.includes(id)) ? [trouble] : [])),
    }),
    routes: [...new Set((await Promise.all(shares.map(({ version }) => routesOf(store, name, version)))).flat())],
    variants: pools.flatMap(({ variants }) => variants.filter(({ function: id }) => ids.includes(id))),
    isolates: sum(({ isolates }) => isolates),
    inFlight: sum(({ inFlight }) => inFlight) + dataPlane.waiting(name),
    replaced: sum(({ replaced }) => replaced),
    deployedAt: history.find(({ version }) => version === current)?.deployedAt,
    versions: history.length,
  };
}

/** What the store says of a function; nothing of one that was deleted just now. */
function viewedState(store: ViewRoutesOptions['store'], name: string) {
  const state = store.state().functions[name];
  if (state === undefined) return { current: '', history: [], shares: [] };
  const shares = sharesOf(state).map((share): ShareView => ({ ...share, label: versionLabel({ name, version: share.version }) }));
  return { ...state, shares };
}

async function routesOf(store: ViewRoutesOptions['store'], name: string, version: string): Promise<readonly string[]> {
  try {
    return (await store.readVersion(name, version)).bundle.manifest.routes;
  } catch (error) {
    // One damaged version, or one that was deleted just now, must not hide all functions.
    if (error instanceof PilotlightError) return [];
    throw error;
  }
}

function deviceViews(residency: ViewRoutesOptions['residency'], found: readonly DeviceInfo[]): readonly DeviceView[] {
  const resident = residency.pools().filter(({ state }) => state === 'resident');
  return residency.devices().flatMap((state) => {
    const info = found.find(({ device }) => device === state.device);
    if (info === undefined) return [];
    const { freeBytes: unusedBytes, ...about } = info;
    const cores = state.device === 'cpu' ? { cores: availableParallelism() } : {};
    return [{ ...about, ...cores, unusedBytes, ...state, pools: resident.filter(({ device }) => device === state.device).length }];
  });
}
