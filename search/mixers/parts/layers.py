# mypy: ignore-errors
"""What stands around a memory: rotation, short convolutions, and gates that say how fast to forget.

A layer that remembers steps has `start(batch)`, its state before the first, and `step(x, state)`.
This file is never imported: its definitions are copied into the sources that are made.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def rotate(x, first=0):
    """Turn pairs of features by an angle that grows with the position, `first` being the first's
    (Su et al. 2021).
    """
    half = x.shape[-1] // 2
    rate = 10000.0 ** (-torch.arange(half, device=x.device) / half)
    angle = (first + torch.arange(x.shape[-2], device=x.device)).unsqueeze(-1) * rate
    return turn(x, angle)


def turn(x, angle):
    """Turn the pairs (x_i, x_{i + half}) of the last axis by an angle each."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def step_sizes(count):
    """What softplus makes step sizes from 0.001 to 0.1 of, evenly drawn on a log scale."""
    return torch.empty(count).uniform_(-6.9, -2.3).exp().expm1().log()


class ShortConvolution(nn.Module):
    """A causal filter over each feature's last few steps, then SiLU."""

    def __init__(self, width, kernel=4):
        super().__init__()
        self.width, self.kernel = width, kernel
        self.filter = nn.Conv1d(width, width, kernel, groups=width, bias=False)

    def forward(self, x):
        return F.silu(self.filter(F.pad(x.transpose(1, 2), (self.kernel - 1, 0))).transpose(1, 2))

    def start(self, batch):
        return self.filter.weight.new_zeros(batch, self.kernel - 1, self.width)

    def step(self, x, held):
        seen = torch.cat([held, x.unsqueeze(1)], dim=1)
        return F.silu(self.filter(seen.transpose(1, 2)).squeeze(-1)), seen[:, 1:]


class HeadDecay(nn.Module):
    """One decay a head and step: a rate times a step size that the input sets (Mamba-2's gate)."""

    def __init__(self, width, heads):
        super().__init__()
        self.project = nn.Linear(width, heads, bias=False)
        self.rate = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.bias = nn.Parameter(step_sizes(heads))

    def forward(self, x):
        decay = -self.rate.exp() * F.softplus(self.project(x) + self.bias)
        return decay.transpose(1, 2).unsqueeze(-1)


class KeyDecay(nn.Module):
    """One decay a key and step, at least -5, from a narrow projection (Kimi Delta Attention's)."""

    def __init__(self, width, heads, keys, rank=16):
        super().__init__()
        self.heads = heads
        self.project = nn.Sequential(
            nn.Linear(width, rank, bias=False), nn.Linear(rank, keys, bias=False)
        )
        self.rate = nn.Parameter(torch.empty(heads, 1, 1).uniform_(1, 16).log())
        self.bias = nn.Parameter(step_sizes(keys))

    def forward(self, x):
        size = F.softplus(self.project(x) + self.bias)
        return (-self.rate.exp() * split_heads(size, self.heads)).clamp(min=-5.0)


class SlowKeyDecay(nn.Module):
    """One decay a key and step that begins near 1: the 16th root of a sigmoid, at least -5 as a
    logarithm (gated linear attention's).
    """

    def __init__(self, width, heads, keys, rank=16):
        super().__init__()
        self.heads = heads
        self.project = nn.Sequential(nn.Linear(width, rank, bias=False), nn.Linear(rank, keys))

    def forward(self, x):
        decay = F.logsigmoid(self.project(x)) / 16
        return split_heads(decay.clamp(min=-5.0), self.heads)


def fixed_decay(heads, like):
    """The logarithms of 1 - 2^-5, 1 - 2^-6, ... for each head, as (1, heads, length, 1)."""
    rate = torch.log1p(-(2.0 ** (-5 - torch.arange(heads, device=like.device))))
    return rate.view(1, -1, 1, 1).expand(like.shape[0], -1, like.shape[2], 1)


def no_decay(like):
    """A decay of nothing for (batch, heads, length, size)."""
    return torch.zeros_like(like[..., :1])
