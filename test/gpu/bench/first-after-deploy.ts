// What the first caller after a deploy waits, against steady calls with pauses between them: ResNet-50, whose pool each deploy loads anew
// because the function was deleted before. Beside it the same without warming, by our plan and by ONNX Runtime's CUDA provider.
import { readFile } from 'node:fs/promises';
import { HttpCaller } from '../../../deploy/quickstart/http-caller.ts';
import { BenchHost } from '../../bench/bench-host.ts';
import { median, quantile, type Measure } from '../../bench/measure.ts';
import { Scratch } from '../../bench/scratch.ts';
import { writeGpuFunction, type GpuFunction } from '../gpu-function.ts';
import { endsOf, onnxOf, planOf } from '../gpu-models.ts';
import type { GpuCase } from './gpu-case.ts';

const STEADY_CALLS = 25;
const PAUSE_MS = 10;
const BAR = 1.5;

interface Start {
  readonly firstMs: number;
  readonly steadyMs: number;
}

export const firstAfterDeploy: GpuCase = {
  name: 'first-after-deploy',
  about: 'ResNet-50 FP16, one picture: the first request after a deploy against the steady p50, 90th percentile of the deploys',
  async run({ rig, effort }) {
    const deploys = effort === 'quick' ? 2 : 20;
    const ends = { ...endsOf(await planOf(rig, 'resnet50-fp16'), 'min'), slots: 4 };
    await using scratch = await Scratch.make();
    await using host = await BenchHost.start(scratch, { flags: ['--config', rig.config] });
    const plan = await writeGpuFunction(scratch, { ...ends, name: 'plan' });
    const starts = { warm: [] as Start[], cold: [] as Start[], onnxruntime: [] as Start[] };
    for (let deploy = 0; deploy < deploys; deploy++) {
      starts.warm.push(await startOf(host, plan, 'warm'));
      if (deploy % 2 === 0) starts.cold.push(await startOf(host, plan, 'cold'));
    }
    if (rig.hasOnnxRuntimeOnGpu) {
      const onnx = await writeGpuFunction(scratch, { ...ends, name: 'onnx', model: onnxOf(rig, 'resnet50-fp16') });
      for (let deploy = 0; deploy < Math.ceil(deploys / 4); deploy++) starts.onnxruntime.push(await startOf(host, onnx, 'cold'));
    }
    return [
      measureOf(starts.warm, 'first request after a deploy', BAR),
      measureOf(starts.cold, 'the same with --no-warm'),
      ...(starts.onnxruntime.length === 0 ? [] : [measureOf(starts.onnxruntime, 'ONNX Runtime with CUDA, --no-warm')]),
    ];
  },
};

async function startOf(host: BenchHost, { folder, path, body }: GpuFunction, warming: 'warm' | 'cold'): Promise<Start> {
  await host.deploy(folder, warming);
  using caller = new HttpCaller(`http://127.0.0.1:${host.port}`);
  await caller.connect();
  const bytes = await readFile(body);
  const call = async (): Promise<number> => {
    const { status, durationMs, body: said } = await caller.call({ method: 'POST', path, body: bytes });
    if (status !== 200) throw new Error(`${path} answered ${status}: ${said.toString().slice(0, 500)}`);
    return durationMs;
  };
  const firstMs = await call();
  const steady: number[] = [];
  for (let i = 0; i < STEADY_CALLS; i++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    steady.push(await call());
  }
  await host.delete(path.slice(1));
  return { firstMs, steadyMs: median(steady) };
}

function measureOf(starts: readonly Start[], measure: string, bar?: number): Measure {
  const ratios = starts.map(({ firstMs, steadyMs }) => firstMs / steadyMs);
  const ratio = quantile(ratios, 0.9);
  return {
    case: 'first-after-deploy', measure, unit: 'ms', value: quantile(starts.map(({ firstMs }) => firstMs), 0.9),
    reference: median(starts.map(({ steadyMs }) => steadyMs)), ratio, spread: [Math.min(...ratios), Math.max(...ratios)],
    ...(bar === undefined ? { ok: true } : { bar: `<= ${bar}`, ok: ratio <= bar }),
  };
}
