// Tensor words shared by handlers, isolates and the engine: element types, signatures, values.

/** Element types by name; the number is ONNX's TensorProto.DataType, which ONNX Runtime's C API shares. */
export const ELEMENT_TYPES = {
  float32: { onnx: 1, bytes: 4, array: Float32Array },
  uint8: { onnx: 2, bytes: 1, array: Uint8Array },
  int8: { onnx: 3, bytes: 1, array: Int8Array },
  uint16: { onnx: 4, bytes: 2, array: Uint16Array },
  int16: { onnx: 5, bytes: 2, array: Int16Array },
  int32: { onnx: 6, bytes: 4, array: Int32Array },
  int64: { onnx: 7, bytes: 8, array: BigInt64Array },
  string: { onnx: 8, bytes: 0, array: Array },
  bool: { onnx: 9, bytes: 1, array: Uint8Array },
  float16: { onnx: 10, bytes: 2, array: Uint16Array },
  float64: { onnx: 11, bytes: 8, array: Float64Array },
  uint32: { onnx: 12, bytes: 4, array: Uint32Array },
  uint64: { onnx: 13, bytes: 8, array: BigUint64Array },
  bfloat16: { onnx: 16, bytes: 2, array: Uint16Array },
} as const;

export type ElementType = keyof typeof ELEMENT_TYPES;

export type TensorData =
  | Float32Array | Float64Array | Uint8Array | Int8Array | Uint16Array | Int16Array
  | Int32Array | Uint32Array | BigInt64Array | BigUint64Array | readonly string[];

/** A named tensor's value. `data` is row-major and holds exactly the product of `shape` elements. */
export interface Tensor {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** What a model declares of one input or output. A dynamic axis is its symbolic name, or -1 if it has none. */
export interface TensorSpec {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
  /** The model does not say how many axes there are: `shape` is empty and tells nothing. */
  readonly anyRank?: true;
}

export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}
