"""BERT's encoder as a module that engines run well: token ids in, one vector a text out.

Written out instead of taken from a library, so that the graph that is exported is the graph that one reads here: fixed operators,
dynamic batch and length, pooling and normalisation inside. compare.py holds its answers against the library's own.
"""
import torch
from torch import nn

# Added to the scores of padding. Large enough to vanish in a softmax, small enough to stay finite in half precision.
MASKED = -10000.0


class Layer(nn.Module):
    def __init__(self, width, heads, inner, epsilon):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.mixed = (nn.Linear(width, width) for _ in range(4))
        self.attended = nn.LayerNorm(width, epsilon)
        self.inner, self.outer = nn.Linear(width, inner), nn.Linear(inner, width)
        self.normed = nn.LayerNorm(width, epsilon)

    def split(self, x):
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, x, masked):
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5) + masked
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(x.shape)
        x = self.attended(x + self.mixed(mixed))
        return self.normed(x + self.outer(nn.functional.gelu(self.inner(x))))


class Encoder(nn.Module):
    """tokens int64 [batch, length], 0 pads -> embedding float32 [batch, width]: the mean over the text's tokens, of length 1."""

    def __init__(self, vocabulary=30522, positions=512, width=384, layers=6, heads=12, inner=1536, epsilon=1e-12):
        super().__init__()
        self.words, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(positions, width)
        self.kind = nn.Parameter(torch.zeros(width))
        self.embedded = nn.LayerNorm(width, epsilon)
        self.layers = nn.ModuleList(Layer(width, heads, inner, epsilon) for _ in range(layers))

    def forward(self, tokens):
        is_text = (tokens != 0).unsqueeze(-1)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.embedded(self.words(tokens) + self.positions(places) + self.kind)
        masked = (1.0 - is_text.to(x.dtype)).transpose(1, 2).unsqueeze(1) * MASKED
        for layer in self.layers:
            x = layer(x, masked)
        weight = is_text.float()
        pooled = (x.float() * weight).sum(1) / weight.sum(1).clamp(min=1.0)
        return pooled / pooled.square().sum(1, keepdim=True).clamp(min=1e-24).sqrt()


# Of the checkpoint's names, by ours.
EMBEDDINGS = {'words.weight': 'word_embeddings.weight', 'positions.weight': 'position_embeddings.weight', 'embedded': 'LayerNorm'}
LAYER = {
    'query': 'attention.self.query', 'key': 'attention.self.key', 'value': 'attention.self.value',
    'mixed': 'attention.output.dense', 'attended': 'attention.output.LayerNorm',
    'inner': 'intermediate.dense', 'outer': 'output.dense', 'normed': 'output.LayerNorm',
}


def encoder_of(checkpoint, config):
    """An Encoder with the weights of a BERT checkpoint, as the `transformers` library names them."""
    encoder = Encoder(config['vocab_size'], config['max_position_embeddings'], config['hidden_size'], config['num_hidden_layers'],
                      config['num_attention_heads'], config['intermediate_size'], config['layer_norm_eps'])
    weights = {'kind': checkpoint['embeddings.token_type_embeddings.weight'][0]}
    for ours, theirs in EMBEDDINGS.items():
        if '.' in ours:
            weights[ours] = checkpoint[f'embeddings.{theirs}']
        else:
            weights.update({f'{ours}.{part}': checkpoint[f'embeddings.{theirs}.{part}'] for part in ('weight', 'bias')})
    for index in range(config['num_hidden_layers']):
        for ours, theirs in LAYER.items():
            for part in ('weight', 'bias'):
                weights[f'layers.{index}.{ours}.{part}'] = checkpoint[f'encoder.layer.{index}.{theirs}.{part}']
    encoder.load_state_dict(weights)
    return encoder.eval()


def export_onnx(encoder, path, example):
    """One file, dynamic batch and length. The older exporter: it keeps layer normalisation one operator and both axes free."""
    torch.onnx.export(encoder, (example,), str(path), input_names=['tokens'], output_names=['embedding'], opset_version=17, dynamo=False,
                      dynamic_axes={'tokens': {0: 'batch', 1: 'length'}, 'embedding': {0: 'batch'}})
