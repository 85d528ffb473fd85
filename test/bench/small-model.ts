// What the way through ingress, isolate and slot costs where the model itself costs nothing, against running it on the spot.
import { BenchHost } from './bench-host.ts';
import { assertServed, load } from './load.ts';
import { compare, interleave, type BenchCase } from './measure.ts';
import { LIGHT, writeRawFunction } from './raw-function.ts';
import { Rival } from './rival.ts';
import { Scratch } from './scratch.ts';

const CONNECTIONS = 32;

export const smallModel: BenchCase = {
  name: 'small-model',
  about: `an MLP 64-128-10 from ${CONNECTIONS} connections, against Hono with onnxruntime-node's own run()`,
  async run({ effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 1 } : { rounds: 15, seconds: 2 };
    await using scratch = await Scratch.make();
    const light = await writeRawFunction(scratch, { name: 'light', model: LIGHT });
    await using host = await BenchHost.start(scratch);
    await host.deploy(light.folder);
    await using rival = await Rival.onnx([[light, LIGHT]]);
    const perSecond = async (port: number): Promise<number> =>
      assertServed(await load({ port, path: light.path, body: light.body, connections: CONNECTIONS, seconds })).perSecond;
    await Promise.all([perSecond(host.port), perSecond(rival.port)]);
    const pairs = await interleave(rounds, () => perSecond(host.port), () => perSecond(rival.port));
    return [compare(pairs, { case: 'small-model', measure: 'requests', unit: '/s', bar: { atLeast: 0.8 } })];
  },
};
