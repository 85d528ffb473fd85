// What slots and loads leave in memory: slots share one copy of the weights, and an unloaded model gives its bytes back.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BenchHost } from './bench-host.ts';
import { assertServed, load } from './load.ts';
import { compare, interleave, report, type BenchCase } from './measure.ts';
import { WEIGHTS_64_MIB, writeRawFunction, type RawFunction } from './raw-function.ts';
import { Scratch } from './scratch.ts';

const MIB = 2 ** 20;
const WEIGHTS_BYTES = 64 * MIB;
const SLOTS = 4;
/** Collections and freed pages need a moment to be seen. */
const SETTLE_MS = 1000;

export const slotsMemory: BenchCase = {
  name: 'slots-memory',
  about: `resident memory of the host process over the idle host, 64 MiB of weights with ${SLOTS} slots against 1`,
  async run({ effort }) {
    const rounds = effort === 'quick' ? 1 : 9;
    await using scratch = await Scratch.make();
    const [one, four] = await Promise.all([1, SLOTS].map((slots) => writeRawFunction(scratch, {
      name: `slots-${slots}`, model: WEIGHTS_64_MIB, pool: { slots },
    })));
    if (one === undefined || four === undefined) throw new Error('no function was written');
    const left: number[] = [];
    const ours = async (): Promise<number> => {
      const memory = await memoryOf(scratch, four, SLOTS);
      left.push(memory.leftBytes / WEIGHTS_BYTES);
      return memory.loadedBytes / MIB;
    };
    const pairs = await interleave(rounds, ours, async () => (await memoryOf(scratch, one, 1)).loadedBytes / MIB);
    return [
      compare(pairs, { case: 'slots-memory', measure: `${SLOTS} slots against 1`, unit: 'MiB', bar: { atMost: 1.15 } }),
      report(left, { case: 'slots-memory', measure: 'left after the second load and unload', unit: 'of the weights', bar: { atMost: 0.2 } }),
    ];
  },
};

async function memoryOf(scratch: Scratch, heavy: RawFunction, slots: number): Promise<{ readonly loadedBytes: number; readonly leftBytes: number }> {
  await using host = await BenchHost.start(scratch);
  const idle = await settledBytes(host);
  let loaded = 0;
  for (let time = 0; time < 2; time++) {
    await host.deploy(heavy.folder);
    assertServed(await load({ port: host.port, path: heavy.path, body: heavy.body, connections: slots, seconds: 0.5 }));
    if (time === 0) loaded = await settledBytes(host);
    await host.delete(heavy.path.slice(1));
  }
  return { loadedBytes: loaded - idle, leftBytes: (await settledBytes(host)) - idle };
}

async function settledBytes(host: BenchHost): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(host.hostPid)]);
  return Number(stdout) * 1024;
}
