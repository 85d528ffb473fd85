// What a cold model's callers meet when they all come at once: one of them starts the load, the others wait for it, and each is answered.
import { sumOf } from '../support/metrics-text.ts';
import { BenchHost } from './bench-host.ts';
import { load, unserved, type LoadResult } from './load.ts';
import { report, type BenchCase } from './measure.ts';
import { WEIGHTS_64_MIB, writeRawFunction, type RawFunction } from './raw-function.ts';
import { Scratch } from './scratch.ts';

const REQUESTS = 1000;
const NAME = 'stampede';
/** All of them at once, in every line that has a bound. */
const LIMITS = { concurrency: 2 * REQUESTS, timeoutMs: 60_000 };
const QUEUE = { max: 2 * REQUESTS, timeoutMs: 60_000 };
const LOADS = 'faas_init_duration_seconds_count';

interface Rush {
  readonly result: LoadResult;
  readonly loads: number;
}

export const stampede: BenchCase = {
  name: 'stampede',
  about: `${REQUESTS} requests at once for a model of 64 MiB that is not resident`,
  async run({ effort }) {
    const rounds = effort === 'quick' ? 1 : 9;
    await using scratch = await Scratch.make();
    const rushed = await writeRawFunction(scratch, { name: NAME, model: WEIGHTS_64_MIB, pool: { queue: QUEUE }, limits: LIMITS });
    const rushes: Rush[] = [];
    for (let round = 0; round < rounds; round++) rushes.push(await rush(scratch, rushed));
    const counted = (count: (result: LoadResult) => number): number[] => rushes.map(({ result }) => count(result));
    const named = { case: 'stampede', unit: 'requests' };
    return [
      report([Math.max(...rushes.map(({ loads }) => loads))], { case: 'stampede', measure: 'loads started, the most of a round', unit: 'loads', bar: { atMost: 1 } }),
      report([Math.min(...counted((result) => result.statuses['200'] ?? 0))], { ...named, measure: 'answered 200, the fewest of a round', bar: { atLeast: REQUESTS } }),
      report([Math.max(...counted(unserved))], { ...named, measure: 'not answered 200, the most of a round', bar: { atMost: 0 } }),
      report(counted(({ tally }) => tally['joined'] ?? 0), { ...named, measure: 'waited for another\'s load' }),
      report(counted(({ maxMs }) => maxMs), { case: 'stampede', unit: 'ms', measure: 'until the last was answered' }),
    ];
  },
};

/** A host of its own for each: the first request of all is what counts. */
async function rush(scratch: Scratch, { folder, path, body }: RawFunction): Promise<Rush> {
  await using host = await BenchHost.start(scratch, { flags: ['--load-waiters-max', String(2 * REQUESTS)] });
  await host.deploy(folder, 'cold');
  const result = await load({ port: host.port, path, body, connections: REQUESTS, requests: REQUESTS, seconds: 60, tally: ['pilotlight-start'] });
  return { result, loads: sumOf(await host.metrics(), LOADS, `faas_name="${NAME}"`) };
}
