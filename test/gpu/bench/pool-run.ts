// One slot of a plan's pool by the engine port, one run after the other: what a handler's `run()` takes, without HTTP. In a process of its
// own, so that the memory is this pool's alone.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { monotonicMs } from '../../../runtime/clock.ts';
import { engineOptionsOf } from '../../../runtime/config/engine-options.ts';
import { readConfig } from '../../../runtime/config.ts';
import { NativeClient } from '../../../runtime/engine/native-client.ts';
import { NativeEngine } from '../../../runtime/engine/native-engine.ts';
import type { TensorSpec } from '../../../runtime/engine/tensor.ts';
import { median, quantile } from '../../bench/measure.ts';
import { onesOf } from '../gpu-function.ts';
import type { GpuRig } from '../gpu-rig.ts';

const WARM_RUNS = 20;
const RUN_TIMEOUT_MS = 60_000;
const KEY = 'pool-run';

export interface PoolRunOptions {
  readonly model: string;
  readonly backend: 'tensorrt' | 'onnxruntime';
  readonly input: TensorSpec;
  readonly shape: readonly number[];
  readonly seconds: number;
}

export interface PoolRun {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
  /** What the device lost while the pool was there, the process's context counted in. */
  readonly mebibytes: number;
}

export async function poolRun({ config }: GpuRig, options: PoolRunOptions): Promise<PoolRun> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify({ ...options, config })]);
  let result: PoolRun | undefined;
  child.on('message', (message) => (result = message as PoolRun));
  const [code] = await once(child, 'close') as [number | null];
  if (code !== 0 || result === undefined) throw new Error(`a pool of ${options.model} could not run: its process ended with ${code}`);
  return result;
}

async function measure({ config: file, model, backend, input, shape, seconds }: PoolRunOptions & { readonly config: string }): Promise<PoolRun> {
  const { config } = readConfig({ flags: { config: file } });
  const engine = new NativeEngine(engineOptionsOf(config));
  const free = (): number => engine.devices().find(({ device }) => device === 'gpu:0')?.freeBytes ?? 0;
  const before = free();
  const { signature } = await engine.load({ key: KEY, backend, path: model, device: 'gpu:0', slots: 1, threads: 1, queue: { max: 4, timeoutMs: RUN_TIMEOUT_MS } });
  engine.open(KEY);
  const client = new NativeClient();
  const tensors = { [input.name]: { type: input.type, shape, data: onesOf(input, shape) } };
  const run = (): Promise<unknown> => client.run(KEY, signature, tensors, { deadlineMs: monotonicMs() + RUN_TIMEOUT_MS });
  for (let warm = 0; warm < WARM_RUNS; warm++) await run();
  const mebibytes = (before - free()) / 2 ** 20;
  const times: number[] = [];
  const startMs = monotonicMs();
  while (monotonicMs() < startMs + seconds * 1000) {
    const runMs = monotonicMs();
    await run();
    times.push(monotonicMs() - runMs);
  }
  return { p50Ms: median(times), p99Ms: quantile(times, 0.99), perSecond: times.length / seconds, mebibytes };
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  process.send(await measure(JSON.parse(process.argv[2] ?? '{}') as PoolRunOptions & { config: string }));
  process.exit(0);
}
