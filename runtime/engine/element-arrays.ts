// Element types by their ONNX number, as native tells them.
import { ELEMENT_TYPES, type ElementType, type TensorData } from './tensor.ts';

export type NumericData = Exclude<TensorData, readonly string[]>;

const BY_ONNX: readonly ({ readonly name: ElementType; readonly array: new (buffer: ArrayBuffer) => NumericData } | undefined)[] = (() => {
  const table: { name: ElementType; array: new (buffer: ArrayBuffer) => NumericData }[] = [];
  for (const [name, { onnx, array }] of Object.entries(ELEMENT_TYPES)) {
    table[onnx] = { name: name as ElementType, array: array as unknown as new (buffer: ArrayBuffer) => NumericData };
  }
  return Array.from(table);
})();

/** The type's name; native tells no number that is not in the table. */
export function elementTypeName(onnx: number): ElementType {
  const type = BY_ONNX[onnx];
  if (type === undefined) throw new Error(`bug: element type ${onnx} has no name`);
  return type.name;
}

/** All of `buffer` as the type's array; undefined for strings and for no type. */
export function typedArrayOf(onnx: number, buffer: ArrayBuffer): NumericData | undefined {
  const type = BY_ONNX[onnx];
  return type === undefined || type.name === 'string' ? undefined : new type.array(buffer);
}
