// Whether the ledger's sum is what the device says: six engines of three models with 2 to 8 slots, after a throw-away engine has taken
// the share of the context that every process pays once.
import type { DeviceView } from '../../../deploy/admin/view-routes.ts';
import { BenchHost } from '../../bench/bench-host.ts';
import { load } from '../../bench/load.ts';
import type { Measure } from '../../bench/measure.ts';
import { Scratch } from '../../bench/scratch.ts';
import { writeGpuFunction } from '../gpu-function.ts';
import { endsOf, planOf, type GpuModelName } from '../gpu-models.ts';
import type { GpuCase } from './gpu-case.ts';

const MIB = 2 ** 20;
const BAR = { share: 0.03, mebibytes: 16 };

const ENGINES: readonly { readonly model: GpuModelName; readonly slots: number }[] = [
  { model: 'minilm-fp16', slots: 2 }, { model: 'minilm-fp16', slots: 8 }, { model: 'resnet50-fp16', slots: 4 },
  { model: 'resnet50-fp16', slots: 8 }, { model: 'bert-large-fp16', slots: 2 }, { model: 'bert-large-fp16', slots: 3 },
];

interface Books {
  readonly ledger: number;
  readonly taken: number;
}

export const ledger: GpuCase = {
  name: 'ledger',
  about: 'what six engines hold by the ledger against what the device lost',
  async run({ rig, effort }) {
    const engines = effort === 'quick' ? ENGINES.slice(0, 3) : ENGINES;
    await using scratch = await Scratch.make();
    await using host = await BenchHost.start(scratch, { flags: ['--config', rig.config] });
    const deploy = async (name: string, model: GpuModelName, slots: number): Promise<void> => {
      const { folder, path, body } = await writeGpuFunction(scratch, { ...endsOf(await planOf(rig, model), 'opt'), name, slots });
      await host.deploy(folder);
      await load({ port: host.port, path, body, connections: slots, seconds: 0.5 });
    };
    await deploy('throw-away', 'minilm-fp16', 1);
    await host.delete('throw-away');
    const before = await booksOf(host);
    const measures: Measure[] = [];
    let last = before;
    for (const [index, { model, slots }] of engines.entries()) {
      await deploy(`engine-${index}`, model, slots);
      const now = await booksOf(host);
      measures.push(measureOf(`${model}, ${slots} slots`, now, last));
      last = now;
    }
    const whole = measureOf('all of them', last, before);
    const bound = Math.max(BAR.share * (last.taken - before.taken) / MIB, BAR.mebibytes);
    const off = Math.abs(whole.value - (whole.reference ?? 0));
    for (const index of engines.keys()) await host.delete(`engine-${index}`);
    const after = await booksOf(host);
    return [
      ...measures, { ...whole, bar: `within ${bound.toFixed(1)} MiB`, ok: off <= bound },
      { case: 'ledger', measure: 'left when all are deleted', unit: 'MiB', value: (after.taken - before.taken) / MIB, ok: true },
    ];
  },
};

async function booksOf(host: BenchHost): Promise<Books> {
  const { devices } = await host.view<{ devices: readonly DeviceView[] }>('/v1/devices');
  const gpu = devices.find(({ device }) => device === 'gpu:0');
  if (gpu === undefined) throw new Error('the host uses no gpu:0');
  const { weightsBytes, scratchBytes, stagingBytes, graphsBytes, totalBytes, unusedBytes } = gpu;
  return { ledger: weightsBytes + scratchBytes + stagingBytes + graphsBytes, taken: totalBytes - unusedBytes };
}

function measureOf(measure: string, now: Books, before: Books): Measure {
  const [value, reference] = [(now.ledger - before.ledger) / MIB, (now.taken - before.taken) / MIB];
  return { case: 'ledger', measure, unit: 'MiB', value, reference, ratio: value / reference, ok: true };
}
