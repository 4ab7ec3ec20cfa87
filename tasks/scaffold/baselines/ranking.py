"""Each item by itself and beside the mean of all (Zaheer et al. 2017, "Deep Sets"): what is to be
beaten.
"""

import torch
from torch import nn

WIDTH = 48


class Model(nn.Module):
    """x (items, features) with mask (items,) to a score for each item."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.read = nn.Sequential(
            nn.Linear(input_shape["x"][-1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()
        )
        self.score = nn.Sequential(nn.Linear(2 * WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))

    def forward(self, x):
        mask = x["mask"].float().unsqueeze(-1)
        items = self.read(x["x"]) * mask
        mean = items.sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        both = torch.cat([items, mean.expand_as(items)], dim=-1)
        return (self.score(both) * mask).squeeze(-1)
