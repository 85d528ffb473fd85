// What everything in test/gpu stands on: a real GPU with TensorRT, found as a host finds it, and the folder of models. Nothing is
// skipped where one of them is missing: it throws and says what would do.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DoctorView } from '../../deploy/admin/view-routes.ts';
import { runPilotlight } from '../support/real-host.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Variables of the host that a user would set too, by the settings that they are for. */
const SETTINGS = {
  tensorrtLibrary: 'PILOTLIGHT_TENSORRT_LIBRARY', onnxruntimeLibrary: 'PILOTLIGHT_ONNXRUNTIME_LIBRARY', cudaLibraries: 'PILOTLIGHT_CUDA_LIBRARIES',
} as const;

export interface GpuRig {
  /** Of models and of the plans that are built from them. */
  readonly models: string;
  /** Settings file with the libraries; for `serve`, `doctor` and `engine build`. */
  readonly config: string;
  readonly tensorrtLibrary: string | undefined;
  /** Where ONNX Runtime does not reach the GPU, what is compared with it is left out and said to be. */
  readonly hasOnnxRuntimeOnGpu: boolean;
  readonly machine: GpuMachine;
  close(): Promise<void>;
}

export interface GpuMachine {
  readonly gpu: string;
  readonly computeCapability: string;
  readonly bytes: number;
  readonly tensorrt: string;
  readonly onnxruntime: string;
  readonly node: string;
  readonly cores: number;
  /** Driver and CUDA libraries, as `pilotlight doctor` names them. */
  readonly libraries: readonly string[];
}

export async function openRig(): Promise<GpuRig> {
  const models = process.env['GPU_MODELS'] ?? join(ROOT, '.gpu', 'models');
  if (!existsSync(models)) {
    throw new Error(`no folder of models ${models}: run \`python test/gpu/models/export.py ${models}\`, or name another in GPU_MODELS`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'pilotlight-gpu-'));
  const config = join(folder, 'pilotlight.config.json');
  await writeFile(config, JSON.stringify(Object.fromEntries(Object.entries(SETTINGS).flatMap(([setting, name]) => {
    const value = process.env[name];
    return value === undefined ? [] : [[setting, setting === 'cudaLibraries' ? value.split(',') : value]];
  }))));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const found = await diagnose(config);
    return {
      models, config, tensorrtLibrary: process.env[SETTINGS.tensorrtLibrary], machine: machineOf(found), close,
      hasOnnxRuntimeOnGpu: capabilityOf(found, 'onnxruntime')?.onGpu === true,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function diagnose(config: string): Promise<DoctorView> {
  const { code, out, err } = await runPilotlight(['doctor', '--json', '--config', config]);
  if (code !== 0) throw new Error(`pilotlight doctor ended with ${code}: ${err}`);
  return JSON.parse(out) as DoctorView;
}

function machineOf(found: DoctorView): GpuMachine {
  const gpu = found.devices.find(({ device }) => device === 'gpu:0');
  const tensorrt = capabilityOf(found, 'tensorrt');
  if (gpu === undefined || tensorrt?.available !== true) {
    const reasons = new Set([tensorrt?.reason, ...found.libraries.map(({ reason }) => reason)].filter((reason) => reason !== undefined));
    throw new Error(`these tests need an NVIDIA GPU and TensorRT, and ${gpu === undefined ? 'no GPU was found' : 'TensorRT was not found'}: ${[...reasons].join('; ')}. ` +
      `\`pilotlight doctor\` tells where it looked; ${SETTINGS.tensorrtLibrary} names the folder of libnvinfer`);
  }
  return {
    gpu: gpu.name, computeCapability: gpu.computeCapability ?? '', bytes: gpu.totalBytes, tensorrt: tensorrt.version ?? '',
    onnxruntime: capabilityOf(found, 'onnxruntime')?.version ?? '', node: found.node, cores: found.cores,
    libraries: found.libraries.flatMap(({ name, version }) => (version === undefined ? [] : [`${name} ${version}`])),
  };
}

function capabilityOf({ capabilities }: DoctorView, backend: string): DoctorView['capabilities'][number] | undefined {
  return capabilities.find((one) => one.backend === backend);
}
