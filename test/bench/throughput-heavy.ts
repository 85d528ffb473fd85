// What is left of the machine for a heavy model: HTTP, a handler and the slots against the barest loop over the same runs.
import { availableParallelism } from 'node:os';
import { runBareLoop } from './bare-loop.ts';
import { BenchHost } from './bench-host.ts';
import { assertServed, load } from './load.ts';
import { compare, interleave, type BenchCase } from './measure.ts';
import { PATIENT, RESNET50, writeRawFunction } from './raw-function.ts';
import { Scratch } from './scratch.ts';

const CONNECTIONS = 4;

export const throughputHeavy: BenchCase = {
  name: 'throughput-heavy',
  about: `ResNet-50 from ${CONNECTIONS} connections through HTTP and a handler, against a bare loop in C with as many threads`,
  async run({ effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 1 } : { rounds: 15, seconds: 2 };
    await using scratch = await Scratch.make();
    const threads = availableParallelism();
    const heavy = await writeRawFunction(scratch, { name: 'heavy', model: RESNET50, pool: { slots: threads, queue: PATIENT } });
    await using host = await BenchHost.start(scratch);
    await host.deploy(heavy.folder);
    const ours = async (): Promise<number> =>
      assertServed(await load({ port: host.port, path: heavy.path, body: heavy.body, connections: CONNECTIONS, seconds })).perSecond;
    await ours(); // compiles what runs often
    const bare = (): Promise<number> => runBareLoop({ model: heavy.model, threads, seconds });
    return [compare(await interleave(rounds, ours, bare), { case: 'throughput-heavy', measure: 'runs', unit: '/s', bar: { atLeast: 0.9 } })];
  },
};
