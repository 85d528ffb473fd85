#!/usr/bin/env python3
"""Trains digits.onnx and writes samples/*.png. Not part of set-up: both are committed.

    python3 -m venv .venv && . .venv/bin/activate
    pip install jax==0.10.2 optax==0.2.8 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pillow==13.0.0 onnx==1.23.2
    python train.py

Two minutes on two CPU cores. pictures.py says where the digits come from and which are held out: the model never sees those,
and the samples are drawn from them.
"""
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import optax
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from scipy import ndimage

from pictures import CANVAS, SIDE, draw, normalise, read_digits

HERE = Path(__file__).resolve().parent
VARIANTS = 40      # drawings made of each digit
EPOCHS = 12
SAMPLES_PER_DIGIT = 6

rng = np.random.default_rng(28)


def vary(digit):
    """One drawing as another hand might have made it: turned, stretched, shifted, wobbling, with a thinner or thicker pen, blurred."""
    wobble = [ndimage.zoom(rng.normal(0, 0.3, (4, 4)), CANVAS / 4, order=3) for _ in range(2)]
    drawing = draw(digit, angle=rng.uniform(-0.25, 0.25), scale=rng.uniform(0.75, 1.2, 2), shear=rng.uniform(-0.25, 0.25),
                   shift=rng.uniform(-0.6, 0.6, 2), wobble=wobble)
    if rng.random() < 0.7:
        drawing = 1 / (1 + np.exp(-rng.uniform(5, 30) * (drawing - rng.uniform(0.25, 0.65))))
    return ndimage.gaussian_filter(drawing, rng.uniform(0, 2)) if rng.random() < 0.6 else drawing


CONVOLUTIONS = [(1, 16), (16, 32), (32, 48)]  # channels in and out; 3x3, stride 2, padded by 1: 28 -> 14 -> 7 -> 4


def initial(key):
    weights = {}
    for index, (inputs, outputs) in enumerate(CONVOLUTIONS):
        key, draw_key = jax.random.split(key)
        weights[f'conv{index}.weight'] = jax.random.normal(draw_key, (outputs, inputs, 3, 3)) * np.sqrt(2 / (9 * inputs))
        weights[f'conv{index}.bias'] = jnp.zeros(outputs)
    weights['dense.weight'] = jax.random.normal(key, (48 * 4 * 4, 10)) * 0.03
    weights['dense.bias'] = jnp.zeros(10)
    return weights


def logits_of(weights, image):
    x = image
    for index in range(len(CONVOLUTIONS)):
        x = jax.lax.conv_general_dilated(x, weights[f'conv{index}.weight'], (2, 2), [(1, 1), (1, 1)])
        x = jax.nn.relu(x + weights[f'conv{index}.bias'][None, :, None, None])
    return x.reshape(x.shape[0], -1) @ weights['dense.weight'] + weights['dense.bias']


def train(images, labels):
    weights = initial(jax.random.PRNGKey(28))
    steps = EPOCHS * (len(images) // 128)
    optimiser = optax.adamw(optax.cosine_decay_schedule(3e-3, steps), weight_decay=1e-3)
    state = optimiser.init(weights)

    def loss_of(weights, image, label):
        smooth = optax.smooth_labels(jax.nn.one_hot(label, 10), 0.02)
        return optax.softmax_cross_entropy(logits_of(weights, image), smooth).mean()

    @jax.jit
    def step(weights, state, image, label):
        loss, gradient = jax.value_and_grad(loss_of)(weights, image, label)
        updates, state = optimiser.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state, loss

    for epoch in range(EPOCHS):
        order = rng.permutation(len(images))
        losses = []
        for first in range(0, len(order) - 127, 128):
            batch = order[first:first + 128]
            weights, state, loss = step(weights, state, images[batch], labels[batch])
            losses.append(float(loss))
        print(f'epoch {epoch + 1}: loss {np.mean(losses):.4f}')
    return weights


def export(weights, path):
    """The same network as an ONNX graph: opset 17, dynamic batch, weights inside."""
    nodes, name = [], 'image'
    for index in range(len(CONVOLUTIONS)):
        nodes.append(helper.make_node('Conv', [name, f'conv{index}.weight', f'conv{index}.bias'], [f'conv{index}'],
                                      kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node('Relu', [f'conv{index}'], [f'relu{index}']))
        name = f'relu{index}'
    nodes.append(helper.make_node('Flatten', [name], ['flat']))
    nodes.append(helper.make_node('Gemm', ['flat', 'dense.weight', 'dense.bias'], ['logits']))
    graph = helper.make_graph(
        nodes, 'digits',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, ['batch', 1, SIDE, SIDE])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, ['batch', 10])],
        [numpy_helper.from_array(np.asarray(value, np.float32), key) for key, value in sorted(weights.items())])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8, producer_name='pilotlight-example')
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    print(f'{path.name}: {path.stat().st_size:,} bytes')


def blend(drawing, ink, paper):
    return np.round(np.asarray(paper) + drawing[..., None] * (np.asarray(ink, float) - np.asarray(paper, float))).astype(np.uint8)


def as_picture(drawing, style):
    """The six looks of the samples: what people send differs in size, colours, polarity, transparency and bit depth."""
    grey = np.round(drawing * 255).astype(np.uint8)
    if style == 0:  # a photo of ink on paper, dark on light
        return Image.fromarray(blend(drawing, (28, 32, 70), (246, 243, 232))).resize((48, 48), Image.BILINEAR)
    if style == 1:  # light on dark, grey, as small as the model's own input
        return Image.fromarray(grey).resize((28, 28), Image.BILINEAR)
    if style == 2:  # a drawing on a transparent canvas
        return Image.fromarray(np.dstack([np.full_like(grey, 20)] * 3 + [grey]))
    if style == 3:  # one bit a pixel, in a wide frame
        page = Image.new('L', (120, 80), 255)
        page.paste(Image.fromarray(255 - grey), (50, 10))
        return page.point(lambda value: 255 if value > 128 else 0).convert('1')
    if style == 4:  # a palette of eight colours: yellow on green
        return Image.fromarray(blend(drawing, (250, 220, 60), (20, 90, 60))).resize((40, 40), Image.BILINEAR).quantize(8)
    return Image.fromarray((65535 - drawing * 50000).astype(np.uint16)).resize((36, 36), Image.NEAREST)  # 16 bits a pixel


def write_samples(digits, labels):
    """The first held-out digits of each kind, whatever the model makes of them. 3-017.png shows a 3, number 17 of those held out."""
    folder = HERE / 'samples'
    folder.mkdir(exist_ok=True)
    for old in folder.glob('*.png'):
        old.unlink()
    for digit in range(10):
        for style, index in enumerate(np.where(labels == digit)[0][:SAMPLES_PER_DIGIT]):
            as_picture(draw(digits[index]), style).save(folder / f'{digit}-{index:03}.png', optimize=True)


def main():
    digits, labels, held_out = read_digits()
    write_samples(digits[held_out], labels[held_out])

    images = np.stack([normalise(vary(digit)) for digit in np.repeat(digits[~held_out], VARIANTS, axis=0)])[:, None]
    weights = train(images, np.repeat(labels[~held_out], VARIANTS))
    export(weights, HERE / 'digits.onnx')

    test = np.stack([normalise(draw(digit)) for digit in digits[held_out]])[:, None]
    right = np.asarray(logits_of(weights, test)).argmax(1) == labels[held_out]
    print(f'held out: {right.sum()} of {len(right)} right ({right.mean():.1%})')


if __name__ == '__main__':
    main()
