// What the options of `pilotlight engine build` ask for, checked and with their files read.
import { resolve } from 'node:path';
import type { Config } from '../../runtime/config.ts';
import type { TensorSpec } from '../../runtime/engine/tensor.ts';
import type { CompatibilityLevel, EngineAsk, Int8Ask } from '../engine/build-engine.ts';
import type { BuilderPlace } from '../engine/builder-process.ts';
import type { Reference } from '../engine/reference.ts';
import { findSamples, readSamples, type Sample } from '../engine/samples.ts';
import { parseShapes } from '../engine/shapes.ts';
import { CliFailure } from './cli-failure.ts';

export interface EngineBuildOptions {
  readonly out?: string;
  readonly shapes?: readonly string[];
  readonly fp16?: boolean;
  readonly bf16?: boolean;
  readonly int8?: boolean;
  readonly calibration?: string;
  readonly calibrationCache?: string;
  readonly keepPrecision?: readonly string[];
  readonly compareLayers?: boolean;
  readonly samples?: string;
  readonly tolerance?: number;
  /** `--no-compare` makes it false. */
  readonly compare: boolean;
  /** Bytes. */
  readonly workspace?: number;
  readonly optimizationLevel?: number;
  readonly timingCache?: string;
  readonly hardwareCompatibility: CompatibilityLevel;
  readonly versionCompatible?: boolean;
  readonly excludeLeanRuntime?: boolean;
  readonly device: number;
  readonly config?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** A comparison needs few: calibration samples beyond these tell nothing new about the plan. */
const COMPARED_MAX = 8;

export async function askOf(model: string, options: EngineBuildOptions, folder: string, reference: Reference): Promise<EngineAsk> {
  checkTogether(options);
  const absolute = resolve(folder, model);
  const shapes = parseShapes(options.shapes ?? []);
  const { inputs } = options.calibration === undefined && options.samples === undefined ? { inputs: [] } : await reference.signatureOf(absolute);
  const read = (glob: string | undefined): Promise<readonly Sample[]> => readGlob(glob, folder, inputs);
  const calibration = await read(options.calibration);
  const samples = options.samples === undefined ? calibration : await read(options.samples);
  const int8 = options.int8 === true ? int8Of(options, calibration, folder) : undefined;
  return {
    model: absolute,
    out: resolve(folder, options.out ?? defaultOut(model)),
    shapes,
    hardwareCompatibility: options.hardwareCompatibility,
    ...(options.workspace === undefined ? {} : { workspaceBytes: options.workspace }),
    ...(options.optimizationLevel === undefined ? {} : { optimizationLevel: options.optimizationLevel }),
    ...(options.timingCache === undefined ? {} : { timingCache: resolve(folder, options.timingCache) }),
    ...(options.versionCompatible === true ? { versionCompatible: options.excludeLeanRuntime === true ? 'without-runtime' : 'with-runtime' } : {}),
    ...(options.fp16 === true ? { requiredType: 'float16' } : options.bf16 === true ? { requiredType: 'bfloat16' } : {}),
    ...(int8 === undefined ? {} : { int8 }),
    comparison: options.compare
      ? { samples: samples.slice(0, COMPARED_MAX), ...(options.tolerance === undefined ? {} : { tolerance: options.tolerance }) }
      : 'none',
  };
}

/** Where the settings say that NVIDIA's libraries lie. */
export function librariesOf({ tensorrtLibrary, cudaDriver, tensorrtPlugins }: Config): Pick<BuilderPlace, 'library' | 'driver' | 'plugins'> {
  return {
    plugins: tensorrtPlugins, ...(tensorrtLibrary === undefined ? {} : { library: tensorrtLibrary }), ...(cudaDriver === undefined ? {} : { driver: cudaDriver }),
  };
}

function int8Of({ calibrationCache, keepPrecision = [] }: EngineBuildOptions, samples: readonly Sample[], folder: string): Int8Ask {
  return { samples, keepPrecision, ...(calibrationCache === undefined ? {} : { cache: resolve(folder, calibrationCache) }) };
}

async function readGlob(glob: string | undefined, folder: string, inputs: readonly TensorSpec[]): Promise<readonly Sample[]> {
  return glob === undefined ? [] : readSamples(await findSamples(folder, glob), inputs);
}

function checkTogether(options: EngineBuildOptions): void {
  const { int8, calibration, calibrationCache, keepPrecision, compareLayers, fp16, bf16, excludeLeanRuntime, versionCompatible } = options;
  if (fp16 === true && bf16 === true) throw new CliFailure('--fp16 and --bf16: a plan computes in the types of its model, and one of them is to be there', 2);
  if (int8 === true && calibration === undefined) {
    throw new CliFailure('--int8 needs real inputs to choose its scales by: --calibration \'samples/*.npy\', some hundred of them; a model with Q/DQ nodes of its own needs no --int8', 2);
  }
  if (int8 === true) return;
  const lone = Object.entries({ '--calibration': calibration, '--calibration-cache': calibrationCache, '--keep-precision': keepPrecision, '--compare-layers': compareLayers })
    .find(([, value]) => value !== undefined);
  if (lone !== undefined) throw new CliFailure(`${lone[0]} belongs to --int8`, 2);
  if (excludeLeanRuntime === true && versionCompatible !== true) throw new CliFailure('--exclude-lean-runtime belongs to --version-compatible', 2);
}

function defaultOut(model: string): string {
  return `${model.replace(/\.onnx$/, '')}.plan`;
}
