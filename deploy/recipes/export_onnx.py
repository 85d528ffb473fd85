#!/usr/bin/env python3
"""Exports a PyTorch model as ONNX, with the axes dynamic that change from request to request.

    python export_onnx.py my_models:make_resnet -o model.onnx --input image:float32:batchx3x224x224 --output logits
    python export_onnx.py model.pt -o model.onnx --input tokens:int64:batchxlength --output logits      a TorchScript file

The model is what the function returns (a torch.nn.Module with its weights), or a file of torch.jit.save. An axis with a name is dynamic;
the same name is the same size. The answers of the ONNX file are compared with PyTorch's at the end.
"""
import argparse
import importlib
import os
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch

EXAMPLE_SIZE = 3  # of dynamic axes while exporting: 0 and 1 would be taken for constants
OTHER_SIZE = 5    # and while comparing
TOLERANCE = 1e-3


def parse_input(text):
    """image:float32:batchx3x224x224 -> its name, type and axes, of which names are dynamic."""
    try:
        name, kind, shape = text.split(':')
        return name, getattr(torch, kind), [int(axis) if axis.isdigit() else axis for axis in shape.split('x')]
    except (ValueError, AttributeError) as error:
        raise SystemExit(f'--input {text}: expected NAME:TYPE:AXISxAXIS..., as image:float32:batchx3x224x224 ({error})')


def example(inputs, size):
    shapes = [[axis if isinstance(axis, int) else size for axis in axes] for _, _, axes in inputs]
    return tuple(torch.randn(shape).to(kind) if kind.is_floating_point else torch.ones(shape, dtype=kind) for (_, kind, _), shape in zip(inputs, shapes))


def load(source):
    if os.path.exists(source):
        return torch.jit.load(source, map_location='cpu').eval(), 'TorchScript'
    module, _, function = source.partition(':')
    if not function:
        raise SystemExit(f'{source}: expected MODULE:FUNCTION, or a file of torch.jit.save')
    sys.path.insert(0, os.getcwd())
    return getattr(importlib.import_module(module), function)().eval(), 'module'


def export(model, kind, inputs, outputs, path, opset):
    names = [name for name, _, _ in inputs]
    if kind == 'TorchScript':
        # The exporter of today reads Python and cannot read a compiled graph; the older one can.
        axes = {name: {at: axis for at, axis in enumerate(shape) if isinstance(axis, str)} for name, _, shape in inputs}
        torch.onnx.export(model, example(inputs, EXAMPLE_SIZE), path, input_names=names, output_names=outputs, dynamic_axes=axes, opset_version=opset, dynamo=False)
        return
    dims = {axis: torch.export.Dim(axis, min=1) for _, _, shape in inputs for axis in shape if isinstance(axis, str)}
    shapes = tuple({at: dims[axis] for at, axis in enumerate(shape) if isinstance(axis, str)} for _, _, shape in inputs)
    torch.onnx.export(model, example(inputs, EXAMPLE_SIZE), path, input_names=names, output_names=outputs, dynamic_shapes=shapes, opset_version=opset, dynamo=True,
                      external_data=False, verbose=False)


def largest_difference(model, inputs, path):
    tensors = example(inputs, OTHER_SIZE)
    with torch.no_grad():
        expected = model(*tensors)
    expected = list(expected.values()) if isinstance(expected, dict) else [expected] if torch.is_tensor(expected) else list(expected)
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    found = session.run(None, {name: tensor.numpy() for (name, _, _), tensor in zip(inputs, tensors)})
    return max(float(np.abs(one.float().numpy() - other).max()) / max(float(one.float().abs().max()), 1e-12) for one, other in zip(expected, found))


def main():
    parser = argparse.ArgumentParser(description='Exports a PyTorch model as ONNX.')
    parser.add_argument('model', help='MODULE:FUNCTION that returns it, or a TorchScript file')
    parser.add_argument('-o', '--out', required=True)
    parser.add_argument('--input', action='append', required=True, metavar='NAME:TYPE:SHAPE')
    parser.add_argument('--output', action='append', required=True, metavar='NAME', help='in the order in which the model gives them')
    parser.add_argument('--opset', type=int, default=18)
    options = parser.parse_args()

    inputs = [parse_input(text) for text in options.input]
    model, kind = load(options.model)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        export(model, kind, inputs, options.output, options.out, options.opset)
    onnx.checker.check_model(options.out, full_check=True)
    difference = largest_difference(model, inputs, options.out)
    print(f'{options.out}: {os.path.getsize(options.out):,} bytes from a {kind}; its answers differ from PyTorch\'s by {difference:.2e} of the largest value '
          f'(dynamic axes {OTHER_SIZE} long); torch {torch.__version__}, onnxruntime {onnxruntime.__version__}')
    if difference > TOLERANCE:
        sys.exit(f'that is more than {TOLERANCE}: the export is wrong, or the model is random')


if __name__ == '__main__':
    main()
