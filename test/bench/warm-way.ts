// What it costs that a run looks whether its pool is resident and holds it by a count: the same addon built without both
// (native/src/core/pool_entry.cc) is the reference. Both run in this process, as an isolate's handler runs a model; the engine
// is the simulated one, which costs nothing.
import { monotonicMs } from '../../runtime/clock.ts';
import { wholeAddon } from '../../runtime/engine/addon.ts';
import { Channel, threadChannel } from '../../runtime/engine/channel.ts';
import { NativeClient } from '../../runtime/engine/native-client.ts';
import type { LoadedPool, PoolSpec } from '../../runtime/engine/port.ts';
import { BoundModel, type RunScope } from '../../runtime/isolates/bound-model.ts';
import { compare, interleave, type BenchCase } from './measure.ts';
import { loadBenchAddon } from './native-program.ts';
import { Scratch } from './scratch.ts';

const DEPTH = 64;
const RUN_MS_MAX = 60_000;
const MODEL = 'pilotlight-fake 1\ninput X float32 [batch,4]\noutput Y float32 [batch,3]\n';

export const warmWay: BenchCase = {
  name: 'warm-way',
  about: `runs on a resident pool, ${DEPTH} in flight, against a build that neither counts them nor looks whether the pool is resident`,
  async run({ effort }) {
    const { rounds, roundMs } = effort === 'quick' ? { rounds: 2, roundMs: 50 } : { rounds: 21, roundMs: 300 };
    await using scratch = await Scratch.make();
    const path = await scratch.file('tiny.fake', MODEL);
    const ours = await openPool(threadChannel(), path);
    const uncounted = await openPool(new Channel(wholeAddon(await loadBenchAddon('uncounted'))), path);
    for (const pool of [ours, uncounted]) await pool.microsPerRun(roundMs); // compiles what runs often
    const pairs = await interleave(rounds, () => ours.microsPerRun(roundMs), () => uncounted.microsPerRun(roundMs));
    for (const pool of [ours, uncounted]) await pool.close();
    return [compare(pairs, { case: 'warm-way', measure: `a run at depth ${DEPTH}`, unit: 'us', bar: { atMost: 1.1 } })];
  },
};

async function openPool(channel: Channel, path: string) {
  const { addon } = channel;
  const pool: PoolSpec = { key: `bench ${path}`, backend: 'fake', path, device: 'cpu', slots: 1, threads: 1, queue: { max: 2 * DEPTH, timeoutMs: RUN_MS_MAX } };
  const { signature } = await channel.ask<LoadedPool>((id) => addon.load(id, pool));
  addon.open(pool.key);
  const client = new NativeClient(channel);
  const acquire = (): Promise<never> => Promise.reject(new Error('bug: a pool of the benchmark is not resident'));
  const model = new BoundModel({ binding: 'MODEL', pool, signature, preload: false }, { client, acquire }, endlessRequest());
  return {
    microsPerRun: (ms: number) => microsPerRun(model, ms),
    async close() {
      addon.retire(pool.key);
      await channel.ask<void>((id) => addon.unload(id, pool.key));
    },
  };
}

function endlessRequest(): RunScope {
  return { signal: new AbortController().signal, runDeadlineMs: (nowMs) => nowMs + RUN_MS_MAX, ran: () => {}, held: () => {} };
}

async function microsPerRun(model: BoundModel, ms: number): Promise<number> {
  const startMs = monotonicMs();
  const endMs = startMs + ms;
  let runs = 0;
  const lane = async (): Promise<void> => {
    while (monotonicMs() < endMs) {
      await model.run({ X: { type: 'float32', shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) } });
      runs++;
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, lane));
  return ((monotonicMs() - startMs) * 1000) / runs;
}
