// What a load, a run and an unload leave in memory for good: the heap in use after each cycle of a model, as a line over many of them.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { monotonicMs } from '../../runtime/clock.ts';
import { NativeClient } from '../../runtime/engine/native-client.ts';
import { NativeEngine } from '../../runtime/engine/native-engine.ts';
import type { PoolSpec } from '../../runtime/engine/port.ts';
import { weightsMiB } from '../support/sample-models.ts';
import { report, slopeOf, type BenchCase } from './measure.ts';
import { loadBenchAddon } from './native-program.ts';
import { Scratch } from './scratch.ts';

const MEBIBYTES = 20;
const WIDTH = 1024;
const RUN_MS_MAX = 10_000;
/** Caches fill and thresholds settle in the first ones. */
const SETTLING_CYCLES = 20;
const KIB = 1024;

interface HeapAddon {
  heapBytes(): number;
}

export const leak: BenchCase = {
  name: 'leak',
  about: `load, run and unload of a model of ${MEBIBYTES} MiB, again and again`,
  async run({ effort }) {
    const cycles = effort === 'quick' ? 40 : 1000;
    await using scratch = await Scratch.make();
    const path = await scratch.file('model.onnx', weightsMiB(MEBIBYTES, 1));
    const heap = (await loadBenchAddon('heap')) as HeapAddon;
    const collectGarbage = garbageCollector();
    const cycle = cycleOf({ key: 'leak', backend: 'onnxruntime', path, device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: RUN_MS_MAX } });
    const heaps: number[] = [];
    for (let i = 0; i < SETTLING_CYCLES + cycles; i++) {
      await cycle();
      collectGarbage();
      if (i >= SETTLING_CYCLES) heaps.push(heap.heapBytes() / KIB);
    }
    return [
      report([slopeOf(heaps)], { case: 'leak', measure: `left by each of ${cycles} cycles`, unit: 'KiB', bar: { atMost: 4 } }),
      report(heaps, { case: 'leak', measure: 'heap in use between cycles', unit: 'KiB' }),
    ];
  },
};

function cycleOf(spec: PoolSpec): () => Promise<void> {
  const engine = new NativeEngine();
  const client = new NativeClient();
  const inputs = { x: { type: 'float32', shape: [1, WIDTH], data: new Float32Array(WIDTH) } } as const;
  return async () => {
    const { signature } = await engine.load(spec);
    engine.open(spec.key);
    await client.run(spec.key, signature, inputs, { deadlineMs: monotonicMs() + RUN_MS_MAX });
    engine.retire(spec.key);
    await engine.unload(spec.key);
  };
}

/** Node's own garbage lies on the same heap: buffers that nobody has any more. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
