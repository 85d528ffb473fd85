// An engine that does what a test scripts, without threads: loads wait for the test when told to, and every
// pool that was loaded and not unloaded is counted.
import type { EngineControl, LoadedPool, PoolSpec, PoolStats, RunResult } from '../../runtime/engine/port.ts';
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
  answer: (inputs: Tensors) => Tensors = (inputs) => ({ y: inputs['x'] ?? { type: 'float32', shape: [0, 2], data: new Float32Array() } });
  readonly loaded = new Set<string>();
  readonly opened = new Set<string>();
  /** Keys whose pools pretend to be held by jobs. */
  readonly held = new Set<string>();
  readonly runs: { readonly key: string; readonly slot: number; readonly inputs: Tensors }[] = [];
  loads = 0;

  capabilities(): readonly [] {
    return [];
  }

  async inspect(path: string): Promise<Signature> {
    await this.before('inspect', path);
    return this.signature;
  }

  async load(spec: PoolSpec): Promise<LoadedPool> {
    this.loads++;
    this.onLoad(spec);
    await this.before('load', spec.key);
    this.loaded.add(spec.key);
    return { signature: this.signature, memory: { weightsBytes: 1, scratchBytes: 0, stagingBytes: 0 }, steps: [] };
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

  stats(): readonly PoolStats[] {
    return [];
  }
}
