// One model, one request at a time, by those who could run it: PyTorch eager (in a Python of its own, rivals.py), and our pool of ONNX
// Runtime's CUDA provider and of TensorRT.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measure } from '../../bench/measure.ts';
import { endsOf, onnxOf, planOf, type GpuModelName } from '../gpu-models.ts';
import type { GpuRig } from '../gpu-rig.ts';
import type { GpuCase } from './gpu-case.ts';
import { poolRun } from './pool-run.ts';

const RIVALS = fileURLToPath(new URL('../../../../test/gpu/bench/rivals.py', import.meta.url));
const PYTHON = process.env['GPU_PYTHON'] ?? 'python3';

/** With the axes of an input that are measured; PyTorch's FP32 is what the bar is held to. */
const MODELS: readonly { readonly name: 'resnet50' | 'bert-large'; readonly shape: readonly number[] }[] = [
  { name: 'resnet50', shape: [1, 3, 224, 224] }, { name: 'bert-large', shape: [1, 128] },
];
const BAR = 3;

interface Rival {
  readonly who: string;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
  readonly mebibytes: number;
}

export const sideBySide: GpuCase = {
  name: 'side-by-side',
  about: 'batch 1, one request at a time: PyTorch eager, and our pool of ONNX Runtime with CUDA and of TensorRT',
  async run({ rig, effort }) {
    const seconds = effort === 'quick' ? 0.5 : 3;
    const measures: Measure[] = [];
    for (const { name, shape } of MODELS) {
      const all = [...await rivals(name, shape, seconds), ...await ours(rig, `${name}-fp16`, shape, seconds)];
      const slowest = all.find(({ who }) => who === 'PyTorch FP32')?.perSecond;
      for (const { who, p50Ms, p99Ms, perSecond, mebibytes } of all) {
        const value = (what: string, unit: string, number: number): Measure => ({ case: 'side-by-side', measure: `${name}, ${who}: ${what}`, unit, value: number, ok: true });
        const runs = value('runs', '/s', perSecond);
        const isJudged = who === 'Pilotlight FP16' && slowest !== undefined;
        measures.push(
          isJudged ? { ...runs, reference: slowest, ratio: perSecond / slowest, bar: `>= ${BAR}`, ok: perSecond >= BAR * slowest } : runs,
          value('p50', 'ms', p50Ms), value('p99', 'ms', p99Ms), value('device memory', 'MiB', mebibytes),
        );
      }
    }
    return measures;
  },
};

async function rivals(model: string, shape: readonly number[], seconds: number): Promise<readonly Rival[]> {
  const child = spawn(PYTHON, [RIVALS, model, shape.join('x'), String(seconds)], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const [code] = await once(child, 'close') as [number | null];
  if (code !== 0) throw new Error(`${PYTHON} ${RIVALS} ended with ${code}: ${said.err.slice(-2000)}`);
  return said.out.trim().split('\n').map((line) => JSON.parse(line) as Rival);
}

async function ours(rig: GpuRig, model: GpuModelName, shape: readonly number[], seconds: number): Promise<readonly Rival[]> {
  const ends = endsOf(await planOf(rig, model), 'min');
  const onnx = rig.hasOnnxRuntimeOnGpu
    ? [{ who: 'ONNX Runtime CUDA FP16', ...await poolRun(rig, { ...ends, model: onnxOf(rig, model), backend: 'onnxruntime', shape, seconds }) }]
    : [];
  return [...onnx, { who: 'Pilotlight FP16', ...await poolRun(rig, { ...ends, backend: 'tensorrt', shape, seconds }) }];
}
