"""Sources that keep the contract, to be run as they are or broken on purpose."""

GOOD = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(input_shape[0], 16), nn.ReLU(), nn.Linear(16, output_shape[0])
        )

    def forward(self, x):
        return self.net(x)
"""

MIXER = """
import torch
from torch import nn

class Mixer(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        length, width = input_shape
        self.value = nn.Linear(width, width)

    def forward(self, x):
        steps = torch.arange(1, x.shape[1] + 1).view(1, -1, 1)
        return self.value(x).cumsum(1) / steps
"""
