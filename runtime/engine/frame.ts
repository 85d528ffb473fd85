// A run on its way into native: written as words and bytes into memory that both sides see, because one Node-API call for each name,
// dimension and buffer costs more than a small model's run. In step with native/src/binding/frame.h.
import { RANK_MAX, type InputCheck } from './check.ts';
import { typedArrayOf, type NumericData } from './element-arrays.ts';

/** What lies where, in the frame and in results. In step with kLayout of native/src/binding/frame.h. */
export const FRAME_LAYOUT = 1;
const HEADER_WORDS = 6; // id, pool, slot, deadlineMs, inputs, outputs
const DIRECT = -1;
/** Inputs up to here are copied twice, but without Node-API; larger ones once. */
const STAGED_BYTES_MAX = 8192;

export class FrameWriter {
  readonly #words: Float64Array;
  readonly #stagingBytes: number;
  /** Views of the staging bytes, by ONNX type number; undefined for strings. */
  readonly #views: readonly (NumericData | undefined)[];

  constructor(frame: ArrayBuffer, staging: ArrayBuffer) {
    this.#words = new Float64Array(frame);
    this.#stagingBytes = staging.byteLength;
    this.#views = Array.from({ length: 17 }, (_, onnx) => typedArrayOf(onnx, staging));
  }

  /** False: a model with so many inputs, axes and outputs cannot be run. */
  hasRoomFor(check: InputCheck, outputs: number): boolean {
    const words = check.inputs.reduce((sum, { rank }) => sum + 3 + (rank === -1 ? RANK_MAX : rank), HEADER_WORDS + outputs);
    return words <= this.#words.length;
  }

  /** Writes what `check` has found right. Gives the data that native must read itself, by input. */
  write(id: number, pool: number, slot: number, deadlineMs: number, check: InputCheck, wanted: readonly boolean[] | undefined): unknown[] | undefined {
    const words = this.#words;
    words[0] = id;
    words[1] = pool;
    words[2] = slot;
    words[3] = deadlineMs;
    words[4] = check.inputs.length;
    words[5] = wanted === undefined ? 0 : wanted.length;
    let at = HEADER_WORDS;
    let staged = 0;
    let dim = 0;
    let direct: unknown[] | undefined;
    for (let i = 0; i < check.inputs.length; i++) {
      const input = check.inputs[i]!; // i < length
      const data = check.data[i];
      const bytes = check.elements[i]! * input.bytes;
      words[at++] = input.onnx;
      const view = bytes <= STAGED_BYTES_MAX && staged + bytes <= this.#stagingBytes ? this.#views[input.onnx] : undefined;
      if (view === undefined) {
        (direct ??= [])[i] = data;
        words[at++] = DIRECT;
      } else {
        (view as Float32Array).set(data as Float32Array, staged / input.bytes); // the check found both of the same class
        words[at++] = staged;
        staged = (staged + bytes + 7) & ~7;
      }
      const rank = check.ranks[i]!;
      words[at++] = rank;
      for (let axis = 0; axis < rank; axis++) words[at++] = check.dims[dim++]!;
    }
    if (wanted !== undefined) for (const is of wanted) words[at++] = is ? 1 : 0;
    return direct;
  }
}
