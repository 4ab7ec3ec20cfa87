# mypy: ignore-errors
"""Block sources: how blocks are put together, and what stands before and after the body.

This file is never imported: its classes are copied into the sources that are drawn.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class PreNorm(nn.Module):
    """Pre-norm residual: a block reads the normalised input and adds to it (Xiong et al. 2020)."""

    def __init__(self, width, block):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.block = block

    def forward(self, x):
        return x + self.block(self.norm(x))


class Parallel(nn.Module):
    """Parallel branches: every branch reads the same input, their mean goes on."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return sum(branch(x) for branch in self.branches) / len(self.branches)


class WeightedBranches(nn.Module):
    """Weighted branches: a learned softmax weighs what the branches say (Liu et al. 2019)."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.weights = nn.Parameter(torch.zeros(len(branches)))

    def forward(self, x):
        outputs = torch.stack([branch(x) for branch in self.branches], dim=-1)
        return outputs @ self.weights.softmax(dim=0)


class PatchSequence(nn.Module):
    """Patches: the image becomes a sequence of patches with learned positions (ViT, 2021)."""

    def __init__(self, input_shape, width, patch=2):
        super().__init__()
        channels, height, wide = input_shape
        self.embed = nn.Conv2d(channels, width, patch, stride=patch)
        count = (height // patch) * (wide // patch)
        self.position = nn.Parameter(0.02 * torch.randn(1, count, width))

    def forward(self, x):
        return self.embed(x).flatten(2).transpose(1, 2) + self.position


class FeatureSequence(nn.Module):
    """Feature tokens: each feature becomes a token of its own (Gorishniy et al. 2021)."""

    def __init__(self, features, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features, width) / width**0.5)
        self.bias = nn.Parameter(torch.randn(features, width) / width**0.5)

    def forward(self, x):
        return x.unsqueeze(-1) * self.weight + self.bias


class PeriodicFeatures(nn.Module):
    """Periodic features: learned sines and cosines of the input (Gorishniy et al. 2022)."""

    def __init__(self, features, width, frequencies=8):
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(features, frequencies))
        self.project = nn.Linear(features * (2 * frequencies + 1), width)

    def forward(self, x):
        angle = x.unsqueeze(-1) * self.frequency
        waves = torch.cat([angle.sin(), angle.cos(), x.unsqueeze(-1)], dim=-1)
        return self.project(waves.flatten(1))


class MeanPool(nn.Module):
    """Mean pooling: the mean over the steps."""

    def forward(self, x):
        return x.mean(dim=1)


class LastStep(nn.Module):
    """Last step: what the sequence has become at its end."""

    def forward(self, x):
        return x[:, -1]


class AttentionPool(nn.Module):
    """Attention pooling: a learned score weighs the steps before they are summed."""

    def __init__(self, width):
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, x):
        return (self.score(x).softmax(dim=1) * x).sum(dim=1)


class MeanMaxPool(nn.Module):
    """Mean and max pooling: both summaries of every channel, side by side."""

    def forward(self, x):
        return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)


class DenseHead(nn.Module):
    """Dense head: a 1x1 convolution reads every place, at the resolution of the output."""

    def __init__(self, width, output_shape):
        super().__init__()
        self.shape = tuple(output_shape)
        self.read = nn.Conv2d(width, output_shape[-1] if len(output_shape) > 2 else 1, 1)

    def forward(self, x):
        x = F.interpolate(self.read(x), size=self.shape[:2], mode="bilinear")
        return x.movedim(1, -1).reshape(len(x), *self.shape)


class RowSequence(nn.Module):
    """Rows: the image is read row by row, with learned positions."""

    def __init__(self, input_shape, width):
        super().__init__()
        channels, height, wide = input_shape
        self.embed = nn.Linear(channels * wide, width)
        self.position = nn.Parameter(0.02 * torch.randn(1, height, width))

    def forward(self, x):
        return self.embed(x.transpose(1, 2).flatten(2)) + self.position
