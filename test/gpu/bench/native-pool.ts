// The pool without Node, HTTP and handler: native/bench/tensorrt.cc, and what it says read from its lines.
import { runTensorRtBench } from '../../bench/native-program.ts';
import type { GpuRig } from '../gpu-rig.ts';

export interface NativeRun {
  readonly slots: number;
  /** Runs in flight. */
  readonly depth: number;
  /** What the submitter does with them: copies them, as a host does JavaScript's; nothing, so that only the pool's own work is left. */
  readonly inputs: 'copied' | 'in place';
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly wrong: number;
  readonly cores: number;
}

const RUN = /slots (\d+) \w+ [\d,x]+ depth (\d+), inputs (copied|in place): (\d+) runs\/s p50 ([\d.]+) p99 ([\d.]+) ms(?: wrong (\d+))?.*? cores ([\d.]+)/g;

/** Of each depth that the program tries. */
export async function nativeRuns(
  rig: GpuRig,
  { plan, slots, sizes, seconds, graphs = true }: {
    readonly plan: string;
    readonly slots: number;
    /** Of the dynamic axes. */
    readonly sizes: readonly number[];
    readonly seconds: number;
    readonly graphs?: boolean;
  },
): Promise<readonly NativeRun[]> {
  // Without one the loader's search: what is opened first there.
  const library = rig.tensorrtLibrary ?? '';
  const printed = await runTensorRtBench([plan, String(slots), sizes.join(','), String(seconds), library, ...(graphs ? [] : ['enqueue'])]);
  const runs = [...printed.matchAll(RUN)];
  if (runs.length === 0) throw new Error(`the native benchmark said nothing that is understood: ${printed}`);
  return runs.map(([, ofSlots, depth, inputs, perSecond, p50Ms, p99Ms, wrong, cores]) => ({
    slots: Number(ofSlots), depth: Number(depth), inputs: inputs === 'copied' ? 'copied' : 'in place',
    perSecond: Number(perSecond), p50Ms: Number(p50Ms), p99Ms: Number(p99Ms), wrong: Number(wrong ?? 0), cores: Number(cores),
  }));
}

/** With that many runs in flight. */
export function atDepth(runs: readonly NativeRun[], depth: number, inputs: NativeRun['inputs']): NativeRun {
  const found = runs.find((run) => run.depth === depth && run.inputs === inputs);
  if (found === undefined) throw new Error(`the native benchmark tried no depth ${depth}: ${runs.map((run) => run.depth).join(', ')}`);
  return found;
}
