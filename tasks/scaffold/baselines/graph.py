"""Two rounds of messages between linked nodes (Kipf and Welling 2017): the architecture to beat."""

import torch
from torch import nn

WIDTH = 48


class Model(nn.Module):
    """nodes (n, features) and edges (n, n), rows that sum to 1, to logits for the first node."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.first = nn.Linear(input_shape["nodes"][-1], WIDTH)
        self.second = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, output_shape[0])

    def forward(self, x):
        edges = x["edges"]
        h = torch.relu(self.first(edges @ x["nodes"]))
        h = torch.relu(self.second(edges @ h))
        return self.head(h[:, 0])
