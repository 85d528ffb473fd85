"""Reads real inputs for the recipes: the files that a manifest names in "warm": { "inputs": [...] }, or .npz files of arrays by name."""
import glob
import json

import numpy as np

TYPES = {'float16': np.uint16, 'bfloat16': np.uint16, 'string': np.str_}  # as Pilotlight writes them: half floats by their bits


def read_sample(path):
    """One set of inputs: arrays by name."""
    if path.endswith('.npz'):
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}
    with open(path, encoding='utf-8') as file:
        inputs = json.load(file)['inputs']
    return {name: array_of(tensor) for name, tensor in inputs.items()}


def array_of(tensor):
    values = np.array(tensor['data'], dtype=TYPES.get(tensor['type'], tensor['type'])).reshape(tensor['shape'])
    return values.view(np.float16) if tensor['type'] == 'float16' else values


def read_samples(patterns):
    """All files that the patterns name, in order. Ends the program when there are none."""
    paths = [path for pattern in patterns for path in sorted(glob.glob(pattern))]
    if not paths:
        raise SystemExit(f'no file matches {" ".join(patterns)}; name files of inputs (.json as in a manifest\'s "warm", or .npz)')
    return [(path, read_sample(path)) for path in paths]
