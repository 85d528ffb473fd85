#!/usr/bin/env python3
"""Exports the models that test/gpu measures, with random weights: ResNet-50 and an encoder of BERT-Large's size, in FP32 and typed FP16.

    python test/gpu/models/export.py FOLDER        needs torch and torchvision; a GPU makes it quicker and is not needed
"""
import copy
import sys
import warnings
from pathlib import Path

import torch
import torchvision

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / 'functions' / 'embed'))

from encoder import Encoder, export_onnx  # noqa: E402

BERT_LARGE = {'width': 1024, 'layers': 24, 'heads': 16, 'inner': 4096}


class Half(torch.nn.Module):
    """Takes and gives FP32, computes in FP16."""

    def __init__(self, model):
        super().__init__()
        self.model = model.half()

    def forward(self, x):
        return self.model(x.half()).float()


def export_resnet50(folder):
    model = torchvision.models.resnet50(weights=None).eval()
    for name, one in (('fp32', model), ('fp16', Half(copy.deepcopy(model)))):
        torch.onnx.export(one.to(DEVICE), (torch.randn(2, 3, 224, 224, device=DEVICE),), str(folder / f'resnet50-{name}.onnx'), input_names=['image'],
                          output_names=['logits'], opset_version=17, dynamo=False, dynamic_axes={'image': {0: 'batch'}, 'logits': {0: 'batch'}})


def export_bert_large(folder):
    model = Encoder(**BERT_LARGE).eval()
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=0.02)
    tokens = torch.randint(1, 30000, (2, 16), device=DEVICE)
    export_onnx(copy.deepcopy(model).to(DEVICE), folder / 'bert-large-fp32.onnx', tokens)
    export_onnx(model.half().to(DEVICE), folder / 'bert-large-fp16.onnx', tokens)


def main():
    warnings.filterwarnings('ignore')
    torch.manual_seed(0)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        export_resnet50(folder)
        export_bert_large(folder)
    for path in sorted(folder.glob('*.onnx')):
        print(f'{path.name}: {path.stat().st_size / 2**20:.1f} MiB', flush=True)


DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
main()
