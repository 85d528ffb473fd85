// How throughput and latency of one engine grow with slots and batch, with CUDA graphs and without: ResNet-50 in FP16 through the native pool.
import { quantile, type Measure } from '../../bench/measure.ts';
import { planOf } from '../gpu-models.ts';
import type { GpuCase } from './gpu-case.ts';
import { atDepth, nativeRuns } from './native-pool.ts';

const SLOTS = [1, 2, 4, 8, 16];
const BATCHES = [1, 8];

export const slotsAndBatch: GpuCase = {
  name: 'slots-and-batch',
  about: 'ResNet-50 FP16 through the native pool, two runs in flight a slot, inputs in pinned memory; with CUDA graphs and without',
  async run({ rig, effort }) {
    const { slots: counts, seconds } = effort === 'quick' ? { slots: [1, 4], seconds: 0.5 } : { slots: SLOTS, seconds: 1 };
    const { path } = await planOf(rig, 'resnet50-fp16');
    const measures: Measure[] = [];
    for (const { batch, graphs } of BATCHES.flatMap((size) => [{ batch: size, graphs: true }, { batch: size, graphs: false }])) {
      for (const slots of counts) {
        const runs = await nativeRuns(rig, { plan: path, slots, sizes: [batch], seconds, graphs });
        const { perSecond, p50Ms, p99Ms, cores, wrong } = atDepth(runs, 2 * slots, 'in place');
        const measure = `${slots} slots, batch ${batch}${graphs ? '' : ', without graphs'}`;
        const value = (unit: string, number: number, what: string): Measure => ({ case: 'slots-and-batch', measure: `${measure}: ${what}`, unit, value: number, ok: true });
        measures.push(value('/s', perSecond, 'runs'), value('ms', p50Ms, 'p50'), value('ms', p99Ms, 'p99'), value('cores', cores, 'cores spent'));
        measures.push({ ...value('runs', quantile(runs.map((run) => run.wrong), 1), 'wrong'), bar: '<= 0', ok: wrong === 0 });
      }
    }
    return measures;
  },
};
