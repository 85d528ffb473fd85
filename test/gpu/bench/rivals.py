"""Times a model as PyTorch eager (FP32, FP16), one request at a time; prints a line of JSON for each.

    python test/gpu/bench/rivals.py resnet50|bert-large 1x3x224x224 SECONDS

A request is the copy to the device, the run and the copy back. Memory is what the device lost since this process began, context and all.
"""
import json
import sys
import time
from pathlib import Path

import torch
import torchvision

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / 'functions' / 'embed'))
from encoder import Encoder  # noqa: E402

MIB = 2 ** 20
MODELS = {
    'resnet50': lambda: torchvision.models.resnet50(weights=None),
    'bert-large': lambda: Encoder(width=1024, layers=24, heads=16, inner=4096),
}


def measure(who, once, seconds, free_before):
    for _ in range(20):
        once()
    times, start = [], time.perf_counter()
    while time.perf_counter() < start + seconds:
        begun = time.perf_counter()
        once()
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    print(json.dumps({'who': who, 'p50Ms': times[len(times) // 2], 'p99Ms': times[int(len(times) * 0.99)], 'perSecond': len(times) / seconds,
                      'mebibytes': (free_before - torch.cuda.mem_get_info()[0]) / MIB}), flush=True)


@torch.inference_mode()
def main():
    name, shape, seconds = sys.argv[1], [int(axis) for axis in sys.argv[2].split('x')], float(sys.argv[3])
    free_before = torch.cuda.mem_get_info()[0]
    sent = torch.randint(1, 30000, shape) if len(shape) == 2 else torch.randn(shape)
    for who, half in (('PyTorch FP32', False), ('PyTorch FP16', True)):
        model = MODELS[name]().eval().cuda()
        model = model.half() if half else model
        is_image = len(shape) == 4

        def once():
            there = sent.cuda()
            return model(there.half() if half and is_image else there).cpu()
        measure(who, once, seconds, free_before)
        del model, once
        torch.cuda.empty_cache()


main()
