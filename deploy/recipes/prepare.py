"""Prepares a model for quantization: shapes inferred anew, and, if wished, its graph optimized first."""
import contextlib
import os
import tempfile

import onnx
from onnxruntime.quantization.shape_inference import quant_pre_process


@contextlib.contextmanager
def prepared(path, optimize):
    """The path of the prepared file, which is gone afterwards."""
    model = onnx.load(path)
    # An exporter's notes on shapes go stale when the optimizer transposes weights, and then inference refuses them.
    del model.graph.value_info[:]
    with tempfile.TemporaryDirectory() as folder:
        bare, out = os.path.join(folder, 'bare.onnx'), os.path.join(folder, 'prepared.onnx')
        onnx.save(model, bare)
        quant_pre_process(bare, out, skip_symbolic_shape=True, skip_optimization=not optimize)
        yield out
