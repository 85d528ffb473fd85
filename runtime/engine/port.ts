// The engine port: all that the host knows of engines. Plain data and handles only, so that an engine
// process could stand behind it. The native adapter implements it; `fake` is one of its backends.
import type { Signature, Tensors } from './tensor.ts';

export type Backend = 'onnxruntime' | 'tensorrt' | 'fake';

export type DeviceName = 'cpu' | `gpu:${number}`;

/** A device as this host sees it. */
export interface DeviceInfo {
  readonly device: DeviceName;
  /** What its maker calls it. */
  readonly name: string;
  /** Of a GPU: the same in every process and after every restart, whichever place it has among those that can be seen: `GPU-` and a UUID. */
  readonly id?: string;
  /** Those that can load engines on it. */
  readonly backends: readonly Backend[];
  /** Of a GPU: `9.0`. */
  readonly computeCapability?: string;
  readonly totalBytes: number;
  /** Now: others may use it too. */
  readonly freeBytes: number;
}

/** What makes a pool. Two functions that ask for the same `key` share the pool. */
export interface PoolSpec {
  /** Digest of model, backend, device and options: the pool's name everywhere. */
  readonly key: string;
  readonly backend: Backend;
  /** Absolute path of the model file. */
  readonly path: string;
  readonly device: DeviceName;
  /** Runs at once. */
  readonly slots: number;
  /** CPU threads inside one run. */
  readonly threads: number;
  /** Jobs that may wait for a slot, and how long. */
  readonly queue: { readonly max: number; readonly timeoutMs: number };
}

/** What loaded pools may hold together on a device. */
export interface DeviceBudget {
  readonly device: DeviceName;
  readonly budgetBytes: number;
}

/** Bytes that a pool holds, measured. */
export interface PoolMemory {
  readonly weightsBytes: number;
  readonly scratchBytes: number;
  readonly stagingBytes: number;
  /** Captured launches; on a GPU. */
  readonly graphsBytes: number;
}

export interface LoadedPool {
  readonly signature: Signature;
  readonly memory: PoolMemory;
  /** Steps of the load on the shared monotonic clock, in order: `read`, `create`, `slots`. */
  readonly steps: readonly LoadStep[];
}

export interface LoadStep {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface PoolStats {
  readonly key: string;
  readonly slots: number;
  readonly busy: number;
  readonly waiting: number;
  /** Jobs taken, refused because not resident, refused because full, timed out in the queue, failed. */
  readonly hits: number;
  readonly misses: number;
  readonly queueFull: number;
  readonly queueTimeouts: number;
  readonly failures: number;
  /** Sums over finished jobs. */
  readonly queueMs: number;
  readonly runMs: number;
  readonly runs: number;
  /** Stamp of the last submit on the shared monotonic clock; 0 if never. */
  readonly lastUsedMs: number;
  readonly memory: PoolMemory;
}

export interface UsedPool {
  readonly key: string;
  /** Stamp of the last submit or lease on the shared monotonic clock. */
  readonly usedMs: number;
}

export interface RunOptions {
  /** Stamp on the shared monotonic clock after which the run is given up, waiting or running. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Outputs wanted; all when left out. */
  readonly outputs?: readonly string[];
}

export interface RunResult {
  readonly outputs: Tensors;
  /** Stamps on the shared monotonic clock: submitted, taken by a slot, finished. */
  readonly submittedMs: number;
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface Capability {
  readonly backend: Backend;
  readonly available: boolean;
  readonly version?: string;
  /** Path of the library found, or where it was looked for. */
  readonly library?: string;
  /** Why it is not available, and what would do. */
  readonly reason?: string;
  /** Of a backend that loads on the CPU: whether it loads on GPUs too, if there are any. */
  readonly onGpu?: boolean;
  /** Why it does not, and what would do. */
  readonly gpuReason?: string;
  /** Plans may run code of their own in this process: the setting versionCompatiblePlans. */
  readonly planHostCode?: 'allowed';
}

/** A device that this process cannot use any more, while a new one may. */
export interface LostDevice {
  readonly device: DeviceName;
  readonly reason: string;
}

/** One of the libraries that NVIDIA's GPUs are reached by, for people. */
export interface FoundLibrary {
  readonly name: string;
  /** None: it does not tell, or it is not there. */
  readonly version?: string;
  /** Found, or looked for. */
  readonly path: string;
  /** Why it is not there, and what would do. */
  readonly reason?: string;
}

/**
 * The control thread's side: loads, warms, opens and retires pools. Rejects with coded errors: BAD_MODEL (the file is at fault),
 * LOAD_FAILED, NO_MEMORY, ENGINE_FAILED, DEADLINE.
 */
export interface EngineControl {
  capabilities(): readonly Capability[];
  /** The CPU first. */
  devices(): readonly DeviceInfo[];
  /** Reads a model's signature without keeping it loaded. Some backends have to load it for that, and do so on the device. */
  inspect(path: string, backend: Backend, device?: DeviceName): Promise<Signature>;
  /**
   * Loads on the device's loader thread. The pool is closed to jobs until `open`. The deadline, on the shared monotonic clock, is kept by
   * residency's watch alone: native code that loads cannot be stopped.
   */
  load(spec: PoolSpec, deadlineMs?: number): Promise<LoadedPool>;
  /** One run on one slot of a pool that is loaded, open or not; the warm-up's way in. */
  runOnSlot(key: string, slot: number, inputs: Tensors, options: RunOptions): Promise<RunResult>;
  /** From now on jobs find the pool resident. */
  open(key: string): void;
  /** Closes the pool if no job holds it, by one compare-and-swap. */
  retire(key: string): 'retired' | 'busy' | 'absent';
  /** Frees a pool that was never opened or is retired; resolves when its memory is back. */
  unload(key: string): Promise<void>;
  /** Of all pools that ever were loaded or asked for. */
  stats(): readonly PoolStats[];
  /** Of one; nothing but zeros when nobody ever asked for it. */
  statsOf(key: string): PoolStats;
  /** Pools that jobs or leases used since the last call: what an order of use has to be told. */
  takeUsed(): readonly UsedPool[];
}

/** Any thread's side: submits straight to the native pool. */
export interface EngineClient {
  /**
   * Checks the inputs against the signature (BAD_TENSOR names the thing), copies them and submits.
   * Rejects with NOT_RESIDENT at once when no open pool has this key; else QUEUE_FULL, QUEUE_TIMEOUT, DEADLINE, ENGINE_FAILED,
   * or the signal's reason when aborted.
   */
  run(key: string, signature: Signature, inputs: Tensors, options: RunOptions): Promise<RunResult>;
  /** A hold that keeps an open pool resident until released (twice is harmless); throws NOT_RESIDENT. Left out: pools are never retired. */
  hold?(key: string): { release(): void };
}
