// What is left of the pool's speed behind HTTP and a handler: MiniLM, texts of 16 tokens, as many requests in flight as runs of the native
// pool. Ingress threads and isolates are tried until more do not pay.
import { BenchHost } from '../../bench/bench-host.ts';
import { assertServed, load, type LoadResult } from '../../bench/load.ts';
import { compare, report, type Measure } from '../../bench/measure.ts';
import { Scratch } from '../../bench/scratch.ts';
import { writeEmbedFunction, writeGpuFunction, type GpuFunction } from '../gpu-function.ts';
import { encoderOf, endsOf, planOf, type Plan } from '../gpu-models.ts';
import type { GpuRig } from '../gpu-rig.ts';
import type { GpuCase } from './gpu-case.ts';
import { atDepth, nativeRuns } from './native-pool.ts';

const SLOTS = 8;
const IN_FLIGHT = 2 * SLOTS;
const BAR = 0.5;
/** Ingress threads, isolates. */
const SIZES = [[1, 2], [2, 4], [4, 6], [4, 10]] as const;

type Size = (typeof SIZES)[number];

interface Kind {
  readonly name: string;
  readonly about: string;
  readonly write: (scratch: Scratch, plan: Plan, isolates: number) => Promise<GpuFunction>;
}

const KINDS: readonly Kind[] = [
  {
    name: 'embed', about: 'functions/embed: tokenizer, JSON, base64',
    write: (scratch, plan, isolates) => writeEmbedFunction(scratch, { name: 'embed', ...encoderOf(plan), slots: SLOTS, isolates, samples: '1x016' }),
  },
  {
    name: 'raw', about: 'a handler that passes bytes on',
    write: (scratch, plan, isolates) => writeGpuFunction(scratch, { ...endsOf(plan, 'min'), name: 'raw', slots: SLOTS, isolates }),
  },
];

export const throughHttp: GpuCase = {
  name: 'through-http',
  about: `MiniLM, 16 tokens, ${SLOTS} slots: requests at ${IN_FLIGHT} connections against runs of the native pool, ${IN_FLIGHT} in flight`,
  async run({ rig, effort }) {
    const { rounds, seconds } = effort === 'quick' ? { rounds: 1, seconds: 1 } : { rounds: 3, seconds: 3 };
    const plan = await planOf(rig, 'minilm-fp16');
    const measures: Measure[] = [];
    for (const kind of KINDS) {
      const best = await bestSize(rig, plan, kind, { seconds: Math.min(seconds, 2), sizes: effort === 'quick' ? SIZES.slice(0, 2) : SIZES });
      await using served = await serve(rig, plan, kind, best);
      const pairs: [number, number][] = [];
      const times: LoadResult[] = [];
      for (let round = 0; round < rounds; round++) {
        const result = await served.load(seconds);
        const native = atDepth(await nativeRuns(rig, { plan: plan.path, slots: SLOTS, sizes: endsOf(plan, 'min').shape, seconds: 1 }), IN_FLIGHT, 'copied');
        pairs.push([result.perSecond, native.perSecond]);
        times.push(result);
      }
      const named = { case: 'through-http', unit: '/s' };
      measures.push(
        compare(pairs, { ...named, measure: `${kind.about}, ${best[0]} ingress threads, ${best[1]} isolates`, bar: { atLeast: BAR } }),
        report(times.map(({ p50Ms }) => p50Ms), { ...named, unit: 'ms', measure: `${kind.name}: p50` }),
        report(times.map(({ p99Ms }) => p99Ms), { ...named, unit: 'ms', measure: `${kind.name}: p99` }),
      );
    }
    return measures;
  },
};

async function bestSize(
  rig: GpuRig, plan: Plan, kind: Kind, { seconds, sizes }: { readonly seconds: number; readonly sizes: readonly Size[] },
): Promise<Size> {
  let [best, most] = [SIZES[0] as Size, 0];
  for (const size of sizes) {
    await using served = await serve(rig, plan, kind, size);
    const { perSecond } = await served.load(seconds);
    if (perSecond > most) [best, most] = [size, perSecond];
  }
  return best;
}

interface Served extends AsyncDisposable {
  load(seconds: number): Promise<LoadResult>;
}

async function serve(rig: GpuRig, plan: Plan, kind: Kind, [ingress, isolates]: Size): Promise<Served> {
  const scratch = await Scratch.make();
  const host = await BenchHost.start(scratch, { flags: ['--config', rig.config, '--ingress-threads', String(ingress)] });
  const { folder, path, body } = await kind.write(scratch, plan, isolates);
  await host.deploy(folder);
  const at = { port: host.port, path, body, connections: IN_FLIGHT };
  await load({ ...at, seconds: 1 }); // compiles what runs often
  return {
    load: async (seconds) => assertServed(await load({ ...at, seconds })),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await scratch[Symbol.asyncDispose]();
    },
  };
}
