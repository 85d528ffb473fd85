#!/usr/bin/env python3
"""Makes an INT8 ONNX model with the ranges of real inputs: quantize and dequantize nodes (Q/DQ) around what runs in INT8.

    python to_int8_static.py model.onnx model.int8.onnx --samples 'samples/*.json' --for cpu
    python to_int8_static.py model.onnx model.qdq.onnx --samples 'samples/*.json' --for tensorrt

100 to 500 samples as traffic brings them are enough; more is slow and no better. TensorRT wants ranges around zero, weights with their own
Q/DQ pair and biases in FP32; a CPU is faster with unsigned activations.
"""
import argparse
import os

import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from prepare import prepared
from samples import read_samples

METHODS = {'minmax': CalibrationMethod.MinMax, 'entropy': CalibrationMethod.Entropy, 'percentile': CalibrationMethod.Percentile}
# What has weights; the rest follows where it lies between two of them.
WEIGHTED = ['Conv', 'ConvTranspose', 'MatMul', 'Gemm']
TARGETS = {
    'cpu': {'activation_type': QuantType.QUInt8, 'extra_options': {}},
    'tensorrt': {
        'activation_type': QuantType.QInt8, 'op_types_to_quantize': WEIGHTED,
        'extra_options': {
            'ActivationSymmetric': True, 'WeightSymmetric': True, 'AddQDQPairToWeight': True, 'QuantizeBias': False, 'DedicatedQDQPair': True,
            'OpTypesToExcludeOutputQuantization': WEIGHTED, 'QDQOpTypePerChannelSupportToAxis': {'MatMul': 1},
        },
    },
}


class Samples(CalibrationDataReader):
    def __init__(self, samples):
        self.left = iter(samples)

    def get_next(self):
        _, inputs = next(self.left, (None, None))
        return inputs


def main():
    parser = argparse.ArgumentParser(description='Makes an INT8 ONNX model with the ranges of real inputs.')
    parser.add_argument('model')
    parser.add_argument('out')
    parser.add_argument('--samples', nargs='+', required=True, help='files of inputs; patterns are expanded')
    parser.add_argument('--for', dest='target', choices=sorted(TARGETS), required=True)
    parser.add_argument('--method', choices=sorted(METHODS), default='minmax', help='how a range is found: entropy and percentile leave rare values out')
    parser.add_argument('--keep-node', nargs='*', default=[], metavar='NODE', help='nodes that stay as they are')
    options = parser.parse_args()

    samples = read_samples(options.samples)
    # For TensorRT the graph stays as it is: it fuses by itself, and better.
    with prepared(options.model, optimize=options.target != 'tensorrt') as ready:
        quantize_static(ready, options.out, Samples(samples), quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
                        calibrate_method=METHODS[options.method], nodes_to_exclude=options.keep_node, **TARGETS[options.target])
    kinds = [node.op_type for node in onnx.load(options.out).graph.node]
    print(f'{options.out}: {os.path.getsize(options.out):,} bytes, {os.path.getsize(options.model):,} before; ranges of {len(samples)} samples, '
          f'{kinds.count("QuantizeLinear")} quantize and {kinds.count("DequantizeLinear")} dequantize nodes')


if __name__ == '__main__':
    main()
