// What a run costs beside the engine's own work: check, copy, submit, wake-up, result, promise. A model of one microsecond shows nothing else.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicMs } from '../../runtime/clock.ts';
import { NativeClient } from '../../runtime/engine/native-client.ts';
import { NativeEngine } from '../../runtime/engine/native-engine.ts';
import type { PoolSpec } from '../../runtime/engine/port.ts';
import type { Signature } from '../../runtime/engine/tensor.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { weights } from '../support/sample-models.ts';
import { runBareLoop } from './bare-loop.ts';
import { compare, interleave, report, type BenchCase } from './measure.ts';

const DEPTH = 64;

export const completion: BenchCase = {
  name: 'completion',
  about: `a tiny model submitted from JavaScript, ${DEPTH} runs in flight, against a bare C loop of the same Run on one thread`,
  async run({ effort }) {
    const rounds = effort === 'full' ? 11 : 2;
    const roundMs = effort === 'full' ? 500 : 50;
    const folder = await mkdtemp(join(tmpdir(), 'pilotlight-bench-'));
    try {
      const model = join(folder, 'tiny.onnx');
      await writeFile(model, tinyModel());
      const real = await openPool({ backend: 'onnxruntime', path: model });
      const script = join(folder, 'tiny.fake');
      await writeFile(script, 'pilotlight-fake 1\ninput X float32 [batch,4]\noutput Y float32 [batch,3]\n');
      const simulated = await openPool({ backend: 'fake', path: script });

      await real.measure(roundMs, DEPTH); // compiles what runs often
      const pairs = await interleave(rounds, () => real.measure(roundMs, DEPTH), () => runBareLoop({ model, threads: 1, seconds: roundMs / 1000 }));
      const lone: number[] = [];
      const fake: number[] = [];
      for (let round = 0; round < rounds; round++) {
        lone.push(1e6 / await real.measure(roundMs / 2, 1));
        fake.push(await simulated.measure(roundMs / 2, DEPTH));
      }
      await real.close();
      await simulated.close();
      return [
        compare(pairs, { case: 'completion', measure: `runs at depth ${DEPTH}`, unit: 'runs/s', bar: { atLeast: 0.25 } }),
        report(lone, { case: 'completion', measure: 'one run after the other', unit: 'us' }),
        report(fake, { case: 'completion', measure: `runs of the simulated engine at depth ${DEPTH}`, unit: 'runs/s' }),
      ];
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

/** X [batch, 4] to Y [batch, 3]: one MatMul, one Add. */
function tinyModel(): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'X', type: 'float32', shape: ['batch', 4] }],
    outputs: [{ name: 'Y', type: 'float32', shape: ['batch', 3] }],
    nodes: [{ op: 'MatMul', inputs: ['X', 'W'], outputs: ['product'] }, { op: 'Add', inputs: ['product', 'B'], outputs: ['Y'] }],
    initializers: [weights('W', [4, 3], Float32Array.from({ length: 12 }, (_, i) => i)), weights('B', [3], Float32Array.of(0.5, 0.5, 1))],
  });
}

async function openPool({ backend, path }: Pick<PoolSpec, 'backend' | 'path'>) {
  const engine = new NativeEngine();
  const client = new NativeClient();
  const key = `bench ${path}`;
  const { signature } = await engine.load({ key, backend, path, device: 'cpu', slots: 1, threads: 1, queue: { max: 2 * DEPTH, timeoutMs: 60_000 } });
  engine.open(key);
  return {
    measure: (ms: number, depth: number) => runsPerSecond(client, key, signature, ms, depth),
    async close() {
      engine.retire(key);
      await engine.unload(key);
    },
  };
}

async function runsPerSecond(client: NativeClient, key: string, signature: Signature, ms: number, depth: number): Promise<number> {
  const startMs = monotonicMs();
  const endMs = startMs + ms;
  let runs = 0;
  const lane = async (): Promise<void> => {
    while (monotonicMs() < endMs) {
      const X = { type: 'float32', shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) } as const;
      await client.run(key, signature, { X }, { deadlineMs: endMs + 60_000 });
      runs++;
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  return runs / ((monotonicMs() - startMs) / 1000);
}
