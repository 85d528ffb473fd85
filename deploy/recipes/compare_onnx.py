#!/usr/bin/env python3
"""Compares two ONNX models on the same inputs, by ONNX Runtime on the CPU: the largest difference and the cosine of each output.

    python compare_onnx.py model.onnx model.fp16.onnx --samples 'samples/*.json' --tolerance 0.01

Ends with 1 when an output differs by more than the tolerance (of the largest value that the first model gives it).
"""
import argparse
import sys

import numpy as np
import onnxruntime

from samples import read_samples


def open_model(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])


def run(session, inputs):
    wanted = {one.name: one.type for one in session.get_inputs()}
    missing = sorted(set(wanted) - set(inputs))
    if missing:
        raise SystemExit(f'the samples have no input {", ".join(missing)}; the model takes {", ".join(sorted(wanted))}')
    # A model that was made to take half floats gets the same numbers as the other.
    fed = {name: inputs[name].astype(np.float16) if kind == 'tensor(float16)' else inputs[name] for name, kind in wanted.items()}
    return {one.name: value.astype(np.float64) for one, value in zip(session.get_outputs(), session.run(None, fed)) if value.dtype.kind in 'fiub'}


def cosine(x, y):
    length = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x.ravel() @ y.ravel() / length) if length > 0 else 1.0


def main():
    parser = argparse.ArgumentParser(description='Compares two ONNX models on the same inputs.')
    parser.add_argument('reference')
    parser.add_argument('other')
    parser.add_argument('--samples', nargs='+', required=True, help='files of inputs; patterns are expanded')
    parser.add_argument('--tolerance', type=float, help='largest difference allowed, as a part of the largest value: 0.01')
    options = parser.parse_args()

    reference, other = open_model(options.reference), open_model(options.other)
    worst, largest_of, cosine_of, same, all_rows = {}, {}, {}, {}, {}
    samples = read_samples(options.samples)
    for path, inputs in samples:
        expected, found = run(reference, inputs), run(other, inputs)
        for name, value in expected.items():
            if name not in found:
                raise SystemExit(f'{options.other} has no output {name}')
            difference = float(np.abs(value - found[name]).max())
            if difference >= worst.get(name, (-1.0, ''))[0]:
                worst[name] = (difference, path)
            largest_of[name] = max(largest_of.get(name, 0.0), float(np.abs(value).max()))
            cosine_of[name] = min(cosine_of.get(name, 1.0), cosine(value, found[name]))
            same[name] = same.get(name, 0) + int((value.argmax(-1) == found[name].argmax(-1)).sum())
            all_rows[name] = all_rows.get(name, 0) + value[..., 0].size

    failed = False
    for name, (difference, path) in worst.items():
        part = difference / max(largest_of[name], 1e-12)
        failed = failed or (options.tolerance is not None and part > options.tolerance)
        print(f'{name}: largest difference {difference:.6g} ({part:.3%} of the largest value {largest_of[name]:.6g}; {path}), '
              f'least cosine {cosine_of[name]:.6f}, the same place of the maximum in {same[name]} of {all_rows[name]}')
    print(f'{len(samples)} samples, onnxruntime {onnxruntime.__version__}')
    if failed:
        sys.exit(f'an output differs by more than {options.tolerance:.3%} of its largest value')


if __name__ == '__main__':
    main()
