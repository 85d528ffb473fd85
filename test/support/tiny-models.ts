// The tiny model files beside this file, which the native tests read: `node dist/test/support/tiny-models.js` writes them again.
// Each is right, or wrong in one way.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ELEMENT_TYPES } from '../../runtime/engine/tensor.ts';
import type { ElementType } from '../../runtime/engine/tensor.ts';
import { onnxModel } from './onnx-model.ts';
import { addThree, identity, slow } from './sample-models.ts';

export const TINY_MODELS_FOLDER = fileURLToPath(new URL('../../../test/support/models/', import.meta.url));

/** File name to content. */
export function tinyModels(): ReadonlyMap<string, Uint8Array> {
  const identities = (Object.keys(ELEMENT_TYPES) as ElementType[]).map((type) => [`identity-${type}.onnx`, identity(type, ['rows', 2])] as const);
  return new Map([
    ...identities,
    ['add-three.onnx', addThree()],
    ['fixed.onnx', identity('float32', [1, 4])],
    ['slow.onnx', slow(40)],
    ['two-outputs.onnx', twoOutputs()],
    ['any-rank.onnx', anyRank()],
    ['unknown-operator.onnx', unknownOperator()],
    ['sequence-output.onnx', sequenceOutput()],
    ['cycle.onnx', cycle()],
    ['truncated.onnx', addThree().subarray(0, 60)],
    ['empty.onnx', new Uint8Array(0)],
  ]);
}

function twoOutputs(): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'a', type: 'float32', shape: ['n'] }, { name: 'b', type: 'float32', shape: ['n'] }],
    outputs: [{ name: 'sum', type: 'float32', shape: ['n'] }, { name: 'difference', type: 'float32', shape: ['n'] }],
    nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] }, { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] }],
  });
}

function anyRank(): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'x', type: 'float32' }],
    outputs: [{ name: 'y', type: 'float32' }],
    nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
  });
}

function unknownOperator(): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
    nodes: [{ op: 'Frobnicate', inputs: ['x'], outputs: ['y'] }],
  });
}

function sequenceOutput(): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
    outputs: [{ name: 'parts', type: 'float32', shape: ['n'], container: 'sequence' }],
    nodes: [{ op: 'SequenceConstruct', inputs: ['x', 'x'], outputs: ['parts'] }],
  });
}

function cycle(): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['n'] }],
    nodes: [{ op: 'Add', inputs: ['x', 'z'], outputs: ['y'] }, { op: 'Neg', inputs: ['y'], outputs: ['z'] }],
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(TINY_MODELS_FOLDER, { recursive: true });
  for (const [name, content] of tinyModels()) writeFileSync(join(TINY_MODELS_FOLDER, name), content);
}
