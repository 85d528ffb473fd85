// Reads a warm input file of a manifest: `{ "inputs": { "image": { "type", "shape", "data" } }, "expect": {...}, "tolerance": 0.001 }`.
// Tensors are written as `run()` takes them; `data` may be nested as NumPy's tolist() gives it.
import { ELEMENT_TYPES, type ElementType, type Tensor, type TensorData, type Tensors } from '../../runtime/engine/tensor.ts';
import { PilotlightError, describeThrown } from '../../runtime/errors.ts';
import type { WarmSample } from '../../runtime/residency/pool-plan.ts';

/** `name` is the file's path inside the bundle, for messages. Throws WARMUP_FAILED naming file and tensor. */
export function parseWarmSample(name: string, text: string): WarmSample {
  const sample = asRecord(parseJson(name, text), name, 'an object with "inputs"');
  const unknown = Object.keys(sample).find((key) => !['inputs', 'expect', 'tolerance'].includes(key));
  if (unknown !== undefined) throw bad(name, `the unknown field "${unknown}"`, 'only "inputs", "expect" and "tolerance"');
  const { expect, tolerance } = sample;
  if (tolerance !== undefined && (typeof tolerance !== 'number' || !(tolerance >= 0))) {
    throw bad(name, `tolerance ${JSON.stringify(tolerance)}`, 'a number of at least 0');
  }
  return {
    name,
    inputs: parseTensors(name, 'inputs', sample['inputs']),
    ...(expect === undefined ? {} : { expect: parseTensors(name, 'expect', expect) }),
    ...(tolerance === undefined ? {} : { tolerance }),
  };
}

function parseTensors(file: string, field: string, value: unknown): Tensors {
  const entries = Object.entries(asRecord(value, `${file}: ${field}`, 'an object of tensors by name'));
  if (entries.length === 0) throw bad(`${file}: ${field}`, 'no tensor', 'at least one');
  return Object.fromEntries(entries.map(([name, tensor]) => [name, parseTensor(`${file}: ${field}.${name}`, tensor)]));
}

function parseTensor(place: string, value: unknown): Tensor {
  const { type, shape, data } = asRecord(value, place, '{ "type", "shape", "data" }');
  if (typeof type !== 'string' || !Object.hasOwn(ELEMENT_TYPES, type)) {
    throw bad(place, `type ${JSON.stringify(type)}`, `one of ${Object.keys(ELEMENT_TYPES).join(', ')}`);
  }
  if (!Array.isArray(shape) || !shape.every((axis): axis is number => Number.isSafeInteger(axis) && axis >= 0)) {
    throw bad(place, `shape ${JSON.stringify(shape)}`, 'an array of whole numbers');
  }
  if (!Array.isArray(data)) throw bad(place, `data of type ${typeof data}`, 'an array');
  const flat = data.flat(Infinity) as unknown[];
  const wanted = shape.reduce((product, axis) => product * axis, 1);
  if (flat.length !== wanted) throw bad(place, `${flat.length} elements`, `${wanted}, the product of shape [${shape.join(', ')}]`);
  return { type: type as ElementType, shape, data: toData(place, type as ElementType, flat) };
}

function toData(place: string, type: ElementType, flat: readonly unknown[]): TensorData {
  try {
    if (type === 'string') return flat.map((item) => checked(item, typeof item === 'string'));
    // 64-bit integers past 2^53 are written as strings.
    if (type === 'int64') return BigInt64Array.from(flat, toBigInt);
    if (type === 'uint64') return BigUint64Array.from(flat, toBigInt);
    const numbers = flat.map((item) => Number(checked(item, typeof item === 'number' || typeof item === 'boolean')));
    return ELEMENT_TYPES[type].array.from(numbers) as TensorData;
  } catch (error) {
    throw bad(place, describeThrown(error), `elements of ${type}`);
  }
}

function toBigInt(item: unknown): bigint {
  return BigInt(checked(item, typeof item === 'string' || Number.isSafeInteger(item)) as string | number);
}

function checked<T>(item: unknown, isRight: boolean): T {
  if (!isRight) throw new TypeError(`the element ${JSON.stringify(item)}`);
  return item as T;
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bad(name, `no JSON (${describeThrown(error)})`, 'a JSON object');
  }
}

function asRecord(value: unknown, place: string, wanted: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(place, JSON.stringify(value)?.slice(0, 60) ?? 'nothing', wanted);
  return value as Record<string, unknown>;
}

function bad(place: string, found: string, wanted: string): PilotlightError {
  return new PilotlightError('WARMUP_FAILED', `warm input ${place}: found ${found}, wanted ${wanted}`);
}
