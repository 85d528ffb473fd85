// Moves functions from one version to the next, on the control thread. Rollouts of one function wait for each other, so
// the last one asked for wins; those of different functions run side by side and only commit one after the other.
import { PilotlightError, type ErrorPlain } from '../../runtime/errors.ts';
import { versionLabel } from '../../runtime/function.ts';
import type { RolloutRecord } from '../../runtime/records.ts';
import { loadOrder } from '../../runtime/residency/load-order.ts';
import type { Share } from '../../runtime/router/table.ts';
import type { VersionTallies } from '../../runtime/telemetry/version-tally.ts';
import { bundleVersion } from '../bundle/bundle.ts';
import { checkBundle } from '../bundle/check-bundle.ts';
import type { Warming } from './policy.ts';
import { restoreFunctions, type RestoredFunction, type RestoreOptions } from './restore.ts';
import type { RolloutListener, RolloutResult } from './rollout-event.ts';
import { parseBound } from './abort-policy.ts';
import { planDeploy, type DeployPlan } from './deploy-plan.ts';
import { RolloutRun } from './rollout-run.ts';
import { RolloutSteps, type RolloutParts } from './rollout-steps.ts';
import { stateOf, type DeploySplit, type RolloutTarget } from './rollout-target.ts';
import { ServingTable } from './serving-table.ts';
import { SplitGuard } from './split-guard.ts';
import { Turns } from './turns.ts';
import { versionId } from './version-id.ts';

export interface RolloutOptions extends Omit<RolloutParts, 'table' | 'signal'> {
  readonly onRecord: (record: RolloutRecord) => void;
  /** A version of a split has passed a bound and has lost its share. */
  readonly onAborted?: (aborted: Aborted) => void;
  /** After a restart: the functions to start before the host is ready; the others start when requests come. Default: all. */
  readonly startFirst?: RestoreOptions['startFirst'];
  /** After a restart: the pools to load before the host is ready, in this order. Default: all, pinned ones first. */
  readonly loadFirst?: RestoreOptions['loadFirst'];
}

export interface Aborted {
  readonly function: string;
  readonly version: string;
  readonly why: string;
}

export interface RolloutRequest {
  readonly warming: Warming;
  readonly onEvent?: RolloutListener;
}

export interface DeployRequest extends RolloutRequest {
  /** Beside what serves, instead of in its place. */
  readonly split?: DeploySplit;
}

/** Rollouts of one function that may wait for the one under way. */
const WAITING_MAX = 32;

export class Rollout {
  readonly #options: RolloutOptions;
  readonly #stop = new AbortController();
  readonly #turns = new Turns(WAITING_MAX);
  readonly #table: ServingTable;
  readonly #guard: SplitGuard;
  /** Who follows the rollout of a function that is under way. */
  readonly #attached = new Map<string, RolloutListener>();
  /** By version id: what the last restart could not bring back. */
  readonly #notRestored = new Map<string, ErrorPlain>();
  #restoring: Promise<unknown> = Promise.resolve();

  constructor(options: RolloutOptions) {
    this.#options = options;
    this.#table = new ServingTable(options.store, options.dataPlane);
    this.#guard = new SplitGuard({ state: () => options.store.state(), abort: (name, version, why) => this.#abort(name, version, why) });
  }

  /** Deploys a received bundle whose blobs are in the store. The same content again is `unchanged`. Throws BAD_BUNDLE, BAD_MANIFEST at once. */
  deploy(received: unknown, { split, ...request }: DeployRequest): Promise<RolloutResult> {
    return this.#run(deployTarget(received, split), request);
  }

  /** What that deploy would do; does nothing. Rejects as its first step would. */
  async plan(received: unknown, { split }: Pick<DeployRequest, 'split'>): Promise<DeployPlan> {
    const target = deployTarget(received, split);
    await this.#restoring;
    const { onRecord: _onRecord, onAborted: _onAborted, ...parts } = this.#options;
    return planDeploy({ ...parts, table: this.#table, signal: this.#stop.signal }, target);
  }

  /** Goes back to a kept version, by default the one that served before the current one; in a split, the one that had all traffic before it. */
  rollback(name: string, version: string | undefined, request: RolloutRequest): Promise<RolloutResult> {
    return this.#run({ kind: 'rollback', name, ...(version === undefined ? {} : { version }) }, request);
  }

  /** Lets versions answer side by side, each named by its first digits; those that do not run are warmed first. */
  split(name: string, shares: readonly Share[], request: RolloutRequest): Promise<RolloutResult> {
    return this.#run({ kind: 'split', name, shares }, request);
  }

  /** Ends a split: its newest version gets all traffic, the others drain. */
  promote(name: string, request: RolloutRequest): Promise<RolloutResult> {
    return this.#run({ kind: 'promote', name }, request);
  }

  delete(name: string, onEvent?: RolloutListener): Promise<RolloutResult> {
    return this.#run({ kind: 'delete', name }, { warming: 'cold', ...(onEvent === undefined ? {} : { onEvent }) });
  }

  /** After a start: runs what is deployed; rollouts wait for it. One function that cannot be started does not keep the others down. */
  restore(): Promise<readonly RestoredFunction[]> {
    const { startFirst = allOf, loadFirst = (pools) => loadOrder(pools, undefined), onRecord, onAborted: _onAborted, ...parts } = this.#options;
    const restored = restoreFunctions({ ...parts, table: this.#table, signal: this.#stop.signal }, { startFirst, loadFirst, onRecord });
    this.#restoring = restored.then((all) => {
      for (const { function: name, version, error } of all) if (error !== undefined) this.#notRestored.set(versionId(name, version), error);
    }, () => {});
    return restored;
  }

  /** The versions that the route table names, with what they have of the traffic. */
  serving(name: string): readonly Share[] {
    return this.#table.deployment(name)?.shares ?? [];
  }

  /** Why the function's routes are answered with an error, if they are. */
  refusal(name: string): PilotlightError | undefined {
    return this.#table.refusal(name);
  }

  /** Why the restart could not bring a version back. It may serve again since: see `serving`. */
  notRestored(name: string, version: string): ErrorPlain | undefined {
    return this.#notRestored.get(versionId(name, version));
  }

  /** What each version was asked, from time to time: splits whose deploys named bounds are judged by it. */
  metered(tallies: VersionTallies): void {
    this.#guard.metered(tallies.values());
  }

  /** Refuses new rollouts, undoes those that have not committed, waits for all. */
  async close(): Promise<void> {
    this.#stop.abort(new PilotlightError('DRAINING', 'the host is stopping; deploy again when it is back'));
    await this.#restoring;
    await this.#turns.idle();
  }

  async #abort(name: string, version: string, why: string): Promise<void> {
    const detail = `${versionLabel({ name, version })} loses its share: ${why}`;
    this.#attached.get(name)?.({ step: 'switch', state: 'warning', detail, ms: 0 });
    // In a line of its own: a deploy that loads for minutes must not keep a failing version in traffic.
    await this.#turns.take(`abort ${name}`, () => this.#execute({ kind: 'abort', name, version, why }, { warming: 'cold' }));
    const split = stateOf(this.#options.store.state(), name)?.split ?? [];
    if (split.some((share) => share.version === version && share.aborted === why)) this.#options.onAborted?.({ function: name, version, why });
  }

  #run(target: RolloutTarget, request: RolloutRequest): Promise<RolloutResult> {
    return this.#turns.take(target.name, async () => {
      if (request.onEvent !== undefined) this.#attached.set(target.name, request.onEvent);
      try {
        return await this.#execute(target, request);
      } finally {
        this.#attached.delete(target.name);
      }
    });
  }

  async #execute(target: RolloutTarget, { warming, onEvent = () => {} }: RolloutRequest): Promise<RolloutResult> {
    const { onRecord, onAborted: _onAborted, ...parts } = this.#options;
    const { signal } = this.#stop;
    await this.#restoring;
    signal.throwIfAborted();
    const steps = new RolloutSteps({ ...parts, table: this.#table, signal }, target);
    return new RolloutRun({ steps, target, warming, clock: parts.clock, signal, onEvent, onRecord }).execute();
  }
}

function deployTarget(received: unknown, split: DeploySplit | undefined): Extract<RolloutTarget, { readonly kind: 'deploy' }> {
  const bundle = checkBundle(received);
  for (const bound of split?.abortIf ?? []) parseBound(bound);
  return { kind: 'deploy', name: bundle.manifest.name, bundle, version: bundleVersion(bundle), ...(split === undefined ? {} : { split }) };
}

function allOf(functions: Parameters<RestoreOptions['startFirst']>[0]): readonly string[] {
  return functions.map(({ name }) => name);
}
