// What a heavy function does to a light one beside it: the light one's p99 while ResNet-50 is asked for more than the
// machine can give, against its own when all is quiet, and against the same under a server that runs models on the spot.
import { BenchHost } from './bench-host.ts';
import { load, unserved, type LoadResult } from './load.ts';
import { compare, report, type BenchCase, type Measure } from './measure.ts';
import { LIGHT, PATIENT, RESNET50, writeRawFunction, type RawFunction } from './raw-function.ts';
import { Rival } from './rival.ts';
import { Scratch } from './scratch.ts';

const HEAVY_CONNECTIONS = 4;
const LIGHT_RATE = 60;
const LIGHT_CONNECTIONS = 32;
/** The heavy load begins this much earlier and ends this much later. */
const MARGIN_S = 0.5;

interface Round {
  readonly quiet: LoadResult;
  readonly besideHeavy: LoadResult;
  readonly rival: LoadResult;
}

export const isolation: BenchCase = {
  name: 'isolation',
  about: `p99 of a light route at ${LIGHT_RATE} requests/s while ResNet-50 is saturated by ${HEAVY_CONNECTIONS} connections`,
  async run({ effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 1 } : { rounds: 9, seconds: 6 };
    await using scratch = await Scratch.make();
    const heavy = await writeRawFunction(scratch, { name: 'heavy', model: RESNET50, pool: { queue: PATIENT } });
    const light = await writeRawFunction(scratch, { name: 'light', model: LIGHT });
    await using host = await BenchHost.start(scratch);
    await host.deploy(heavy.folder);
    await host.deploy(light.folder);
    await using rival = await Rival.onnx([[heavy, RESNET50], [light, LIGHT]]);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      measured.push({
        quiet: await lightLoad(host.port, light, seconds),
        besideHeavy: await lightBesideHeavy(host.port, { heavy, light, seconds }),
        rival: await lightBesideHeavy(rival.port, { heavy, light, seconds }),
      });
    }
    return judge(measured);
  },
};

function judge(rounds: readonly Round[]): readonly Measure[] {
  const named = { case: 'isolation', unit: 'ms' };
  return [
    compare(rounds.map(({ besideHeavy, quiet }) => [besideHeavy.p99Ms, quiet.p99Ms]), { ...named, measure: 'p99 beside ResNet-50, against quiet', bar: { atMost: 4 } }),
    compare(rounds.map(({ rival, besideHeavy }) => [rival.p99Ms, besideHeavy.p99Ms]), { ...named, measure: 'p99 of Hono with onnxruntime-node, against ours', bar: { atLeast: 60 } }),
    report([rounds.reduce((sum, { besideHeavy }) => sum + unserved(besideHeavy), 0)], { case: 'isolation', unit: 'requests', measure: 'not answered', bar: { atMost: 0 } }),
  ];
}

function lightLoad(port: number, { path, body }: RawFunction, seconds: number): Promise<LoadResult> {
  return load({ port, path, body, connections: LIGHT_CONNECTIONS, rate: LIGHT_RATE, seconds });
}

async function lightBesideHeavy(
  port: number, { heavy, light, seconds }: { readonly heavy: RawFunction; readonly light: RawFunction; readonly seconds: number },
): Promise<LoadResult> {
  const saturated = load({ port, path: heavy.path, body: heavy.body, connections: HEAVY_CONNECTIONS, seconds: seconds + 2 * MARGIN_S });
  await new Promise((resolve) => setTimeout(resolve, MARGIN_S * 1000));
  const result = await lightLoad(port, light, seconds);
  await saturated;
  return result;
}
