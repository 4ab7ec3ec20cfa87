"""Embeddings of the categories beside the numbers, and two hidden layers: what is to be beaten."""

import torch
from torch import nn

TOKENS = 0
WIDTH = 8


class Model(nn.Module):
    """numbers (n,) and categories (k,), whose columns have tokens of their own, to one vector."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.embed = nn.Embedding(TOKENS, WIDTH)
        width = input_shape["numbers"][0] + WIDTH * input_shape["categories"][0]
        self.layers = nn.Sequential(
            nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(),
            nn.Linear(64, output_shape[0]),
        )  # fmt: skip

    def forward(self, x):
        embedded = self.embed(x["categories"]).flatten(1)
        return self.layers(torch.cat([x["numbers"], embedded], dim=1))
