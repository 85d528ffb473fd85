// The file beside a TensorRT plan that says what the plan is: `MODEL.plan.json` for `MODEL.plan`. A plan itself tells its version and
// nothing else before it is loaded, so whoever builds one writes this down, and a host checks it before it loads anything.
import { ELEMENT_TYPES, type Signature, type TensorSpec } from '../../runtime/engine/tensor.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import type { PlanLayer } from './inspection.ts';

export const SIDECAR_FORMAT = 'pilotlight-plan/1';

/** TensorRT's HardwareCompatibilityLevel: on which GPUs beside those of the same compute capability the plan runs. */
export const HARDWARE_COMPATIBILITIES = ['none', 'ampere+', 'same-compute-capability'] as const;
export type HardwareCompatibility = (typeof HARDWARE_COMPATIBILITIES)[number];

export interface PlanSidecar {
  readonly format: typeof SIDECAR_FORMAT;
  /** Of the plan: 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly bytes: number;
  /** `2026-11-21T19:00:00.000Z` */
  readonly builtAt: string;
  readonly tensorrt: {
    /** All of it: `10.6.0.26`. */
    readonly version: string;
    readonly hardwareCompatibility: HardwareCompatibility;
    /** Runs on later versions too, by host code of its own. */
    readonly versionCompatible: boolean;
  };
  readonly builtOn: {
    /** As the driver calls it: `NVIDIA H200`. */
    readonly gpu: string;
    /** `9.0` */
    readonly computeCapability: string;
    /** The CUDA version of the driver: `13.0`. */
    readonly cudaDriver: string;
  };
  /** What it was built from: the file's name without folders, its digest. */
  readonly source: { readonly file: string; readonly sha256: string };
  /** In the plan's own order. A dynamic axis is -1 or its name. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** In the plan's order; each with a range for every input that has a dynamic axis. */
  readonly profiles: readonly PlanProfile[];
  readonly plugins: readonly PlanPlugin[];
  readonly layers: {
    readonly count: number;
    /** How many compute in which type: `{ "float16": 53, "int8": 2 }`. */
    readonly byType: Readonly<Record<string, number>>;
    /** As the model has them, and as the plan runs them. */
    readonly before?: readonly PlanLayer[];
    readonly after?: readonly PlanLayer[];
  };
  /** What the build was asked for, by option: `{ "optimizationLevel": 3, "workspaceBytes": 1073741824 }`. */
  readonly options: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** Left out: nobody compared it. */
  readonly comparison?: PlanComparison;
}

/** By input. */
export type PlanProfile = Readonly<Record<string, PlanRange>>;

/** Sizes by axis; of an input that itself holds a shape, its values. */
export interface PlanRange {
  readonly min: readonly number[];
  readonly opt: readonly number[];
  readonly max: readonly number[];
  readonly of?: 'values';
}

export interface PlanPlugin {
  readonly name: string;
  readonly version: string;
  readonly namespace: string;
}

/** How far its outputs were from those of another engine on the same inputs. */
export interface PlanComparison {
  /** `onnxruntime 1.30.0 on the CPU` */
  readonly against: string;
  /** Sets of inputs that both were asked. */
  readonly samples: number;
  readonly tolerance: number;
  /** By output. */
  readonly largestDifference: Readonly<Record<string, number>>;
  readonly isWithin: boolean;
}

export function sidecarPathOf(planPath: string): string {
  return `${planPath}.json`;
}

export function signatureOf({ inputs, outputs }: PlanSidecar): Signature {
  return { inputs, outputs };
}

export function formatSidecar(sidecar: PlanSidecar): string {
  return `${JSON.stringify(sidecar, undefined, 2)}\n`;
}

/**
 * Reads the text of a sidecar file, which anybody may have written: all that a host decides by is checked, the rest is for people and
 * passed on. Throws BAD_MODEL with `file`, the field, what was found and what would do.
 */
export function parseSidecar(text: string, file: string): PlanSidecar {
  const fields = new Fields(file, parseJson(text, file));
  const format = fields.text('format');
  if (format !== SIDECAR_FORMAT) throw refuse(file, `its format is ${shown(format)}, and this version reads ${SIDECAR_FORMAT}; build the plan anew, or delete the file and the plan is tried as it is`);
  const [tensorrt, builtOn] = [fields.part('tensorrt'), fields.part('builtOn')];
  return {
    ...(fields.value as unknown as PlanSidecar),
    format: SIDECAR_FORMAT,
    sha256: fields.matching('sha256', /^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits'),
    tensorrt: {
      version: tensorrt.matching('version', /^\d{1,3}(\.\d{1,5}){2,3}$/, 'a version such as 10.6.0.26'),
      hardwareCompatibility: tensorrt.oneOf('hardwareCompatibility', HARDWARE_COMPATIBILITIES),
      versionCompatible: tensorrt.boolean('versionCompatible'),
    },
    builtOn: {
      gpu: builtOn.text('gpu'),
      computeCapability: builtOn.matching('computeCapability', /^\d{1,3}\.\d{1,2}$/, 'a version such as 9.0'),
      cudaDriver: builtOn.text('cudaDriver'),
    },
    inputs: tensorSpecs(fields, 'inputs'),
    outputs: tensorSpecs(fields, 'outputs'),
    profiles: fields.list('profiles', PROFILES_MAX).map(profile),
  };
}

const TENSORS_MAX = 1_000;
const AXES_MAX = 8;
const PROFILES_MAX = 1_000;
const SIDECAR_LENGTH_MAX = 4 * 1024 * 1024;

type Plain = Readonly<Record<string, unknown>>;

/** An object of the file, with the place that it stands at. */
class Fields {
  readonly value: Plain;
  readonly #file: string;
  readonly #at: string;

  constructor(file: string, value: unknown, at = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(file, `${at === '' ? 'it' : at} must be an object, found ${shown(value)}`);
    this.#file = file;
    this.#at = at;
    this.value = value as Plain;
  }

  /** In its order. */
  get names(): readonly string[] {
    return Object.keys(this.value);
  }

  part(name: string): Fields {
    return new Fields(this.#file, this.value[name], this.#name(name));
  }

  list(name: string, countMax: number): readonly Fields[] {
    const found = this.value[name];
    if (!Array.isArray(found) || found.length > countMax) throw this.wrong(name, `a list of at most ${countMax} entries`);
    return found.map((one, index) => new Fields(this.#file, one, `${this.#name(name)}[${index}]`));
  }

  text(name: string): string {
    const found = this.value[name];
    if (typeof found !== 'string' || found === '') throw this.wrong(name, 'a text');
    return found;
  }

  matching(name: string, pattern: RegExp, expects: string): string {
    const found = this.value[name];
    if (typeof found !== 'string' || !pattern.test(found)) throw this.wrong(name, expects);
    return found;
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.value[name]);
    if (found === undefined) throw this.wrong(name, choices.map(shown).join(' or '));
    return found;
  }

  boolean(name: string): boolean {
    const found = this.value[name];
    if (typeof found !== 'boolean') throw this.wrong(name, 'true or false');
    return found;
  }

  wrong(name: string, expects: string): PilotlightError {
    return refuse(this.#file, `${this.#name(name)} must be ${expects}, found ${shown(this.value[name])}`);
  }

  #name(name: string): string {
    return this.#at === '' ? name : `${this.#at}.${name}`;
  }
}

function tensorSpecs(fields: Fields, name: 'inputs' | 'outputs'): readonly TensorSpec[] {
  const types = Object.keys(ELEMENT_TYPES) as (keyof typeof ELEMENT_TYPES)[];
  const specs = fields.list(name, TENSORS_MAX).map((one): TensorSpec => {
    const shape = one.value['shape'];
    if (!Array.isArray(shape) || shape.length > AXES_MAX || !shape.every(isAxis)) throw one.wrong('shape', `at most ${AXES_MAX} sizes, names, or -1`);
    return { name: one.text('name'), type: one.oneOf('type', types), shape };
  });
  if (new Set(specs.map((spec) => spec.name)).size < specs.length) throw fields.wrong(name, 'tensors of different names');
  return specs;
}

function profile(fields: Fields): PlanProfile {
  return Object.fromEntries(fields.names.map((name) => {
    const range = fields.part(name);
    const [min, opt, max] = [sizes(range, 'min'), sizes(range, 'opt'), sizes(range, 'max')];
    return [name, { min, opt, max, ...(range.value['of'] === undefined ? {} : { of: range.oneOf('of', ['values']) }) }];
  }));
}

function sizes(range: Fields, name: string): readonly number[] {
  const found = range.value[name];
  if (!Array.isArray(found) || found.length > AXES_MAX || !found.every((size) => Number.isSafeInteger(size) && Number(size) >= 0)) {
    throw range.wrong(name, `at most ${AXES_MAX} whole numbers`);
  }
  return found as readonly number[];
}

function isAxis(axis: unknown): axis is number | string {
  return (typeof axis === 'string' && axis !== '') || (Number.isSafeInteger(axis) && Number(axis) >= -1);
}

function parseJson(text: string, file: string): unknown {
  if (text.length > SIDECAR_LENGTH_MAX) throw refuse(file, `it has ${text.length} characters, more than ${SIDECAR_LENGTH_MAX}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(file, `it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function refuse(file: string, why: string): PilotlightError {
  return new PilotlightError('BAD_MODEL', `${file} should say what the plan beside it is: ${why}`);
}
