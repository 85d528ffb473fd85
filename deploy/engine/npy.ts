// Reads a tensor that NumPy has saved: `np.save("0.npy", image)`.
import { ELEMENT_TYPES, type ElementType, type Tensor, type TensorData } from '../../runtime/engine/tensor.ts';
import { PilotlightError } from '../../runtime/errors.ts';

const MAGIC = '\x93NUMPY';
const TYPES: Readonly<Record<string, ElementType>> = {
  '<f2': 'float16', '<f4': 'float32', '<f8': 'float64', '|i1': 'int8', '|u1': 'uint8', '<i2': 'int16', '<u2': 'uint16', '<i4': 'int32', '<u4': 'uint32',
  '<i8': 'int64', '<u8': 'uint64', '|b1': 'bool',
};

/** Throws BAD_TENSOR with the file, what was found and what would do. */
export function parseNpy(bytes: Uint8Array, file: string): Tensor {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 12 || view.toString('latin1', 0, MAGIC.length) !== MAGIC) throw refuse(file, 'it does not begin as a .npy file');
  const version = view[6] ?? 0;
  const [length, from] = version === 1 ? [view.readUInt16LE(8), 10] : [view.readUInt32LE(8), 12];
  const header = view.toString('latin1', from, from + length);
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const axes = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (descr === undefined || axes === undefined) throw refuse(file, `its header tells no type and shape: ${header.slice(0, 80)}`);
  const type = TYPES[descr];
  if (type === undefined) throw refuse(file, `its elements are ${descr}; save one of ${Object.keys(TYPES).join(', ')}`);
  if (/'fortran_order':\s*True/.test(header)) throw refuse(file, 'it is in Fortran order; save np.ascontiguousarray(x)');
  const shape = axes.split(',').map((size) => size.trim()).filter((size) => size !== '').map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const data = view.subarray(from + length);
  const { bytes: elementBytes, array } = ELEMENT_TYPES[type];
  if (data.length !== count * elementBytes) throw refuse(file, `it has ${data.length} bytes of data, and its shape [${shape.join(', ')}] of ${type} ${count * elementBytes}`);
  const aligned = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
  return { type, shape, data: new (array as new (buffer: ArrayBufferLike) => TensorData)(aligned) };
}

function refuse(file: string, why: string): PilotlightError {
  return new PilotlightError('BAD_TENSOR', `${file}: ${why}`);
}
