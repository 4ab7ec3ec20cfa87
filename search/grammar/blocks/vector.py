# mypy: ignore-errors
"""Block sources: blocks that work on the last axis, (..., width) to (..., width).

This file is never imported: its classes are copied into the sources that are drawn.
"""

from torch import nn


class MLP(nn.Module):
    """MLP: two linear layers with dropout between."""

    def __init__(self, width, hidden=64, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
        )

    def forward(self, x):
        return self.layers(x)


class GatedMLP(nn.Module):
    """Gated MLP: one half of the hidden layer opens and closes the other (Shazeer 2020)."""

    def __init__(self, width, hidden=64):
        super().__init__()
        self.value = nn.Linear(width, hidden)
        self.gate = nn.Linear(width, hidden)
        self.activation = nn.GELU()
        self.out = nn.Linear(hidden, width)

    def forward(self, x):
        return self.out(self.value(x) * self.activation(self.gate(x)))


class Highway(nn.Module):
    """Highway layer: a gate chooses between the input and its transform (Srivastava 2015)."""

    def __init__(self, width):
        super().__init__()
        self.transform = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        self.activation = nn.GELU()

    def forward(self, x):
        gate = self.gate(x).sigmoid()
        return gate * self.activation(self.transform(x)) + (1 - gate) * x


class CrossLayer(nn.Module):
    """Cross layer: the input times a low-rank linear map of itself (DCN-V2, Wang et al. 2021)."""

    def __init__(self, width, hidden=16):
        super().__init__()
        self.down = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(hidden, width)

    def forward(self, x):
        return x * self.up(self.down(x))
