"""A small causal transformer: the architecture to beat."""

import torch
from torch import nn

WIDTH, HEADS, LAYERS = 64, 4, 2


class Block(nn.Module):
    """Causal self-attention and a perceptron, each behind a norm and beside a shortcut."""

    def __init__(self):
        super().__init__()
        self.norm, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x):
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, HEADS, -1)).unbind(dim=2)
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


class Model(nn.Module):
    """Tokens (length,) to logits of the next one (length, vocabulary)."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        length, vocabulary = input_shape[0], output_shape[-1]
        self.embed = nn.Embedding(vocabulary, WIDTH)
        self.places = nn.Parameter(0.02 * torch.randn(length, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, vocabulary)

    def forward(self, x):
        h = self.embed(x) + self.places[: x.shape[1]]
        return self.head(self.norm(self.blocks(h)))
