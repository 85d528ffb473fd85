// Makes ONNX files without Python, so that tests and benchmarks need nothing but Node: a graph as plain data in, a model's bytes out.
import { ELEMENT_TYPES } from '../../runtime/engine/tensor.ts';
import type { ElementType, TensorData } from '../../runtime/engine/tensor.ts';
import { bytes, encode, float, integer, message, text } from './protobuf.ts';
import type { Message } from './protobuf.ts';

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers?: readonly OnnxInitializer[];
  /** Version of the operator set; 17 when left out. */
  readonly opset?: number;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: ElementType;
  /** A dynamic axis is its symbolic name, or -1. Left out: the model does not say how many axes there are. */
  readonly shape?: readonly (number | string)[];
  /** A sequence of such tensors instead of one. */
  readonly container?: 'sequence';
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Left out: ONNX's own operators. */
  readonly domain?: string;
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string };

export interface OnnxInitializer {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const IR_VERSION = 8;
const OPSET = 17;

// AttributeProto.type
const FLOAT = 1;
const INT = 2;
const STRING = 3;
const FLOATS = 6;
const INTS = 7;

export function onnxModel(graph: OnnxGraph): Uint8Array {
  return encode(
    integer(1, IR_VERSION),
    text(2, 'pilotlight'),
    message(7, ...graphFields(graph)),
    ...operatorSets(graph).map(([domain, version]) => message(8, text(1, domain), integer(2, version))),
  );
}

function operatorSets(graph: OnnxGraph): readonly (readonly [domain: string, version: number])[] {
  const foreign = new Set(graph.nodes.flatMap(({ domain }) => (domain === undefined ? [] : [domain])));
  return [['', graph.opset ?? OPSET], ...[...foreign].map((domain) => [domain, 1] as const)];
}

function graphFields(graph: OnnxGraph): readonly Message[] {
  return [
    ...graph.nodes.map((node, index) => message(1, ...nodeFields(node, index))),
    text(2, 'graph'),
    ...(graph.initializers ?? []).map((initializer) => message(5, ...tensorFields(initializer))),
    ...graph.inputs.map((value) => message(11, ...valueFields(value))),
    ...graph.outputs.map((value) => message(12, ...valueFields(value))),
  ];
}

function nodeFields(node: OnnxNode, index: number): readonly Message[] {
  return [
    ...node.inputs.map((name) => text(1, name)),
    ...node.outputs.map((name) => text(2, name)),
    text(3, `${node.op}${index}`),
    text(4, node.op),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) => message(5, text(1, name), ...attributeFields(value))),
    ...(node.domain === undefined ? [] : [text(7, node.domain)]),
  ];
}

function attributeFields(value: OnnxAttribute): readonly Message[] {
  if ('int' in value) return [integer(3, value.int), integer(20, INT)];
  if ('ints' in value) return [...value.ints.map((item) => integer(8, item)), integer(20, INTS)];
  if ('float' in value) return [float(2, value.float), integer(20, FLOAT)];
  if ('floats' in value) return [...value.floats.map((item) => float(7, item)), integer(20, FLOATS)];
  return [text(4, value.string), integer(20, STRING)];
}

function tensorFields({ name, type, shape, data }: OnnxInitializer): readonly Message[] {
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (data.length !== count) throw new RangeError(`initializer "${name}" of shape [${shape}] needs ${count} elements and has ${data.length}`);
  return [
    ...shape.map((axis) => integer(1, axis)),
    integer(2, ELEMENT_TYPES[type].onnx),
    text(8, name),
    // Raw bytes are little-endian, as every machine that ONNX Runtime runs on.
    ...(ArrayBuffer.isView(data) ? [bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))] : data.map((item) => text(6, item))),
  ];
}

function valueFields({ name, type, shape, container }: OnnxValue): readonly Message[] {
  const element = integer(1, ELEMENT_TYPES[type].onnx);
  const tensor = message(1, element, ...(shape === undefined ? [] : [message(2, ...shape.map(axisField))]));
  return [text(1, name), message(2, container === 'sequence' ? message(4, message(1, tensor)) : tensor)];
}

function axisField(axis: number | string): Message {
  if (typeof axis === 'string') return message(1, text(2, axis));
  return axis < 0 ? message(1) : message(1, integer(1, axis));
}
