// What slots and loads leave in memory: slots share one copy of the weights, and an unloaded model gives its bytes back.
import { BenchHost } from './bench-host.ts';
import { compare, interleave, report, type BenchCase } from './measure.ts';
import { NO_WEIGHTS, WEIGHTS_64_MIB, writeRawFunction, type RawFunction, type RawModel } from './raw-function.ts';
import { settledBytes } from './resident-memory.ts';
import { Scratch } from './scratch.ts';

const MIB = 2 ** 20;
const WEIGHTS_BYTES = 64 * MIB;
const SLOTS = 4;
const NAME = 'weights';

interface Versions {
  readonly empty: RawFunction;
  readonly heavy: RawFunction;
}

export const slotsMemory: BenchCase = {
  name: 'slots-memory',
  about: `what 64 MiB of weights add to the resident memory of the host process, with ${SLOTS} slots against 1`,
  async run({ effort }) {
    const rounds = effort === 'quick' ? 1 : 9;
    await using scratch = await Scratch.make();
    const one = await writeVersions(scratch, 1);
    const four = await writeVersions(scratch, SLOTS);
    const left: number[] = [];
    const ours = async (): Promise<number> => {
      const memory = await memoryOf(scratch, four);
      left.push(memory.leftBytes / WEIGHTS_BYTES);
      return memory.loadedBytes / MIB;
    };
    const pairs = await interleave(rounds, ours, async () => (await memoryOf(scratch, one)).loadedBytes / MIB);
    return [
      compare(pairs, { case: 'slots-memory', measure: `${SLOTS} slots against 1`, unit: 'MiB', bar: { atMost: 1.15 } }),
      report(left, { case: 'slots-memory', measure: 'left after the second load and unload', unit: 'of the weights', bar: { atMost: 0.2 } }),
    ];
  },
};

async function writeVersions(scratch: Scratch, slots: number): Promise<Versions> {
  const write = (model: RawModel, folder: string): Promise<RawFunction> => writeRawFunction(scratch, { name: NAME, model, pool: { slots }, folder });
  return { empty: await write(NO_WEIGHTS, `empty-${slots}`), heavy: await write(WEIGHTS_64_MIB, `heavy-${slots}`) };
}

/** The same function takes turns between a model of no weight and the heavy one, so that what differs is the model alone. */
async function memoryOf(scratch: Scratch, { empty, heavy }: Versions): Promise<{ readonly loadedBytes: number; readonly leftBytes: number }> {
  await using host = await BenchHost.start(scratch);
  // A deploy runs every slot: what runs need is there when it ends.
  const bytesWith = async ({ folder }: RawFunction): Promise<number> => {
    await host.deploy(folder);
    return settledBytes(host);
  };
  const idle = await bytesWith(empty);
  const loaded = await bytesWith(heavy);
  await bytesWith(empty);
  await bytesWith(heavy);
  return { loadedBytes: loaded - idle, leftBytes: (await bytesWith(empty)) - idle };
}
