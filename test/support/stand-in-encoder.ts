// A sentence encoder of 14 KB with the inputs and outputs of functions/embed's real one, whose weights are not in the repository, and a copy of
// that folder that has it in their place. Its vectors are a text's own, of length 1, and mean nothing.
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onnxModel } from './onnx-model.ts';
import { uniform, weights } from './sample-models.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const [PIECES, FEATURES, WIDTH] = [64, 8, 384];
const NOT_COPIED = /\.(onnx|plan|engine|py|test\.ts)$|sentences\.json$|token-digests\.json$/;

export function standInEncoder(): Uint8Array {
  const random = uniform(11);
  return onnxModel({
    inputs: [{ name: 'tokens', type: 'int64', shape: ['batch', 'length'] }],
    outputs: [{ name: 'embedding', type: 'float32', shape: ['batch', WIDTH] }],
    nodes: [
      { op: 'Mod', inputs: ['tokens', 'pieces'], outputs: ['piece'] },
      { op: 'Gather', inputs: ['table', 'piece'], outputs: ['features'] },
      { op: 'Equal', inputs: ['tokens', 'zero'], outputs: ['isPadding'] },
      { op: 'Not', inputs: ['isPadding'], outputs: ['isText'] },
      { op: 'Cast', inputs: ['isText'], outputs: ['flat'], attributes: { to: { int: 1 } } },
      { op: 'Unsqueeze', inputs: ['flat', 'last'], outputs: ['mask'] },
      { op: 'Mul', inputs: ['features', 'mask'], outputs: ['real'] },
      { op: 'ReduceSum', inputs: ['real', 'one'], outputs: ['pooled'], attributes: { keepdims: { int: 0 } } },
      { op: 'MatMul', inputs: ['pooled', 'widen'], outputs: ['wide'] },
      { op: 'LpNormalization', inputs: ['wide'], outputs: ['embedding'], attributes: { axis: { int: 1 }, p: { int: 2 } } },
    ],
    initializers: [
      { name: 'pieces', type: 'int64', shape: [], data: BigInt64Array.of(BigInt(PIECES)) },
      { name: 'zero', type: 'int64', shape: [], data: BigInt64Array.of(0n) },
      { name: 'last', type: 'int64', shape: [1], data: BigInt64Array.of(-1n) },
      { name: 'one', type: 'int64', shape: [1], data: BigInt64Array.of(1n) },
      weights('table', [PIECES, FEATURES], random(PIECES * FEATURES, 1)),
      weights('widen', [FEATURES, WIDTH], random(FEATURES * WIDTH, 1)),
    ],
  });
}

/** A copy of functions/embed that can be bundled; the caller removes it. */
export function embedFolder(): { readonly folder: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'pilotlight-embed-'));
  const folder = join(root, 'embed');
  cpSync(join(ROOT, 'functions', 'embed'), folder, { recursive: true, filter: (source) => !NOT_COPIED.test(source) });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  for (const name of ['minilm.onnx', 'minilm-fp16.onnx']) writeFileSync(join(folder, name), standInEncoder());
  return { folder, remove: () => rmSync(root, { recursive: true }) };
}
