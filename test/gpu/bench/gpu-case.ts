// What a benchmark on a GPU is given and gives: the rig that is open for all of them, measures as the other benchmarks have them.
import type { BenchOptions, Measure } from '../../bench/measure.ts';
import type { GpuRig } from '../gpu-rig.ts';

export interface GpuCaseOptions extends BenchOptions {
  readonly rig: GpuRig;
}

export interface GpuCase {
  readonly name: string;
  readonly about: string;
  readonly run: (options: GpuCaseOptions) => Promise<readonly Measure[]>;
}
