// What loads and unloads do to callers beside them: the p99 of a warm light route while models of 100 MiB come and go without
// pause, against its own when all is quiet.
import { bundleFolder, type FolderBundle } from '../../deploy/bundle/bundle-folder.ts';
import { monotonicMs } from '../../runtime/clock.ts';
import { BenchHost } from './bench-host.ts';
import { load, unserved, type LoadResult } from './load.ts';
import { compare, report, type BenchCase } from './measure.ts';
import { LIGHT, weighing, writeRawFunction, type RawFunction } from './raw-function.ts';
import { Scratch } from './scratch.ts';

const RATE = 200;
const CONNECTIONS = 32;
const MEBIBYTES = 100;

interface Round {
  readonly quiet: LoadResult;
  readonly beside: LoadResult;
  readonly loads: number;
}

export const loadBeside: BenchCase = {
  name: 'load-beside',
  about: `p99 of a light route at ${RATE} requests/s while models of ${MEBIBYTES} MiB load and unload without pause`,
  async run({ effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 2 } : { rounds: 9, seconds: 5 };
    await using scratch = await Scratch.make();
    const light = await writeRawFunction(scratch, { name: 'light', model: LIGHT });
    const heavy = [await heavyBundle(scratch, 1), await heavyBundle(scratch, 2)];
    await using host = await BenchHost.start(scratch);
    await host.deploy(light.folder);
    // Both are in the store from here on: what follows loads and sends nothing.
    for (const bundle of heavy) await host.deploy(bundle);
    await lightLoad(host.port, light, seconds); // compiles what runs often
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      const quiet = await lightLoad(host.port, light, seconds);
      measured.push({ quiet, ...(await besideLoads(host, { light, heavy, seconds })) });
    }
    const all = measured.flatMap(({ quiet, beside }) => [quiet, beside]);
    return [
      compare(measured.map(({ beside, quiet }) => [beside.p99Ms, quiet.p99Ms]),
        { case: 'load-beside', unit: 'ms', measure: 'p99 beside loads, against quiet', bar: { atMost: 3 } }),
      report([all.reduce((sum, one) => sum + unserved(one), 0)], { case: 'load-beside', unit: 'requests', measure: 'not answered', bar: { atMost: 0 } }),
      report(measured.map(({ loads }) => loads / seconds), { case: 'load-beside', unit: '/s', measure: 'models loaded and unloaded' }),
    ];
  },
};

/** Each deploy of the next one loads it and unloads the one before. */
async function heavyBundle(scratch: Scratch, seed: number): Promise<FolderBundle> {
  return bundleFolder((await writeRawFunction(scratch, { name: 'heavy', model: weighing(MEBIBYTES, seed), folder: `heavy-${seed}` })).folder);
}

function lightLoad(port: number, { path, body }: RawFunction, seconds: number): Promise<LoadResult> {
  return load({ port, path, body, connections: CONNECTIONS, rate: RATE, seconds });
}

async function besideLoads(
  host: BenchHost, { light, heavy, seconds }: { readonly light: RawFunction; readonly heavy: readonly FolderBundle[]; readonly seconds: number },
): Promise<Omit<Round, 'quiet'>> {
  const under = lightLoad(host.port, light, seconds);
  const endMs = monotonicMs() + seconds * 1000;
  let loads = 0;
  for (let next = 0; monotonicMs() < endMs; next = (next + 1) % heavy.length) {
    const bundle = heavy[next];
    if (bundle !== undefined) await host.deploy(bundle);
    loads++;
  }
  return { beside: await under, loads };
}
