// What loads and unloads do to callers beside them: the p99 of a warm light route while models of 100 MiB come and go without
// pause, against its own when all is quiet.
import { readFile } from 'node:fs/promises';
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
    const heavy = [await heavyFunction(scratch, 1), await heavyFunction(scratch, 2)];
    // Room for the light one and one heavy: each heavy request pushes the other heavy model out.
    await using host = await BenchHost.start(scratch, { flags: ['--devices', `cpu=${1.5 * MEBIBYTES}MiB`, '--residency-min-ms', '0'] });
    for (const { folder } of [light, ...heavy]) await host.deploy(folder);
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

function heavyFunction(scratch: Scratch, seed: number): Promise<RawFunction> {
  return writeRawFunction(scratch, { name: `heavy-${seed}`, model: weighing(MEBIBYTES, seed), pool: { slots: 1 } });
}

function lightLoad(port: number, { path, body }: RawFunction, seconds: number): Promise<LoadResult> {
  return load({ port, path, body, connections: CONNECTIONS, rate: RATE, seconds });
}

async function besideLoads(
  host: BenchHost, { light, heavy, seconds }: { readonly light: RawFunction; readonly heavy: readonly RawFunction[]; readonly seconds: number },
): Promise<Omit<Round, 'quiet'>> {
  const under = lightLoad(host.port, light, seconds);
  const endMs = monotonicMs() + seconds * 1000;
  let loads = 0;
  for (let next = 0; monotonicMs() < endMs; next = (next + 1) % heavy.length) {
    const one = heavy[next];
    if (one !== undefined && await startsCold(host, one)) loads++;
  }
  return { beside: await under, loads };
}

async function startsCold({ port }: BenchHost, { path, body }: RawFunction): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: await readFile(body) });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}`);
  return answer.headers.get('pilotlight-start') === 'cold';
}
