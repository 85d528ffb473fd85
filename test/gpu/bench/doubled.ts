// Callers who come at a pace, 40 % of what the host can do, and then at twice that for half a minute: nobody is refused and p99 stays
// within twice what it was.
import { BenchHost } from '../../bench/bench-host.ts';
import { assertServed, load, unserved, type LoadResult } from '../../bench/load.ts';
import { compare, report } from '../../bench/measure.ts';
import { Scratch } from '../../bench/scratch.ts';
import { writeEmbedFunction } from '../gpu-function.ts';
import { encoderOf, planOf } from '../gpu-models.ts';
import type { GpuCase } from './gpu-case.ts';

const SHARE = 0.4;
const CONNECTIONS = 256;
const SLOTS = 8;

export const doubled: GpuCase = {
  name: 'doubled',
  about: 'MiniLM at 40 % of capacity, doubled for 30 s: p99 against before',
  async run({ rig, effort }) {
    const { calmS, doubledS } = effort === 'quick' ? { calmS: 1, doubledS: 2 } : { calmS: 10, doubledS: 30 };
    const plan = await planOf(rig, 'minilm-fp16');
    await using scratch = await Scratch.make();
    await using host = await BenchHost.start(scratch, { flags: ['--config', rig.config] });
    const { folder, path: route, body } = await writeEmbedFunction(scratch, { name: 'embed', ...encoderOf(plan), slots: SLOTS, isolates: 6 });
    await host.deploy(folder);
    const at = { port: host.port, path: route, body };
    await load({ ...at, connections: 2 * SLOTS, seconds: 1 }); // compiles what runs often
    const capacity = assertServed(await load({ ...at, connections: 4 * SLOTS, seconds: 2 })).perSecond;
    const paced = (share: number, seconds: number): Promise<LoadResult> => load({ ...at, connections: CONNECTIONS, rate: share * capacity, seconds });
    const calm = await paced(SHARE, calmS);
    const busy = await paced(2 * SHARE, doubledS);
    const after = await paced(SHARE, calmS);
    return [
      report([capacity], { case: 'doubled', unit: '/s', measure: 'capacity' }),
      compare([[busy.p99Ms, calm.p99Ms]], { case: 'doubled', unit: 'ms', measure: 'p99 at twice the pace, against before', bar: { atMost: 2 } }),
      compare([[after.p99Ms, calm.p99Ms]], { case: 'doubled', unit: 'ms', measure: 'p99 afterwards, against before' }),
      report([unserved(calm) + unserved(busy) + unserved(after)], { case: 'doubled', unit: 'requests', measure: 'not answered', bar: { atMost: 0 } }),
    ];
  },
};
