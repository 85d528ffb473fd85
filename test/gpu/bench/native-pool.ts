// The pool without Node, HTTP and handler: native/bench/tensorrt.cc, and what it says read from its lines.
import { runTensorRtBench } from '../../bench/native-program.ts';
import type { GpuRig } from '../gpu-rig.ts';

export interface NativeRun {
  readonly slots: number;
  /** Runs in flight. */
  readonly depth: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly wrong: number;
  readonly cores: number;
}

const RUN = /slots (\d+) \w+ [\d,x]+ depth (\d+)[^:]*: (\d+) runs\/s p50 ([\d.]+) p99 ([\d.]+) ms(?: wrong (\d+))?.*? cores ([\d.]+)/g;

/** Of each depth that the program tries. */
export async function nativeRuns(
  rig: GpuRig,
  { plan, slots, sizes, seconds }: { readonly plan: string; readonly slots: number; /** Of the dynamic axes. */ readonly sizes: readonly number[]; readonly seconds: number },
): Promise<readonly NativeRun[]> {
  const library = rig.tensorrtLibrary === undefined ? [] : [rig.tensorrtLibrary];
  const printed = await runTensorRtBench([plan, String(slots), sizes.join(','), String(seconds), ...library]);
  const runs = [...printed.matchAll(RUN)].map(([, ...found]) => found.map((text) => Number(text ?? 0)));
  if (runs.length === 0) throw new Error(`the native benchmark said nothing that is understood: ${printed}`);
  return runs.map(([slotsRun = 0, depth = 0, perSecond = 0, p50Ms = 0, p99Ms = 0, wrong = 0, cores = 0]) =>
    ({ slots: slotsRun, depth, perSecond, p50Ms, p99Ms, wrong, cores }));
}

/** With that many runs in flight; where inputs are copied, as JavaScript's are, if the program tells that apart: it tries that first. */
export function atDepth(runs: readonly NativeRun[], depth: number): NativeRun {
  const found = runs.find((run) => run.depth === depth);
  if (found === undefined) throw new Error(`the native benchmark tried no depth ${depth}: ${runs.map((run) => run.depth).join(', ')}`);
  return found;
}
