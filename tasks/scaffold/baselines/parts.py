"""A layer for each part of the input, and their sum through two more: what is to be beaten."""

import math

from torch import nn

TOKENS = {}
WIDTH = 64


class Model(nn.Module):
    """Several arrays by name to one vector."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.readers = nn.ModuleDict()
        for name, shape in input_shape.items():
            if name in TOKENS:
                self.readers[name] = nn.EmbeddingBag(TOKENS[name], WIDTH)
            else:
                self.readers[name] = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), WIDTH))
        self.head = nn.Sequential(
            nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, output_shape[0])
        )

    def forward(self, x):
        return self.head(sum(reader(x[name]) for name, reader in self.readers.items()))
