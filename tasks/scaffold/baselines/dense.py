"""A small U-Net (Ronneberger, Fischer and Brox 2015): the architecture to beat."""

import torch
from torch import nn


def convolutions(width, wide):
    return nn.Sequential(
        nn.Conv2d(width, wide, 3, padding=1, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
        nn.Conv2d(wide, wide, 3, padding=1, bias=False),
        nn.BatchNorm2d(wide),
        nn.ReLU(),
    )


class Model(nn.Module):
    """Images (channels, height, width) to logits (height, width, classes)."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.fine = convolutions(input_shape[0], 12)
        self.middle = convolutions(12, 24)
        self.low = convolutions(24, 48)
        self.up_middle = convolutions(48 + 24, 24)
        self.up_fine = convolutions(24 + 12, 12)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.head = nn.Conv2d(12, output_shape[-1], 1)

    def forward(self, x):
        fine = self.fine(x)
        half = self.middle(self.pool(fine))
        low = self.low(self.pool(half))
        half = self.up_middle(torch.cat([half, self.grown(low, half)], dim=1))
        fine = self.up_fine(torch.cat([fine, self.grown(half, fine)], dim=1))
        return self.head(fine).movedim(1, -1)

    def grown(self, small, like):
        return nn.functional.interpolate(small, size=like.shape[-2:])
