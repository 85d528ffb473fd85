// What callers notice of redeploys under load: nothing may fail, no answer may be of two versions, and the slowest
// requests are to be hardly slower than without deploys. Bundles are made before: a deploy often comes from another machine.
import { bundleFolder, type FolderBundle } from '../../deploy/bundle/bundle-folder.ts';
import { BenchHost } from './bench-host.ts';
import { DIGITS_BODY, DIGITS_PATH, REVISION_HEADER, writeDigitsRevision } from './digits-revision.ts';
import { load, unserved, type LoadResult } from './load.ts';
import { compare, report, type BenchCase } from './measure.ts';
import { Scratch } from './scratch.ts';

const RATE = 200;
const CONNECTIONS = 32;
const DEPLOYS_A_ROUND = 2;

export const redeploy: BenchCase = {
  name: 'redeploy',
  about: `redeploys of digits under ${RATE} requests/s`,
  async run({ effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 2 } : { rounds: 10, seconds: 6 };
    await using scratch = await Scratch.make();
    await using host = await BenchHost.start(scratch);
    const bundles: FolderBundle[] = [];
    for (let revision = 0; revision <= rounds * DEPLOYS_A_ROUND; revision++) bundles.push(await bundleFolder(await writeDigitsRevision(scratch, revision)));
    const [first, ...others] = bundles;
    if (first === undefined) throw new Error('no revision was made');
    /** Version to revision. */
    const deployed = new Map<string, string>([[await host.deploy(first), '0']]);
    const deployNext = async (): Promise<void> => {
      const next = others.shift();
      if (next !== undefined) deployed.set(await host.deploy(next), next.bundle.manifest.vars['REVISION'] ?? '');
    };
    const pairs: { readonly busy: LoadResult; readonly quiet: LoadResult }[] = [];
    for (let round = 0; round < rounds; round++) {
      const quiet = await steadyLoad(host.port, seconds);
      const under = steadyLoad(host.port, seconds);
      for (let i = 0; i < DEPLOYS_A_ROUND; i++) {
        await new Promise((resolve) => setTimeout(resolve, (seconds * 1000) / (DEPLOYS_A_ROUND * 4)));
        await deployNext();
      }
      pairs.push({ quiet, busy: await under });
    }
    const counted = { case: 'redeploy', unit: 'requests', bar: { atMost: 0 } };
    return [
      report([sum(pairs.map(({ busy }) => unserved(busy)))], { ...counted, measure: `failed in ${deployed.size - 1} redeploys` }),
      report([sum(pairs.map(({ busy }) => mixed(busy, deployed)))], { ...counted, measure: 'answered by a mixture of versions' }),
      compare(pairs.map(({ busy, quiet }) => [busy.p999Ms, quiet.p999Ms]), { case: 'redeploy', unit: 'ms', measure: 'p99.9 with deploys, against without', bar: { atMost: 3 } }),
    ];
  },
};

function steadyLoad(port: number, seconds: number): Promise<LoadResult> {
  return load({ port, path: DIGITS_PATH, body: DIGITS_BODY, connections: CONNECTIONS, rate: RATE, seconds, tally: ['pilotlight-version', REVISION_HEADER] });
}

/** Answers whose handler was of another version than the response says. */
function mixed({ tally }: LoadResult, deployed: ReadonlyMap<string, string>): number {
  return sum(Object.entries(tally).map(([said, count]) => {
    const [version = '', revision = ''] = said.split(' ');
    return deployed.get(version) === revision ? 0 : count;
  }));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
