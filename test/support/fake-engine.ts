// An engine that does what a test scripts, without threads: loads wait for the test when told to, and every
// pool that was loaded and not unloaded is counted.
import type { Backend, Capability, DeviceInfo, DeviceName, EngineControl, LoadedPool, LoadStep, PoolMemory, PoolSpec, PoolStats, RunResult, UsedPool } from '../../runtime/engine/port.ts';
import type { Signature, Tensors } from '../../runtime/engine/tensor.ts';

const SIGNATURE: Signature = {
  inputs: [{ name: 'x', type: 'float32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['batch', 2] }],
};

export class FakeEngine implements EngineControl {
  signature = SIGNATURE;
  /** Called by each operation with its name; throw or wait here. */
  before: (operation: 'load' | 'run' | 'unload' | 'inspect', key: string) => void | Promise<void> = () => {};
  onLoad: (spec: PoolSpec) => void = () => {};
  onInspect: (path: string, backend: Backend, device: DeviceName | undefined) => void = () => {};
  answer: (inputs: Tensors) => Tensors = (inputs) => ({ y: inputs['x'] ?? { type: 'float32', shape: [0, 2], data: new Float32Array() } });
  readonly loaded = new Set<string>();
  readonly opened = new Set<string>();
  /** Keys whose pools pretend to be held by jobs. */
  readonly held = new Set<string>();
  readonly runs: { readonly key: string; readonly slot: number; readonly inputs: Tensors }[] = [];
  /** What a pool is measured to hold. */
  weightsOf: (key: string) => number = () => 1;
  /** Counters of a pool, where they are not 0. */
  countsOf: (key: string) => Partial<PoolStats> = () => ({});
  stepsOf: (key: string) => readonly LoadStep[] = () => [];
  loads = 0;
  /** Stamps of last use by key, and those that nobody has asked for yet. */
  readonly #usedMs = new Map<string, number>();
  readonly #untold = new Set<string>();
  capabilityList: readonly Capability[] = [{ backend: 'onnxruntime', available: true, version: '1.20.1' }, { backend: 'fake', available: true, version: '1' }];
  deviceList: readonly DeviceInfo[] = [{ device: 'cpu', name: 'CPU', backends: ['fake', 'onnxruntime'], totalBytes: 2 ** 40, freeBytes: 2 ** 40 }];

  capabilities(): readonly Capability[] {
    return this.capabilityList;
  }

  devices(): readonly DeviceInfo[] {
    return this.deviceList;
  }

  async inspect(path: string, backend: Backend, device?: DeviceName): Promise<Signature> {
    this.onInspect(path, backend, device);
    await this.before('inspect', path);
    return this.signature;
  }

  async load(spec: PoolSpec): Promise<LoadedPool> {
    this.loads++;
    this.onLoad(spec);
    await this.before('load', spec.key);
    this.loaded.add(spec.key);
    return { signature: this.signature, memory: this.#memoryOf(spec.key), steps: this.stepsOf(spec.key) };
  }

  async runOnSlot(key: string, slot: number, inputs: Tensors): Promise<RunResult> {
    await this.before('run', key);
    this.runs.push({ key, slot, inputs });
    return { outputs: this.answer(inputs), submittedMs: 0, startedMs: 0, endedMs: 0 };
  }

  open(key: string): void {
    this.opened.add(key);
  }

  retire(key: string): 'retired' | 'busy' | 'absent' {
    if (this.held.has(key)) return 'busy';
    return this.opened.delete(key) ? 'retired' : 'absent';
  }

  async unload(key: string): Promise<void> {
    await this.before('unload', key);
    this.loaded.delete(key);
  }

  /** As a job or a lease would. */
  use(key: string, atMs: number): void {
    this.#usedMs.set(key, atMs);
    this.#untold.add(key);
  }

  stats(): readonly PoolStats[] {
    return [...this.loaded].map((key) => this.statsOf(key));
  }

  statsOf(key: string): PoolStats {
    const nothing = { slots: 1, busy: 0, waiting: 0, hits: 0, misses: 0, queueFull: 0, queueTimeouts: 0, failures: 0, queueMs: 0, runMs: 0, runs: 0 };
    return { key, ...nothing, ...this.countsOf(key), lastUsedMs: this.#usedMs.get(key) ?? 0, memory: this.#memoryOf(key) };
  }

  takeUsed(): readonly UsedPool[] {
    const used = [...this.#untold].map((key) => ({ key, usedMs: this.#usedMs.get(key) ?? 0 }));
    this.#untold.clear();
    return used;
  }

  #memoryOf(key: string): PoolMemory {
    return { weightsBytes: this.weightsOf(key), scratchBytes: 0, stagingBytes: 0, graphsBytes: 0 };
  }
}
