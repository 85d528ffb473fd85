// From an ONNX model to a plan that may be deployed: built in a process of its own, looked into, held against ONNX Runtime on the same
// inputs, and only then put in its place with the file that says what it is.
import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ElementType, TensorSpec } from '../../runtime/engine/tensor.ts';
import { PilotlightError, assert } from '../../runtime/errors.ts';
import type { BuilderEvent, DeviceEvent, EngineEvent, EngineTensor, LayerEvent, LibraryEvent, NetworkEvent } from './builder-events.ts';
import { runBuilder, type BuilderPlace } from './builder-process.ts';
import { compareOutputs } from './compare-outputs.ts';
import { defaultToleranceOf } from './difference.ts';
import { countTypes, parseInspection, type PlanLayer } from './inspection.ts';
import { readPlanVersion } from './plan-header.ts';
import { randomInputs } from './random-inputs.ts';
import type { Reference } from './reference.ts';
import { runPlan, writeSamples } from './run-plan.ts';
import { digestSamples, type Sample } from './samples.ts';
import { sha256Of } from './sha256-of.ts';
import { shapeArguments, type ShapeRange } from './shapes.ts';
import { SIDECAR_FORMAT, formatSidecar, sidecarPathOf, type PlanComparison, type PlanProfile, type PlanSidecar } from './sidecar.ts';

/** In the order of TensorRT's HardwareCompatibilityLevel; the words of the sidecar stand beside those of the command. */
export const COMPATIBILITY_LEVELS = { none: 'none', 'ampere-plus': 'ampere+', 'same-compute-capability': 'same-compute-capability' } as const;
export type CompatibilityLevel = keyof typeof COMPATIBILITY_LEVELS;

export interface EngineAsk {
  /** Absolute, as all paths here. */
  readonly model: string;
  readonly out: string;
  readonly shapes: readonly ShapeRange[];
  readonly workspaceBytes?: number;
  /** 0 to 5. */
  readonly optimizationLevel?: number;
  readonly timingCache?: string;
  readonly hardwareCompatibility: CompatibilityLevel;
  /** `without-runtime`: later versions need a lean runtime of this one beside them. */
  readonly versionCompatible?: 'with-runtime' | 'without-runtime';
  /** The model must have tensors of it: a plan computes in the types of its model. */
  readonly requiredType?: 'float16' | 'bfloat16';
  readonly int8?: Int8Ask;
  readonly comparison: 'none' | ComparisonAsk;
}

/** Calibration, which TensorRT 10 alone has. */
export interface Int8Ask {
  readonly samples: readonly Sample[];
  readonly cache?: string;
  /** Layers that compute in FP32 all the same. */
  readonly keepPrecision: readonly string[];
}

export interface ComparisonAsk {
  /** None: random ones in the usual and the smallest shapes of the first profile. */
  readonly samples: readonly Sample[];
  /** Left out: by the least precise type of the plan's layers. */
  readonly tolerance?: number;
}

export interface BuiltEngine {
  readonly sidecar: PlanSidecar;
  readonly scratchBytes: number;
  /** Which type the tolerance is that of, where nobody gave one. */
  readonly toleranceOf?: string;
}

export type EngineStep = 'build' | 'inspect' | 'compare' | 'write';

export interface EngineListener {
  step(step: EngineStep): void;
  event(event: BuilderEvent): void;
}

/** Rejects with a coded error or the signal's reason, and then leaves no plan behind. */
export async function buildEngine(ask: EngineAsk, place: BuilderPlace, reference: Reference, listener: EngineListener): Promise<BuiltEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'pilotlight-engine-'));
  // Beside its place, so that it can be renamed into it.
  const fresh = `${ask.out}.${process.pid}.tmp`;
  try {
    listener.step('build');
    const built = await build(ask, { ...place, fresh, folder }, listener);
    listener.step('inspect');
    const inspected = await inspectPlan(fresh, place, listener, 'allowed');
    const layers = inspected.layers ?? [];
    const types = new Set([...Object.keys(countTypes(layers)), ...built.layers.flatMap(({ outputs }) => outputs.map(({ type }) => type))]);
    listener.step('compare');
    const compared: Compared = ask.comparison === 'none' ? {} : await compare(ask, ask.comparison, { ...place, fresh, folder, types, engine: inspected.engine }, reference);
    listener.step('write');
    const sidecar = await describe(ask, fresh, { ...built, engine: inspected.engine, fused: layers, ...compared });
    await put(ask.out, fresh, sidecar);
    return { sidecar, scratchBytes: inspected.engine.scratchBytes, ...(compared.toleranceOf === undefined ? {} : { toleranceOf: compared.toleranceOf }) };
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(fresh, { force: true });
  }
}

interface Workplace extends BuilderPlace {
  readonly fresh: string;
  readonly folder: string;
}

interface BuiltPlan {
  readonly library: LibraryEvent;
  readonly device: DeviceEvent;
  readonly network: NetworkEvent;
  /** Before any fusion. */
  readonly layers: readonly LayerEvent[];
}

async function build(ask: EngineAsk, place: Workplace, listener: EngineListener): Promise<BuiltPlan> {
  const found: Partial<{ -readonly [Key in keyof BuiltPlan]: BuiltPlan[Key] }> = {};
  const layers: LayerEvent[] = [];
  await runBuilder({ verb: 'build', options: ['--model', ask.model, '--out', place.fresh, ...await buildOptions(ask, place.folder)] }, place, (event) => {
    if (event.event === 'library') found.library = event;
    else if (event.event === 'device') found.device = event;
    else if (event.event === 'network') found.network = event;
    else if (event.event === 'layer') layers.push(event);
    listener.event(event);
  });
  const { library, device, network } = found;
  assert(library !== undefined && device !== undefined && network !== undefined, 'the builder ended well without telling library, device and network');
  return { library, device, network, layers };
}

/** What a build asks for beside its files. */
export async function buildOptions(ask: Omit<EngineAsk, 'model' | 'out' | 'comparison'> & Pick<EngineAsk, 'model'>, folder: string): Promise<string[]> {
  const { workspaceBytes, optimizationLevel, timingCache, hardwareCompatibility, versionCompatible, requiredType, int8 } = ask;
  const level = Object.keys(COMPATIBILITY_LEVELS).indexOf(hardwareCompatibility);
  return [
    ...shapeArguments(ask.shapes),
    ...(workspaceBytes === undefined ? [] : ['--workspace', String(workspaceBytes)]),
    ...(optimizationLevel === undefined ? [] : ['--level', String(optimizationLevel)]),
    ...(timingCache === undefined ? [] : ['--timing-cache', timingCache]),
    ...(level === 0 ? [] : ['--hardware-compatibility', String(level)]),
    ...(versionCompatible === undefined ? [] : ['--version-compatible']),
    ...(versionCompatible === 'without-runtime' ? ['--exclude-lean-runtime'] : []),
    ...(requiredType === undefined ? [] : ['--require-type', requiredType]),
    ...(int8 === undefined ? [] : await int8Options(int8, ask.model, folder)),
  ];
}

async function int8Options({ samples, cache, keepPrecision }: Int8Ask, model: string, folder: string): Promise<string[]> {
  const key = createHash('sha256').update(await sha256Of(model)).update(digestSamples(samples)).digest('hex');
  return [
    '--int8', '--samples', await writeSamples(join(folder, 'calibration'), samples), '--calibration-key', key,
    ...(cache === undefined ? [] : ['--calibration-cache', cache]), ...keepPrecision.flatMap((layer) => ['--keep-precision', layer]),
  ];
}

export interface InspectedPlan {
  readonly library: LibraryEvent;
  readonly device: DeviceEvent;
  readonly engine: EngineEvent;
  /** After fusion; undefined: TensorRT told nothing that can be read. */
  readonly layers: readonly PlanLayer[] | undefined;
}

/** `hostCode`: whether a plan that brings code of its own may run it. */
export async function inspectPlan(plan: string, place: BuilderPlace, listener: Pick<EngineListener, 'event'>, hostCode: 'allowed' | 'refused'): Promise<InspectedPlan> {
  const found: Partial<{ -readonly [Key in keyof InspectedPlan]: InspectedPlan[Key] }> = {};
  await runBuilder({ verb: 'inspect', options: ['--plan', plan, ...(hostCode === 'allowed' ? ['--allow-host-code'] : [])] }, place, (event) => {
    if (event.event === 'library') found.library = event;
    else if (event.event === 'device') found.device = event;
    else if (event.event === 'engine') found.engine = event;
    else if (event.event === 'inspection') found.layers = parseInspection(event.text);
    listener.event(event);
  });
  const { library, device, engine, layers } = found;
  assert(library !== undefined && device !== undefined && engine !== undefined, 'the inspection ended well without telling library, device and engine');
  return { library, device, engine, layers };
}

interface Compared {
  readonly comparison?: PlanComparison;
  readonly toleranceOf?: string;
}

interface ComparePlace extends Workplace {
  readonly types: ReadonlySet<string>;
  readonly engine: EngineEvent;
}

/** Rejects BAD_MODEL when an output is too far from the reference's. */
async function compare(ask: EngineAsk, { samples, tolerance }: ComparisonAsk, place: ComparePlace, reference: Reference): Promise<Compared> {
  const byType = defaultToleranceOf(ask.int8 === undefined ? place.types : [...place.types, 'int8']);
  const limit = tolerance ?? byType.tolerance;
  const inputs = samples.length > 0 ? samples : randomSamples(place.engine.tensors.filter(({ isInput }) => isInput));
  const outputs = await runPlan({ plan: place.fresh, samples: inputs, folder: join(place.folder, 'run') }, place);
  const differences = await compareOutputs(outputs, await reference.run(ask.model, inputs, place.signal));
  const comparison: PlanComparison = {
    against: reference.name, samples: inputs.length, tolerance: limit, largestDifference: differences, isWithin: Object.values(differences).every((one) => one <= limit),
  };
  if (comparison.isWithin) return { comparison, ...(tolerance === undefined ? { toleranceOf: byType.type } : {}) };
  throw new PilotlightError('BAD_MODEL', `${basename(ask.model)}: the plan's outputs are too far from those of ${reference.name} on the same ${inputs.length} inputs: `
    + `${describeDifferences(differences)}; the limit is ${limit}${tolerance === undefined ? ` for ${byType.type}` : ''}. Nothing was written. `
    + `${ask.int8 === undefined ? 'Keep sensitive layers of the model in float32' : 'Find the layers that lose most with --compare-layers and keep them with --keep-precision'}, or raise --tolerance`);
}

export function describeDifferences(differences: PlanComparison['largestDifference']): string {
  return Object.entries(differences).map(([name, difference]) => `"${name}" by ${difference.toPrecision(3)}`).join(', ');
}

function randomSamples(inputs: readonly EngineTensor[]): readonly Sample[] {
  return (['opt', 'min'] as const).map((which, seed) => ({
    name: `random inputs ${seed + 1}`,
    inputs: randomInputs(inputs.map(({ name, type, shape, isShape, profiles }) => {
      const told = profiles[0]?.[which];
      return { name, type: type as ElementType, shape: isShape ? shape : told ?? shape, ...(isShape && told !== undefined ? { values: told } : {}) };
    }), seed + 1),
  }));
}

interface Description extends BuiltPlan {
  readonly engine: EngineEvent;
  readonly fused: readonly PlanLayer[];
  readonly comparison?: PlanComparison;
}

async function describe(ask: EngineAsk, fresh: string, { library, device, engine, layers, fused, comparison }: Description): Promise<PlanSidecar> {
  const [inputs, outputs] = [true, false].map((isInput) => engine.tensors.filter((tensor) => tensor.isInput === isInput));
  const { keepPrecision = [] } = ask.int8 ?? {};
  const sidecar: PlanSidecar = {
    format: SIDECAR_FORMAT,
    sha256: await sha256Of(fresh),
    bytes: (await stat(fresh)).size,
    builtAt: new Date().toISOString(),
    tensorrt: {
      version: await readPlanVersion(fresh) ?? library.version,
      hardwareCompatibility: COMPATIBILITY_LEVELS[ask.hardwareCompatibility],
      versionCompatible: ask.versionCompatible !== undefined,
    },
    builtOn: { gpu: device.name, computeCapability: device.computeCapability, cudaDriver: `${Math.trunc(device.driver / 1000)}.${Math.trunc(device.driver / 10) % 100}` },
    source: { file: basename(ask.model), sha256: await sha256Of(ask.model) },
    inputs: (inputs ?? []).map(specOf),
    outputs: (outputs ?? []).map(specOf),
    profiles: Array.from({ length: engine.profiles }, (_, profile) => profileOf(inputs ?? [], profile)),
    plugins: [...new Map(layers.flatMap(({ plugins }) => plugins).map((plugin) => [JSON.stringify(plugin), plugin])).values()],
    layers: { count: engine.layers, byType: countTypes(fused), before: layers.map(beforeOf), after: fused },
    options: {
      optimizationLevel: ask.optimizationLevel ?? 3,
      ...(ask.workspaceBytes === undefined ? {} : { workspaceBytes: ask.workspaceBytes }),
      ...(ask.int8 === undefined ? {} : { int8: 'calibrated', calibrationSamples: ask.int8.samples.length }),
      ...(keepPrecision.length === 0 ? {} : { keepPrecision }),
    },
    ...(comparison === undefined ? {} : { comparison }),
  };
  return ofLength(sidecar);
}

const LENGTH_MAX = 2 * 1024 * 1024;

/** A model of very many layers goes without their lists: hosts do not read sidecar files of any length. */
export function ofLength(sidecar: PlanSidecar, lengthMax = LENGTH_MAX): PlanSidecar {
  const { count, byType } = sidecar.layers;
  return formatSidecar(sidecar).length <= lengthMax ? sidecar : { ...sidecar, layers: { count, byType } };
}

function profileOf(inputs: readonly EngineTensor[], profile: number): PlanProfile {
  return Object.fromEntries(inputs.flatMap(({ name, shape, isShape, profiles }) => {
    const range = profiles[profile];
    if (range === undefined || !(isShape || shape.includes(-1))) return [];
    return [[name, isShape ? { ...range, of: 'values' as const } : range] as const];
  }));
}

function specOf({ name, type, shape }: EngineTensor): TensorSpec {
  return { name, type: type as ElementType, shape };
}

function beforeOf({ name, type, outputs }: LayerEvent): PlanLayer {
  const computed = outputs[0]?.type;
  return { name, kind: type, ...(computed === undefined ? {} : { type: computed }) };
}

async function put(out: string, fresh: string, sidecar: PlanSidecar): Promise<void> {
  const freshSidecar = sidecarPathOf(fresh);
  try {
    await writeFile(freshSidecar, formatSidecar(sidecar));
    await rename(fresh, out);
    await rename(freshSidecar, sidecarPathOf(out));
  } finally {
    await rm(freshSidecar, { force: true });
  }
}
