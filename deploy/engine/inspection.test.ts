import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTypes, parseInspection } from './inspection.ts';

const TEXT = JSON.stringify({
  Layers: [
    {
      Name: '/conv1/Conv + /relu/Relu', LayerType: 'CaskConvolution', ParameterType: 'Convolution',
      Inputs: [{ Name: 'input', 'Format/Datatype': 'Channel major FP16 format where channel % 8 == 0' }], Weights: { Type: 'Half', Count: 9408 }, Bias: { Type: 'Half', Count: 64 },
      Metadata: '[ONNX Layer: /conv1/Conv]\u001e[ONNX Layer: /relu/Relu]',
    },
    { Name: 'quantized', LayerType: 'CaskGemm', Inputs: [{ 'Format/Datatype': 'Row major linear FP32' }], Weights: { Type: 'Int8', Count: 10 } },
    { Name: 'reformat', LayerType: 'Reformat', Inputs: [{ 'Format/Datatype': 'Row major linear FP32' }] },
    'a name alone',
  ],
  Bindings: ['input'],
});

test('layers are told with what they compute in, their bytes and where they came from', () => {
  const layers = parseInspection(TEXT);
  assert.deepEqual(layers, [
    { name: '/conv1/Conv + /relu/Relu', kind: 'Convolution', type: 'float16', bytes: 18944, from: ['/conv1/Conv', '/relu/Relu'] },
    { name: 'quantized', kind: 'CaskGemm', type: 'int8', bytes: 10 },
    { name: 'reformat', kind: 'Reformat', type: 'float32' },
    { name: 'a name alone', kind: '' },
  ]);
  assert.deepEqual(countTypes(layers ?? []), { float16: 1, int8: 1, float32: 1 });
});

test('what is no inspection tells nothing, and breaks nothing', () => {
  for (const text of ['', '{"Layers": [nan]}', '{}', 'null', '{"Layers": 3}']) assert.equal(parseInspection(text), undefined, text);
  assert.deepEqual(parseInspection('{"Layers": [null, {}]}'), [{ name: '?', kind: '' }, { name: '?', kind: '' }]);
});
