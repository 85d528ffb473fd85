// Finished runs on their way out of native: read from memory that both sides see, every output copied into an array of its own.
// In step with native/src/binding/frame.h.
import { elementTypeName, typedArrayOf, type NumericData } from './element-arrays.ts';
import type { LoneOutput } from './addon.ts';
import { ELEMENT_TYPES, type Tensor, type TensorSpec, type Tensors } from './tensor.ts';
import type { RunResult } from './port.ts';

const HEADER_WORDS = 5; // id, submittedMs, startedMs, endedMs, outputs
const UNWANTED = -1;

export class ResultReader {
  readonly #words: Float64Array;
  /** Views of the shared output bytes, by ONNX type number. */
  readonly #views: readonly (NumericData | undefined)[];
  #at = 0;

  constructor(results: ArrayBuffer, outputs: ArrayBuffer) {
    this.#words = new Float64Array(results);
    this.#views = Array.from({ length: 17 }, (_, onnx) => typedArrayOf(onnx, outputs));
  }

  /** Back to the first run. */
  rewind(): void {
    this.#at = 0;
  }

  /** Id of the run that `next` gives. */
  peekId(): number {
    return this.#words[this.#at]!; // native wrote as many runs as it told
  }

  next(outputs: readonly TensorSpec[]): RunResult {
    const words = this.#words;
    const start = this.#at;
    const count = words[start + 4]!;
    this.#at = start + HEADER_WORDS;
    const tensors: Record<string, Tensor> = {};
    for (let i = 0; i < count; i++) {
      const place = words[this.#at++]!;
      if (place !== UNWANTED) setOwn(tensors, outputs[i]!.name, this.#tensor(place)); // the engine gives what its signature lists
    }
    return { outputs: tensors, submittedMs: words[start + 1]!, startedMs: words[start + 2]!, endedMs: words[start + 3]! };
  }

  #tensor(place: number): Tensor {
    const words = this.#words;
    const onnx = words[this.#at++]!;
    const rank = words[this.#at++]!;
    const shape: number[] = [];
    let elements = 1;
    for (let axis = 0; axis < rank; axis++) {
      const size = words[this.#at++]!;
      shape.push(size);
      elements *= size;
    }
    const type = elementTypeName(onnx);
    const start = place / ELEMENT_TYPES[type].bytes;
    const view = this.#views[onnx] as Float32Array; // strings never come this way
    return { type, shape, data: view.slice(start, start + elements) };
  }
}

/** Outputs that came by themselves. */
export function toTensors(lone: readonly (LoneOutput | undefined)[], outputs: readonly TensorSpec[]): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const [i, { name }] of outputs.entries()) {
    const output = lone[i];
    if (output === undefined) continue;
    const { data } = output;
    const values = data instanceof ArrayBuffer ? typedArrayOf(output.type, data) : data;
    setOwn(tensors, name, { type: elementTypeName(output.type), shape: output.shape, data: values as NumericData | readonly string[] });
  }
  return tensors;
}

/** A model may call its output `__proto__`; an assignment would lose it. */
function setOwn(tensors: Record<string, Tensor>, name: string, tensor: Tensor): void {
  if (name === '__proto__') Object.defineProperty(tensors, name, { value: tensor, enumerable: true, writable: true, configurable: true });
  else tensors[name] = tensor;
}
