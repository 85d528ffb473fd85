// Holds a caller's inputs against a model's signature, before anything is copied. Reads every property of the caller's objects exactly
// once, so that what was checked is what is sent; native checks lengths again. One check serves one thread: it keeps its findings.
import { PilotlightError } from '../errors.ts';
import { ELEMENT_TYPES, type ElementType, type Signature, type TensorSpec, type Tensors } from './tensor.ts';

/** What the check knows of one input beforehand. */
interface InputPlan {
  readonly spec: TensorSpec;
  readonly name: string;
  readonly type: ElementType;
  readonly onnx: number;
  readonly bytes: number;
  /** -1: any number of axes. */
  readonly rank: number;
  /** Name of the one class whose arrays are accepted; `Array` for strings. */
  readonly arrayName: string;
  /** By axis: a size, or -1 - s for symbol number s, or ANY_SIZE. */
  readonly axes: readonly number[];
}

const ANY_SIZE = -1e9;
/** For an input that takes any number of axes: what a frame has room for. */
export const RANK_MAX = 32;

// The built-in getters tell the truth also of objects that were dressed up, and of arrays of another realm.
const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
const getterOf = (key: PropertyKey) => Object.getOwnPropertyDescriptor(typedArrayPrototype, key)?.get as (this: unknown) => unknown;
const tagOf = getterOf(Symbol.toStringTag) as (this: unknown) => string | undefined;
const lengthOf = getterOf('length') as (this: unknown) => number;

export class InputCheck {
  readonly inputs: readonly InputPlan[];
  /** Findings of the last check: data, number of elements and of axes by input; all dimensions one after the other. */
  readonly data: unknown[];
  readonly elements: number[];
  readonly ranks: number[];
  readonly dims: number[] = [];
  readonly #symbols: readonly string[];
  /** Size of each symbol, and the input that said so first. */
  readonly #sizes: number[];
  readonly #sizedBy: string[] = [];

  constructor(signature: Signature) {
    const symbols = [...new Set(signature.inputs.flatMap(({ shape }) => shape.filter((axis) => typeof axis === 'string')))];
    this.#symbols = symbols;
    this.#sizes = symbols.map(() => 0);
    this.inputs = signature.inputs.map((spec) => planOf(spec, symbols));
    this.data = signature.inputs.map(() => undefined);
    this.elements = signature.inputs.map(() => 0);
    this.ranks = this.inputs.map(({ rank }) => rank);
  }

  /** Throws BAD_TENSOR, which names the tensor, what was wanted and what was found. */
  check(inputs: Tensors): void {
    if (typeof inputs !== 'object' || inputs === null) throw refusal(`the inputs are ${describe(inputs)}: expected an object with ${this.#wanted()}`);
    if (Object.keys(inputs).length !== this.inputs.length) this.#refuseNames(inputs);
    this.#begin();
    for (let i = 0; i < this.inputs.length; i++) this.#checkInput(i, this.inputs[i]!, inputs); // i < length
    // Last, when no getter of the caller runs any more: it could take away a buffer that was looked at.
    for (let i = 0; i < this.inputs.length; i++) checkData(this.inputs[i]!, this.elements[i]!, this.data[i]);
  }

  #begin(): void {
    for (let s = 0; s < this.#sizes.length; s++) this.#sizes[s] = 0;
    this.dims.length = 0;
  }

  /** After every check: lets go of the findings and of the caller's arrays. */
  end(): void {
    for (let i = 0; i < this.data.length; i++) this.data[i] = undefined;
  }

  #checkInput(index: number, input: InputPlan, inputs: Tensors): void {
    if (!Object.hasOwn(inputs, input.name)) this.#refuseNames(inputs);
    const tensor: unknown = inputs[input.name];
    if (typeof tensor !== 'object' || tensor === null) throw refused(input, `found ${describe(tensor)} instead of { type, shape, data }`);
    const { type, shape, data } = tensor as { type?: unknown; shape?: unknown; data?: unknown };
    if (type !== input.type) throw refused(input, `found type ${describe(type)}`);
    this.elements[index] = this.#checkShape(index, input, shape);
    this.data[index] = data;
  }

  /** Number of elements of a right shape. */
  #checkShape(index: number, input: InputPlan, shape: unknown): number {
    if (!Array.isArray(shape)) throw refused(input, `found shape ${describe(shape)} instead of an array of sizes`);
    const rank = shape.length;
    if (rank !== input.rank) this.#takeRank(index, input, rank, shape);
    let elements = 1;
    for (let axis = 0; axis < rank; axis++) {
      const size: unknown = shape[axis];
      const wanted = input.axes[axis] ?? ANY_SIZE;
      if (size !== wanted) this.#checkDynamic(input, axis, wanted, size);
      this.dims.push(size as number);
      elements *= size as number;
    }
    return elements;
  }

  #takeRank(index: number, input: InputPlan, rank: number, shape: readonly unknown[]): void {
    if (input.rank === -1 && rank <= RANK_MAX) {
      this.ranks[index] = rank;
      return;
    }
    const found = `found shape [${shape.slice(0, 8).map(describe).join(', ')}${rank > 8 ? ', ...' : ''}]`;
    throw refused(input, input.rank === -1 ? `${found}: at most ${RANK_MAX} axes can be sent, not ${rank}` : `${found}: ${input.rank} axes are wanted, not ${rank}`);
  }

  #checkDynamic(input: InputPlan, axis: number, wanted: number, size: unknown): void {
    if (wanted >= 0) throw refused(input, `found ${describe(size)} at axis ${axis}: only ${wanted} is right`);
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 1) {
      throw refused(input, `found ${describe(size)} at axis ${axis}: a whole number from 1 is wanted`);
    }
    if (wanted === ANY_SIZE) return;
    const symbol = -1 - wanted;
    if (this.#sizes[symbol] === 0) {
      this.#sizes[symbol] = size;
      this.#sizedBy[symbol] = input.name;
    } else if (this.#sizes[symbol] !== size) {
      const { [symbol]: name } = this.#symbols;
      const first = this.#sizedBy[symbol];
      throw refused(input, `found ${size} at axis ${axis}, but "${name}" is ${this.#sizes[symbol]} ${first === input.name ? 'at an earlier axis' : `in input "${first}"`}`);
    }
  }

  #refuseNames(inputs: Tensors): never {
    const known = new Set(this.inputs.map(({ name }) => name));
    const unknown = Object.keys(inputs).find((name) => !known.has(name));
    if (unknown !== undefined) throw refusal(`input "${unknown}" is unknown: the model takes ${this.#wanted()}`);
    const missing = this.inputs.find(({ name }) => !Object.hasOwn(inputs, name));
    throw refusal(`input "${missing?.name}" is missing: the model takes ${this.#wanted()}`);
  }

  #wanted(): string {
    return this.inputs.length === 0 ? 'no input' : this.inputs.map(({ spec }) => `"${spec.name}" ${describeSpec(spec)}`).join(', ');
  }
}

function planOf(spec: TensorSpec, symbols: readonly string[]): InputPlan {
  const { onnx, bytes, array } = ELEMENT_TYPES[spec.type];
  const axes = spec.shape.map((axis) => (typeof axis === 'string' ? -1 - symbols.indexOf(axis) : axis < 0 ? ANY_SIZE : axis));
  return { spec, name: spec.name, type: spec.type, onnx, bytes, rank: spec.anyRank ? -1 : axes.length, arrayName: array.name, axes };
}

function checkData(input: InputPlan, elements: number, data: unknown): void {
  if (input.type === 'string') return checkStrings(input, elements, data);
  const tag = tagOf.call(data);
  if (tag !== input.arrayName) throw refused(input, `found ${tag ?? describe(data)} as data: ${adviceFor(input)}`);
  const length = lengthOf.call(data);
  if (length !== elements) {
    const hint = length === 0 ? ' (a buffer that was transferred or shrunk has none)' : '';
    throw refused(input, `found ${length} elements${hint}: the shape needs ${elements}`);
  }
}

function checkStrings(input: InputPlan, elements: number, data: unknown): void {
  if (!Array.isArray(data)) throw refused(input, `found ${tagOf.call(data) ?? describe(data)} as data: an array of strings is wanted`);
  if (data.length !== elements) throw refused(input, `found ${data.length} elements: the shape needs ${elements}`);
  const odd = data.findIndex((item) => typeof item !== 'string');
  if (odd !== -1) throw refused(input, `found ${describe(data[odd])} at element ${odd}: a string is wanted`);
}

function adviceFor({ type, arrayName }: InputPlan): string {
  if (type === 'int64' || type === 'uint64') return `a ${arrayName} is wanted, for example ${arrayName}.from(numbers, BigInt)`;
  if (type === 'float16' || type === 'bfloat16') return `a ${arrayName} with the bits of each value is wanted`;
  return `${/^[AEIOU]/.test(arrayName) ? 'an' : 'a'} ${arrayName} is wanted`;
}

/** `float32 [batch, 1, 28, 28]` */
export function describeSpec({ type, shape, anyRank }: TensorSpec): string {
  if (anyRank) return `${type} of any shape`;
  return `${type} [${shape.map((axis) => (axis === -1 ? '?' : axis)).join(', ')}]`;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 40)}"`;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' || value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function refused(input: InputPlan, found: string): PilotlightError {
  return refusal(`input "${input.name}" must be ${describeSpec(input.spec)}; ${found}`);
}

function refusal(text: string): PilotlightError {
  return new PilotlightError('BAD_TENSOR', text);
}
