import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseManifest } from './manifest.ts';

function textOf(model: object): string {
  return `{"name": "digits", "main": "handler.ts", "routes": ["POST /digits"], "models": {\n"M": ${JSON.stringify(model)}\n}}`;
}

function parse(model: object) {
  return parseManifest(textOf(model), 'pilotlight.jsonc').models['M'];
}

const ENGINE = { path: 'sm90.engine', when: { backend: 'tensorrt', computeCapability: '9.0' } };

describe('variants', () => {
  test('are read in their order, each with its conditions', () => {
    const model = parse({ variants: [{ ...ENGINE, path: './sm90.engine' }, { path: 'digits.onnx' }] });
    assert.deepEqual(JSON.parse(JSON.stringify(model && 'variants' in model && model.variants)), [ENGINE, { path: 'digits.onnx', when: {} }]);
    assert.equal(model !== undefined && 'path' in model, false);
  });

  test('written out as JSON are the same again', () => {
    const once = JSON.stringify(parse({ variants: [ENGINE, { path: 'digits.onnx' }] }));
    assert.equal(JSON.stringify(parse(JSON.parse(once) as object)), once);
  });

  test('may wish for what only other hosts have', () => {
    const when = { backend: 'tensorrt', device: 'gpu:3', computeCapability: '>=8.0', libraryVersion: '10.6' };
    for (const path of ['m.engine', 'm.plan']) assert.ok(parse({ variants: [{ path, when }, { path: 'm.onnx' }] }));
    assert.ok(parse({ variants: [{ path: 'a.engine', when: { computeCapability: '9.0' } }, { path: 'b.engine', when: { computeCapability: '8' } }] }));
  });
});

const REFUSED: readonly (readonly [title: string, model: object, message: RegExp])[] = [
  ['path and variants together', { path: 'm.onnx', variants: [{ path: 'm.onnx' }] }, /:2:\d+: models\.M has both path and variants; keep one/],
  ['neither', {}, /:2:6: models\.M\.path is missing/],
  ['an empty list', { variants: [] }, /:2:18: models\.M\.variants must not be empty, found \[\]\. Instead of path/],
  ['no list', { variants: 'm.onnx' }, /models\.M\.variants must be an array/],
  ['more than can be meant', { variants: Array.from({ length: 33 }, (_, index) => ({ path: `${index}.onnx` })) }, /models\.M\.variants must have at most 32 entries/],
  ['a variant without a file', { variants: [{ when: {} }] }, /models\.M\.variants\[0\]\.path is missing\. The file of this variant/],
  ['the same file twice', { variants: [{ path: 'm.onnx', when: { device: 'gpu' } }, { path: './m.onnx' }] }, /:2:\d+: models\.M\.variants\[1\]\.path names "\.\/m\.onnx" a second time/],
  ['a file outside', { variants: [{ path: '../m.onnx' }] }, /models\.M\.variants\[0\]\.path "\.\.\/m\.onnx" is not a path inside/],
  ['the handler\'s place', { variants: [{ path: 'handler.mjs' }] }, /is where a bundle keeps the handler/],
  ['a file of no backend', { variants: [{ path: 'm.pt' }] }, /models\.M\.variants\[0\]\.path "m\.pt" is no model file that a backend takes; \.onnx, \.engine, \.plan or \.fake would do/],
  ['an unknown condition', { variants: [{ path: 'm.onnx', when: { computeCapabilty: '9.0' } }] }, /unknown field .*computeCapabilty; did you mean "computeCapability"/],
  ['an unknown backend', { variants: [{ path: 'm.onnx', when: { backend: 'onnx' } }] }, /when\.backend must be "onnxruntime" or "tensorrt" or "fake", found "onnx"/],
  ['a capability that is no version', { variants: [{ path: 'm.engine', when: { computeCapability: 'sm_90' } }] }, /when\.computeCapability cannot be "sm_90"\. Of the GPU: "9\.0"/],
  ['an upper bound', { variants: [{ path: 'm.onnx', when: { libraryVersion: '<2' } }] }, /when\.libraryVersion cannot be "<2"\. .*">=1\.20"/],
  ['a number', { variants: [{ path: 'm.engine', when: { computeCapability: 9 } }] }, /when\.computeCapability must be a string, found 9/],
  ['a device of no name', { variants: [{ path: 'm.onnx', when: { device: 'any' } }] }, /when\.device cannot be "any"/],
  ['another backend than the file\'s', { variants: [{ path: 'm.onnx', when: { backend: 'tensorrt' } }] }, /variants\[0\]\.when\.backend is never met: "m\.onnx" is for onnxruntime/],
  ['another device than the model\'s', { device: 'cpu', variants: [{ path: 'm.onnx', when: { device: 'gpu' } }] }, /when\.device is never met: the model's device is "cpu"/],
  ['a capability of a CPU', { variants: [{ path: 'm.onnx', when: { device: 'cpu', computeCapability: '8' } }] }, /when\.computeCapability is never met: a CPU has none/],
  ['a capability where the model is for the CPU', { device: 'cpu', variants: [{ path: 'm.onnx', when: { computeCapability: '8' } }] }, /when\.computeCapability is never met: a CPU has none/],
  ['one behind another that fits wherever it does', { variants: [{ path: 'a.onnx' }, { path: 'b.onnx', when: { device: 'gpu' } }] },
    /models\.M\.variants\[1\] is never chosen: wherever it fits, variants\[0\] \("a\.onnx"\) fits too and comes first/],
  ['one with the same conditions', { variants: [ENGINE, { path: 'b.plan', when: ENGINE.when }] }, /variants\[1\] is never chosen/],
];

for (const [title, model, message] of REFUSED) {
  test(`${title} is refused as BAD_MANIFEST, with its place`, () => {
    assert.throws(() => parse(model), { code: 'BAD_MANIFEST', message });
  });
}

test('a lone path may be of any backend, and a plan is not for the CPU', () => {
  for (const path of ['m.onnx', 'm.engine', 'm.plan', 'm.fake']) assert.ok(parse({ path }));
  const onCpu = { code: 'BAD_MANIFEST', message: /models\.M\.device is "cpu", and "m\.plan" is a TensorRT plan, which needs a GPU; "any" or "gpu" would do/ };
  assert.throws(() => parse({ path: 'm.plan', device: 'cpu' }), onCpu);
  assert.throws(() => parse({ path: 'm.pt' }), { code: 'BAD_MANIFEST', message: /models\.M\.path "m\.pt" is no model file that a backend takes/ });
});
