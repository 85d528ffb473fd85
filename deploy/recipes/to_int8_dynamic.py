#!/usr/bin/env python3
"""Makes an INT8 ONNX model for the CPU without any samples: weights are quantized now, activations in each run.

    python to_int8_dynamic.py model.onnx model.int8.onnx

For models whose time goes into MatMul and Gemm: text encoders, LSTMs, dense layers. Convolutions are left as they are, because finding the
range of their inputs in each run costs more than it brings: use to_int8_static.py for them.
"""
import argparse
import os

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from prepare import prepared

OPERATORS = ['MatMul', 'Gemm', 'Attention', 'LSTM', 'Gather', 'EmbedLayerNormalization']


def main():
    parser = argparse.ArgumentParser(description='Makes an INT8 ONNX model for the CPU, activations quantized in each run.')
    parser.add_argument('model')
    parser.add_argument('out')
    parser.add_argument('--operators', nargs='*', default=OPERATORS)
    parser.add_argument('--keep-node', nargs='*', default=[], metavar='NODE', help='nodes that stay as they are')
    parser.add_argument('--reduce-range', action='store_true', help='7 bits of weights: for x86 processors without VNNI, where 8 can overflow')
    options = parser.parse_args()

    with prepared(options.model, optimize=True) as ready:
        quantize_dynamic(ready, options.out, op_types_to_quantize=options.operators, per_channel=True, reduce_range=options.reduce_range,
                         weight_type=QuantType.QInt8, nodes_to_exclude=options.keep_node)
    kinds = [node.op_type for node in onnx.load(options.out).graph.node]
    integer = sum(kinds.count(kind) for kind in ('MatMulInteger', 'DynamicQuantizeLSTM', 'QAttention', 'ConvInteger'))
    print(f'{options.out}: {os.path.getsize(options.out):,} bytes, {os.path.getsize(options.model):,} before; {integer} operators run in INT8')
    if integer == 0:
        raise SystemExit(f'nothing of {options.model} could be quantized: it has none of {", ".join(options.operators)} with constant weights')


if __name__ == '__main__':
    main()
