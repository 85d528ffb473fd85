// ResNet-50 v1 with random weights: the heavy model of tests and benchmarks, in its real architecture and size (102 MB).
import { onnxModel } from './onnx-model.ts';
import type { OnnxInitializer, OnnxNode } from './onnx-model.ts';
import { uniform, weights } from './sample-models.ts';

interface Network {
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxInitializer[];
  readonly random: (count: number, deviation: number) => Float32Array;
}

interface Convolution {
  readonly name: string;
  readonly from: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly size: number;
  readonly stride: number;
  /** Shrinks the weights; 1 keeps the variance through a ReLU. */
  readonly gain?: number;
}

interface Block {
  readonly name: string;
  readonly from: string;
  readonly inputs: number;
  readonly width: number;
  readonly stride: number;
}

const STAGES = [
  { blocks: 3, width: 64, stride: 1 },
  { blocks: 4, width: 128, stride: 2 },
  { blocks: 6, width: 256, stride: 2 },
  { blocks: 3, width: 512, stride: 2 },
];
const EXPANSION = 4;
const CLASSES = 1000;
// Each block adds to what went in: small enough for sixteen of them to stay finite and of one size.
const RESIDUAL_GAIN = 0.3;

/** `image` [batch, 3, 224, 224] to `logits` [batch, 1000]. Batch normalisation is folded into the convolutions, as exporters do. */
export function resnet50(seed = 3): Uint8Array {
  const network: Network = { nodes: [], initializers: [], random: uniform(seed) };
  let value = relu(network, convolve(network, { name: 'stem', from: 'image', inputs: 3, outputs: 64, size: 7, stride: 2 }));
  network.nodes.push({
    op: 'MaxPool', inputs: [value], outputs: ['pooled'],
    attributes: { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: [1, 1, 1, 1] } },
  });
  value = 'pooled';
  let inputs = 64;
  for (const [stage, { blocks, width, stride }] of STAGES.entries()) {
    for (let index = 0; index < blocks; index += 1) {
      value = bottleneck(network, { name: `stage${stage}_${index}`, from: value, inputs, width, stride: index === 0 ? stride : 1 });
      inputs = width * EXPANSION;
    }
  }
  classify(network, value, inputs);
  return onnxModel({
    inputs: [{ name: 'image', type: 'float32', shape: ['batch', 3, 224, 224] }],
    outputs: [{ name: 'logits', type: 'float32', shape: ['batch', CLASSES] }],
    nodes: network.nodes,
    initializers: network.initializers,
  });
}

function bottleneck(network: Network, { name, from, inputs, width, stride }: Block): string {
  const outputs = width * EXPANSION;
  const reduced = relu(network, convolve(network, { name: `${name}_reduce`, from, inputs, outputs: width, size: 1, stride }));
  const spatial = relu(network, convolve(network, { name: `${name}_spatial`, from: reduced, inputs: width, outputs: width, size: 3, stride: 1 }));
  const expanded = convolve(network, { name: `${name}_expand`, from: spatial, inputs: width, outputs, size: 1, stride: 1, gain: RESIDUAL_GAIN });
  const shortcut = inputs === outputs ? from : convolve(network, { name: `${name}_project`, from, inputs, outputs, size: 1, stride, gain: Math.SQRT1_2 });
  network.nodes.push({ op: 'Add', inputs: [expanded, shortcut], outputs: [`${name}_sum`] });
  return relu(network, `${name}_sum`);
}

function convolve(network: Network, { name, from, inputs, outputs, size, stride, gain = 1 }: Convolution): string {
  const fanIn = inputs * size * size;
  const pad = (size - 1) / 2;
  network.initializers.push(
    weights(`${name}_weight`, [outputs, inputs, size, size], network.random(outputs * fanIn, gain * Math.sqrt(2 / fanIn))),
    weights(`${name}_bias`, [outputs], network.random(outputs, 0.05)),
  );
  network.nodes.push({
    op: 'Conv', inputs: [from, `${name}_weight`, `${name}_bias`], outputs: [name],
    attributes: { kernel_shape: { ints: [size, size] }, strides: { ints: [stride, stride] }, pads: { ints: [pad, pad, pad, pad] } },
  });
  return name;
}

function relu(network: Network, from: string): string {
  network.nodes.push({ op: 'Relu', inputs: [from], outputs: [`${from}_relu`] });
  return `${from}_relu`;
}

function classify(network: Network, from: string, inputs: number): void {
  network.initializers.push(
    weights('classes_weight', [inputs, CLASSES], network.random(inputs * CLASSES, Math.sqrt(1 / inputs))),
    weights('classes_bias', [CLASSES], network.random(CLASSES, 0.05)),
  );
  network.nodes.push(
    { op: 'GlobalAveragePool', inputs: [from], outputs: ['average'] },
    { op: 'Flatten', inputs: ['average'], outputs: ['features'], attributes: { axis: { int: 1 } } },
    { op: 'Gemm', inputs: ['features', 'classes_weight', 'classes_bias'], outputs: ['logits'] },
  );
}
