#!/usr/bin/env python3
"""Makes an FP16 ONNX model of an FP32 one: half the bytes, and the types that a GPU's fast units want.

    python to_fp16.py model.onnx model.fp16.onnx                       inputs and outputs stay float32, casts at both ends
    python to_fp16.py model.onnx model.fp16.onnx --io half             inputs and outputs are half floats too
    python to_fp16.py model.onnx model.fp16.onnx --keep Softmax --keep-node /norm/Div

Every tensor has its type in the file, so it means the same everywhere: to ONNX Runtime on any GPU, and to TensorRT's strongly typed networks,
which take each layer's precision from it. What must stay precise keeps FP32 by --keep (operators) and --keep-node (single nodes).
"""
import argparse
import os

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

# Half floats reach 65,504: larger constants would become infinite.
HALF_MAX = 65504.0


def count_types(model):
    counts = {}
    for tensor in model.graph.initializer:
        name = TensorProto.DataType.Name(tensor.data_type).lower()
        counts[name] = counts.get(name, 0) + 1
    return ', '.join(f'{count} {name}' for name, count in sorted(counts.items()))


def clipped(model):
    return [tensor.name for tensor in model.graph.initializer
            if tensor.data_type == TensorProto.FLOAT and np.abs(numpy_helper.to_array(tensor)).max(initial=0) > HALF_MAX]


def main():
    parser = argparse.ArgumentParser(description='Makes an FP16 ONNX model of an FP32 one.')
    parser.add_argument('model')
    parser.add_argument('out')
    parser.add_argument('--io', choices=['float', 'half'], default='float', help='types of inputs and outputs')
    parser.add_argument('--keep', nargs='*', default=[], metavar='OPERATOR', help='operators that stay in FP32')
    parser.add_argument('--keep-node', nargs='*', default=[], metavar='NODE', help='nodes that stay in FP32')
    options = parser.parse_args()

    model = onnx.load(options.model)
    names = {node.name for node in model.graph.node}
    unknown = [name for name in options.keep_node if name not in names]
    if unknown:
        raise SystemExit(f'{options.model} has no node {", ".join(unknown)}')
    for name in clipped(model):
        print(f'{name} has values over {HALF_MAX:.0f}, which half floats do not reach: they are cut; keep its nodes in FP32 if that matters')
    half = convert_float_to_float16(model, keep_io_types=options.io == 'float', op_block_list=[*DEFAULT_OP_BLOCK_LIST, *options.keep],
                                    node_block_list=options.keep_node)
    OnnxModel.graph_topological_sort(half.graph)  # casts at the ends were appended
    onnx.checker.check_model(half, full_check=True)
    onnx.save(half, options.out)
    print(f'{options.out}: {os.path.getsize(options.out):,} bytes, {os.path.getsize(options.model):,} before; weights: {count_types(half)}')


if __name__ == '__main__':
    main()
