// The control thread's side of the engine port.
import { cpus } from 'node:os';
import { assert } from '../errors.ts';
import { ANY_SLOT, threadChannel } from './channel.ts';
import { machineMemory } from './machine-memory.ts';
import { nativeError } from './native-codes.ts';
import { packagedOnnxRuntimeLibrary } from './onnxruntime-library.ts';
import type { PoolHandle } from './pool-handle.ts';
import type { Backend, Capability, DeviceInfo, DeviceName, EngineControl, FoundLibrary, LoadedPool, LostDevice, PoolSpec, PoolStats, RunOptions, RunResult, UsedPool } from './port.ts';
import type { Signature, Tensors } from './tensor.ts';

/** A GPU that is not there; only the backend `fake` loads on it. */
export interface SimulatedDevice {
  readonly device: Exclude<DeviceName, 'cpu'>;
  readonly totalBytes: number;
  /** By others, from the start. */
  readonly takenBytes: number;
  readonly computeCapability?: string;
}

export interface NativeEngineOptions {
  /** Absolute path of libonnxruntime; left out: the one of onnxruntime-node. One for the process: the first use decides. */
  readonly onnxruntimeLibrary?: string;
  /** Absolute paths of folders to look into for what ONNX Runtime's CUDA provider needs. */
  readonly cudaLibraries?: readonly string[];
  /** Absolute path of the NVIDIA driver's libcuda, or of the folder that holds it; left out: wherever the loader finds it. As above. */
  readonly cudaDriver?: string;
  /** Absolute path of libnvinfer, or of the folder that holds it; left out: wherever the loader finds it. As above. */
  readonly tensorrtLibrary?: string;
  /** Absolute paths of libraries of plugins. */
  readonly tensorrtPlugins?: readonly string[];
  /** `allowed`: plans may run code of their own in this process, as version-compatible ones do. */
  readonly planHostCode?: 'allowed' | 'refused';
  /** Rest between two looks at what GPUs run, in microseconds; 0, as when left out: none. */
  readonly gpuPollPauseUs?: number;
  /** One hides the real GPU that has its name. */
  readonly simulatedDevices?: readonly SimulatedDevice[];
}

export class NativeEngine implements EngineControl {
  readonly #channel = threadChannel();
  /** Pools that this thread has loaded. */
  readonly #pools = new Map<string, PoolHandle>();
  readonly #simulated: readonly SimulatedDevice[];
  readonly #planHostCode: 'allowed' | 'refused';

  constructor(options: NativeEngineOptions = {}) {
    this.#channel.addon.setOnnxRuntimeLibrary(options.onnxruntimeLibrary ?? packagedOnnxRuntimeLibrary());
    this.#channel.addon.setCudaLibraries(options.cudaLibraries ?? []);
    this.#channel.addon.setCudaDriver(options.cudaDriver ?? '');
    const { tensorrtLibrary = '', tensorrtPlugins = [], planHostCode = 'refused' } = options;
    this.#channel.addon.setTensorRt(tensorrtLibrary, tensorrtPlugins, planHostCode === 'allowed');
    this.#planHostCode = planHostCode;
    this.#channel.addon.setGpuPollPause(options.gpuPollPauseUs ?? 0);
    this.#simulated = options.simulatedDevices ?? [];
    for (const { device, totalBytes, takenBytes } of this.#simulated) this.#channel.addon.simulateDevice(device, totalBytes, takenBytes);
  }

  /** From now on what native threads do can be read from this descriptor's file after the end of the process. Throws LOAD_FAILED. */
  keepWorkRecord(descriptor: number): void {
    const { addon } = this.#channel;
    const code = addon.keepWorkRecord(descriptor);
    if (code !== 0) throw nativeError(code, addon.reason());
  }

  /** How the work record names a pool. */
  indexOf(key: string): number {
    return this.#channel.addon.intern(key);
  }

  capabilities(): readonly Capability[] {
    const found = this.#channel.addon.capabilities();
    return this.#planHostCode === 'refused' ? found : found.map((one) => (one.backend === 'tensorrt' ? { ...one, planHostCode: 'allowed' } : one));
  }

  /** Cheap: for looking often. */
  lostDevices(): readonly LostDevice[] {
    return this.#channel.addon.lostDevices();
  }

  /** The driver, TensorRT and what belongs to it. Opens what it finds: for `doctor`. */
  libraries(): readonly FoundLibrary[] {
    return this.#channel.addon.libraries();
  }

  devices(): readonly DeviceInfo[] {
    const isSimulated = ({ device }: Pick<DeviceInfo, 'device'>): boolean => this.#simulated.some((one) => one.device === device);
    const gpus = this.#channel.addon.gpus().filter((gpu) => !isSimulated(gpu));
    const backends = gpus.length === 0 ? [] : this.#backendsOnGpus();
    return [
      { device: 'cpu', name: cpus()[0]?.model ?? 'CPU', backends: ['onnxruntime', 'fake'], ...machineMemory() },
      ...gpus.map((gpu): DeviceInfo => ({ ...gpu, backends })),
      ...this.#simulated.map(({ takenBytes: _takenBytes, ...info }): DeviceInfo => ({
        ...info, name: 'simulated GPU', backends: ['fake'], freeBytes: this.#channel.addon.simulatedFreeBytes(info.device),
      })),
    ];
  }

  #backendsOnGpus(): readonly Backend[] {
    return ['tensorrt', ...this.capabilities().filter(({ onGpu }) => onGpu === true).map(({ backend }) => backend)];
  }

  inspect(path: string, backend: Backend, device: DeviceName = 'cpu'): Promise<Signature> {
    return this.#channel.ask<Signature>((id) => this.#channel.addon.inspect(id, backend, path, device));
  }

  async load(spec: PoolSpec): Promise<LoadedPool> {
    const { addon } = this.#channel;
    const { slots, threads, queue } = spec;
    assert(slots >= 1 && threads >= 1 && queue.max >= 0 && queue.timeoutMs >= 0, `pool ${spec.key} with ${JSON.stringify({ slots, threads, queue })}`);
    const loaded = await this.#channel.ask<LoadedPool>((id) => addon.load(id, spec));
    try {
      this.#pools.set(spec.key, this.#channel.pool(spec.key, loaded.signature));
    } catch (error) {
      await this.unload(spec.key);
      throw error;
    }
    return loaded;
  }

  runOnSlot(key: string, slot: number, inputs: Tensors, options: RunOptions): Promise<RunResult> {
    const pool = this.#pools.get(key);
    if (pool === undefined) return Promise.reject(nativeError(1, `pool ${key} is not loaded: load it before a run on one of its slots`));
    assert(slot > ANY_SLOT, `slot ${slot} of pool ${key}`);
    return this.#channel.run(pool, slot, inputs, options);
  }

  open(key: string): void {
    const { addon } = this.#channel;
    const code = addon.open(key);
    if (code !== 0) throw nativeError(code, addon.reason());
  }

  retire(key: string): 'retired' | 'busy' | 'absent' {
    return this.#channel.addon.retire(key);
  }

  async unload(key: string): Promise<void> {
    await this.#channel.ask<void>((id) => this.#channel.addon.unload(id, key));
    this.#pools.delete(key);
  }

  statsOf(key: string): PoolStats {
    return this.#channel.addon.statsOf(this.indexOf(key));
  }

  takeUsed(): readonly UsedPool[] {
    return this.#channel.addon.takeUsed();
  }

  stats(): readonly PoolStats[] {
    return this.#channel.addon.stats();
  }
}
