// Bounds loads: native code that loads a model cannot be stopped, only left. Who waits hears LOAD_FAILED at the limit; a load that comes
// after it is taken by whoever asks next, or unloaded; one that never comes keeps its device's loader from all others, so the host gives up.
import type { Clock, Timer } from '../clock.ts';
import type { Capability, DeviceInfo, DeviceName, EngineControl, LoadedPool, PoolSpec, PoolStats, RunOptions, RunResult, UsedPool } from '../engine/port.ts';
import type { Signature, Tensors } from '../engine/tensor.ts';
import { PilotlightError } from '../errors.ts';

/** After a load's limit: a slow disk may still bring it, and a restart costs all functions something. */
export const LOAD_GRACE_MS = 15_000;

export interface WatchedLoadsOptions {
  readonly engine: EngineControl;
  readonly clock: Clock;
  /** Labels of the versions whose pool this is, asked when its load begins: one that fails of it may be taken back before it is told. */
  readonly owners: (key: string) => readonly string[];
  /** Their load goes on past its limit; disposed when it has ended after all. */
  readonly onLate: (owners: readonly string[]) => Disposable;
  /** It has not ended for LOAD_GRACE_MS more: only a restart frees its thread. */
  readonly onHung: (reason: string) => void;
}

interface NativeLoad {
  readonly device: DeviceName;
  readonly owners: readonly string[];
  readonly done: Promise<LoadedPool>;
  /** Whoever takes the pool when it comes. */
  asker: object | undefined;
  late: Disposable | undefined;
  grace: Timer | undefined;
}

export class WatchedLoads implements EngineControl {
  readonly #options: WatchedLoadsOptions;
  /** In the order in which the loader of their device does them: the first of each is under way, the others wait behind it. */
  readonly #loads = new Map<string, NativeLoad>();

  constructor(options: WatchedLoadsOptions) {
    this.#options = options;
  }

  /** Rejects LOAD_FAILED at the deadline (on the shared monotonic clock; none: never). */
  load(spec: PoolSpec, deadlineMs = Infinity): Promise<LoadedPool> {
    const { clock } = this.#options;
    const load = this.#loads.get(spec.key) ?? this.#begin(spec);
    const asker = {};
    load.asker = asker;
    if (deadlineMs === Infinity) return load.done;
    const limitMs = Math.max(0, Math.ceil(deadlineMs - clock.nowMs()));
    return new Promise((resolve, reject) => {
      const limit = clock.after(limitMs, () => {
        if (load.asker === asker) load.asker = undefined;
        reject(this.#late(load, limitMs));
      });
      load.done.finally(() => limit.cancel()).then(resolve, reject);
    });
  }

  capabilities(): readonly Capability[] {
    return this.#options.engine.capabilities();
  }

  devices(): readonly DeviceInfo[] {
    return this.#options.engine.devices();
  }

  inspect(path: string, backend: PoolSpec['backend'], device?: PoolSpec['device']): Promise<Signature> {
    return this.#options.engine.inspect(path, backend, device);
  }

  runOnSlot(key: string, slot: number, inputs: Tensors, options: RunOptions): Promise<RunResult> {
    return this.#options.engine.runOnSlot(key, slot, inputs, options);
  }

  open(key: string): void {
    this.#options.engine.open(key);
  }

  retire(key: string): 'retired' | 'busy' | 'absent' {
    return this.#options.engine.retire(key);
  }

  unload(key: string): Promise<void> {
    return this.#options.engine.unload(key);
  }

  stats(): readonly PoolStats[] {
    return this.#options.engine.stats();
  }

  statsOf(key: string): PoolStats {
    return this.#options.engine.statsOf(key);
  }

  takeUsed(): readonly UsedPool[] {
    return this.#options.engine.takeUsed();
  }

  #begin(spec: PoolSpec): NativeLoad {
    const { engine, owners } = this.#options;
    const load: NativeLoad = { device: spec.device, owners: owners(spec.key), done: engine.load(spec), asker: undefined, late: undefined, grace: undefined };
    this.#loads.set(spec.key, load);
    const end = (): void => {
      this.#loads.delete(spec.key);
      load.grace?.cancel();
      load.late?.[Symbol.dispose]();
    };
    // Unloaded in the same turn, so that a load of this pool that is asked for later comes behind it.
    load.done.then(() => {
      end();
      if (load.asker === undefined) engine.unload(spec.key).catch(() => {});
    }, end);
    return load;
  }

  #late(load: NativeLoad, limitMs: number): PilotlightError {
    const { clock, onLate, onHung } = this.#options;
    const name = describeLoad(load);
    const first = [...this.#loads.values()].find(({ device }) => device === load.device) ?? load;
    if (first !== load) {
      return new PilotlightError('LOAD_FAILED', `${name} was not loaded within ${limitMs} ms: the load of ${describeLoad(first)} before it has not ended`);
    }
    load.late ??= onLate(load.owners);
    load.grace ??= clock.after(LOAD_GRACE_MS, () => {
      onHung(`could not load ${name}: it had not ended ${LOAD_GRACE_MS} ms after its limit of ${limitMs} ms, and its thread cannot be stopped`);
    });
    return new PilotlightError('LOAD_FAILED',
      `${name} was not loaded within ${limitMs} ms; should it not end within ${LOAD_GRACE_MS} ms more, the host is restarted`);
  }
}

function describeLoad({ owners }: NativeLoad): string {
  return `the model of ${owners.join(', ')}`;
}
