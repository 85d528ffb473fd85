#!/usr/bin/env python3
"""Makes digits.fp16.onnx, digits.int8.onnx and samples/ of the model of ../digits, by the recipes of deploy/recipes. All are committed.

    python3 -m venv .venv && . .venv/bin/activate
    pip install onnxruntime==1.31.1 onnx==1.23.2 numpy==2.5.5 scipy==1.18.1 scikit-learn==1.9.1 pillow==13.0.0
    python make.py

Half a minute. INT8 gets its ranges from 200 digits that the model was trained with; right answers are counted on the 360 that were held out.
With --plan it also writes digits.qdq.onnx, the INT8 model for TensorRT, of which `pilotlight engine build` makes a plan; that is not committed.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
RECIPES = HERE.parents[1] / 'deploy' / 'recipes'
ORIGINAL = HERE.parent / 'digits' / 'digits.onnx'
CALIBRATION = 200
TOLERANCE = 0.6   # of a logit: how far a variant may be from FP32 in the warm-up

sys.path.insert(0, str(HERE.parent / 'digits'))
from pictures import draw, normalise, read_digits  # noqa: E402 (its folder has to be known first)


def recipe(name, *arguments):
    subprocess.run([sys.executable, RECIPES / name, *map(str, arguments)], check=True)


def logits_of(path, images):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider']).run(None, {'image': images})[0]


def write_samples(images, labels):
    """What the warm-up runs, with FP32's answer, and bodies of golden requests: the first held-out 3 and 8."""
    for digit in (3, 8):
        image = np.round(images[np.where(labels == digit)[0][0]], 2)
        expected = logits_of(ORIGINAL, image[None])[0]
        (HERE / f'samples/{digit}.json').write_text(json.dumps({'pixels': [round(float(value), 2) for value in image.ravel()]}) + '\n')
        (HERE / f'samples/image-{digit}.json').write_text(json.dumps({
            'inputs': {'image': {'type': 'float32', 'shape': [1, 1, 28, 28], 'data': [round(float(value), 2) for value in image.ravel()]}},
            'expect': {'logits': {'type': 'float32', 'shape': [1, 10], 'data': [round(float(value), 4) for value in expected]}},
            'tolerance': TOLERANCE,
        }) + '\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--plan', action='store_true', help='also write digits.qdq.onnx, for TensorRT')
    wants_plan = parser.parse_args().plan

    digits, labels, held_out = read_digits()
    known = np.random.default_rng(1).permutation(np.where(~held_out)[0])[:CALIBRATION]
    with tempfile.TemporaryDirectory() as folder:
        for index in known:
            np.savez(f'{folder}/{index:04}.npz', image=normalise(draw(digits[index]))[None, None])
        samples = ['--samples', f'{folder}/*.npz']
        recipe('to_fp16.py', ORIGINAL, HERE / 'digits.fp16.onnx')
        recipe('to_int8_static.py', ORIGINAL, HERE / 'digits.int8.onnx', *samples, '--for', 'cpu')
        if wants_plan:
            recipe('to_int8_static.py', ORIGINAL, HERE / 'digits.qdq.onnx', *samples, '--for', 'tensorrt')

    test = np.stack([normalise(draw(digit)) for digit in digits[held_out]])[:, None]
    write_samples(test, labels[held_out])
    for path in [ORIGINAL, *sorted(HERE.glob('*.onnx'))]:
        right = int((logits_of(path, test).argmax(1) == labels[held_out]).sum())
        print(f'{path.name}: {right} of {len(test)} right ({right / len(test):.2%}), {path.stat().st_size:,} bytes')


if __name__ == '__main__':
    main()
