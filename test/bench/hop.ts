// What the way from the ingress thread to a handler and back costs where the handler itself costs nothing: `hello`, with
// telemetry at its defaults, against bare Hono in one process.
import { fileURLToPath } from 'node:url';
import { BenchHost } from './bench-host.ts';
import { assertServed, load, type LoadResult } from './load.ts';
import { compare, interleave, report, type BenchCase, type Measure } from './measure.ts';
import { Rival } from './rival.ts';
import { Scratch } from './scratch.ts';

const HELLO = fileURLToPath(new URL('../../../functions/hello', import.meta.url));
const HONO = fileURLToPath(new URL('rivals/hono-server.js', import.meta.url));
const CONNECTIONS = 32;
const ADDED_US_MAX = 150;
const US_PER_MS = 1000;

async function hello(port: number, connections: number, seconds: number): Promise<LoadResult> {
  return assertServed(await load({ port, path: '/hello', connections, seconds }));
}

/** Microseconds; the difference of pairs, because a fixed cost is added whatever the other takes. */
function added(pairs: readonly (readonly [number, number])[]): Measure {
  const differences = pairs.map(([ours, reference]) => (ours - reference) * US_PER_MS);
  return report(differences, { case: 'hop', measure: 'added to p50 at 1 connection', unit: 'us', bar: { atMost: ADDED_US_MAX } });
}

export const hop: BenchCase = {
  name: 'hop',
  about: 'GET of hello, against bare Hono in one process',
  async run({ effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 1 } : { rounds: 11, seconds: 2 };
    await using scratch = await Scratch.make();
    await using host = await BenchHost.start(scratch);
    await host.deploy(HELLO);
    await using rival = await Rival.start(HONO);
    await Promise.all([hello(host.port, CONNECTIONS, seconds), hello(rival.port, CONNECTIONS, seconds)]);
    const alone = async (port: number): Promise<number> => (await hello(port, 1, seconds)).p50Ms;
    const perSecond = async (port: number): Promise<number> => (await hello(port, CONNECTIONS, seconds)).perSecond;
    const latencies = await interleave(rounds, () => alone(host.port), () => alone(rival.port));
    const throughputs = await interleave(rounds, () => perSecond(host.port), () => perSecond(rival.port));
    return [added(latencies), compare(throughputs, { case: 'hop', measure: `requests at ${CONNECTIONS} connections`, unit: '/s', bar: { atLeast: 0.5 } })];
  },
};
