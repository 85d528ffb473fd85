// What thousands of functions cost a host that serves few of them: its start, its memory, the next deploy, and the callers who
// come while that happens.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { monotonicMs } from '../../runtime/clock.ts';
import { bundleFolder, type FolderBundle } from '../../deploy/bundle/bundle-folder.ts';
import { BenchHost } from './bench-host.ts';
import { fillStore } from './crowd.ts';
import { assertServed, load, loadShares, type LoadResult } from './load.ts';
import { compare, interleave, report, type BenchCase, type Measure } from './measure.ts';
import { LIGHT, writeRawFunction, type RawFunction } from './raw-function.ts';
import { settle, settledBytes } from './resident-memory.ts';
import { Scratch } from './scratch.ts';

const HELLO = fileURLToPath(new URL('../../../functions/hello', import.meta.url));
const WITH_MODEL = 20;
const RATE = 200;
const CONNECTIONS = 32;
const DEPLOYS_A_SECOND_MAX = 12;
const KIB = 1024;

export const scale: BenchCase = {
  name: 'scale',
  about: 'thousands of functions, of which twenty with a model and hello are used',
  async run({ effort }) {
    const { count, rounds, seconds } = effort === 'quick' ? { count: 100, rounds: 1, seconds: 1 } : { count: 5000, rounds: 9, seconds: 4 };
    await using scratch = await Scratch.make();
    const used: RawFunction[] = [];
    for (let index = 0; index < WITH_MODEL; index++) used.push(await writeRawFunction(scratch, { name: `used-${index}`, model: LIGHT }));
    const folders = [HELLO, ...used.map(({ folder }) => folder)];
    await using few = await startFilled(scratch, { name: 'few', count: 0, folders });
    await using crowded = await startFilled(scratch, { name: 'crowded', count, folders });
    await useModels(few.host, used);
    await useModels(crowded.host, used);
    const bytes = { few: await settledBytes(few.host), crowded: await settledBytes(crowded.host) };
    const deployMore = deployerOf(scratch);
    // The first of each is the first of all since its start.
    const deploys = await interleave(rounds, () => deployMore(crowded.host), () => deployMore(few.host));
    // Made before: what is measured is the host's work, not that of whoever deploys.
    const bundles = (await newFunctions(scratch, 'beside', rounds * seconds * DEPLOYS_A_SECOND_MAX)).values();
    const pairs: [number, number][] = [];
    for (let round = 0; round < rounds; round++) {
      await settle();
      const quiet = await helloLoad(crowded.host, seconds);
      pairs.push([(await helloBesideDeploys(crowded.host, seconds, bundles)).p99Ms, quiet.p99Ms]);
    }
    return [
      ...startMeasures(crowded.startMs, few.startMs, count),
      report([(bytes.crowded - bytes.few) / count / KIB], { case: 'scale', measure: 'memory of a function that is not used', unit: 'KiB', bar: { atMost: 64 } }),
      compare(deploys, { case: 'scale', measure: 'a deploy more, against one beside few', unit: 'ms', bar: { atMost: 2 } }),
      compare(pairs, { case: 'scale', measure: 'p99 of hello beside deploys, against quiet', unit: 'ms', bar: { atMost: 3 } }),
    ];
  },
};

function startMeasures(crowdedMs: number, fewMs: number, count: number): readonly Measure[] {
  return [
    report([crowdedMs / 1000], { case: 'scale', measure: `start to ready with ${count} functions`, unit: 's', bar: { atMost: 20 } }),
    report([fewMs / 1000], { case: 'scale', measure: 'start to ready without them', unit: 's' }),
  ];
}

interface Started extends AsyncDisposable {
  readonly host: BenchHost;
  readonly startMs: number;
}

async function startFilled(
  scratch: Scratch, { name, count, folders }: { readonly name: string; readonly count: number; readonly folders: readonly string[] },
): Promise<Started> {
  const store = await scratch.subfolder(name);
  await fillStore(store, { count, folders });
  const beginMs = monotonicMs();
  const host = await BenchHost.start(scratch, { store });
  return { host, startMs: monotonicMs() - beginMs, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

async function useModels({ port }: BenchHost, used: readonly RawFunction[]): Promise<void> {
  assertServed(await loadShares(used.map(({ path, body }) => ({ weight: 1, path, body })), { port, connections: 4, seconds: 1 }));
}

/** Each call deploys a function that was never there, and gives what that took in milliseconds. */
function deployerOf(scratch: Scratch): (host: BenchHost) => Promise<number> {
  let last = 0;
  return async (host) => {
    const bundle = await newFunction(scratch, `more-${++last}`);
    const beginMs = monotonicMs();
    await host.deploy(bundle);
    return monotonicMs() - beginMs;
  };
}

async function newFunction(scratch: Scratch, name: string): Promise<FolderBundle> {
  const folder = await scratch.subfolder(name);
  await writeFile(join(folder, 'handler.ts'), `export default { fetch: () => new Response('${name}') };\n`);
  await writeFile(join(folder, 'pilotlight.json'), JSON.stringify({ name, main: 'handler.ts', routes: [`GET /${name}`], isolates: 1 }));
  return bundleFolder(folder);
}

async function newFunctions(scratch: Scratch, name: string, count: number): Promise<readonly FolderBundle[]> {
  const bundles: FolderBundle[] = [];
  for (let index = 0; index < count; index++) bundles.push(await newFunction(scratch, `${name}-${index}`));
  return bundles;
}

async function helloLoad({ port }: BenchHost, seconds: number): Promise<LoadResult> {
  return assertServed(await load({ port, path: '/hello', connections: CONNECTIONS, rate: RATE, seconds }));
}

async function helloBesideDeploys(host: BenchHost, seconds: number, bundles: Iterator<FolderBundle>): Promise<LoadResult> {
  const under = helloLoad(host, seconds);
  const endMs = monotonicMs() + seconds * 1000;
  while (monotonicMs() < endMs) {
    const bundle = bundles.next();
    if (bundle.done === true) throw new Error('there were fewer functions to deploy than the host had time for');
    await host.deploy(bundle.value);
  }
  return under;
}
