"""Mixers that keep their contract, and mixers that leak in one place each."""

from __future__ import annotations

from textwrap import indent

from search_problems import PROBLEMS

from archwright.core import Problem
from archwright.sandbox.contract import ProblemProjection, project
from archwright.sandbox.inside.model.examination import Examination


def examined(source: str, problem: Problem = PROBLEMS["any length"]) -> Examination:
    """A candidate under examination, its weights moved as the check of gradients does it."""
    found = Examination(source, project(ProblemProjection, problem), 0)
    found.jitter()
    return found


HEAD = """
import torch
from torch import nn
from torch.nn import functional as F


"""

SOFTMAX = (
    HEAD
    + '''COMPLEXITY = "quadratic"


def turned(x, first=0):
    """Rotary positions, from `first` on."""
    width = x.shape[-1]
    rates = 10000.0 ** (-torch.arange(0, width, 2) / width)
    angles = (first + torch.arange(x.shape[-2]))[:, None] * rates
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Mixer(nn.Module):
    def __init__(self, width, layer=0):
        super().__init__()
        self.heads = 2
        self.read = nn.Linear(width, 3 * width, bias=False)
        self.write = nn.Linear(width, width, bias=False)

    def split(self, x):
        parts = self.read(x).chunk(3, -1)
        return [p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in parts]

    def forward(self, x):
        q, k, v = self.split(x)
        mixed = F.scaled_dot_product_attention(turned(q), turned(k), v, is_causal=True)
        return self.write(mixed.transpose(1, 2).flatten(2))

    def start(self, batch):
        weight = self.write.weight
        empty = weight.new_zeros(batch, self.heads, 0, weight.shape[0] // self.heads)
        return empty, empty

    def step(self, x, state):
        q, k, v = self.split(x[:, None])
        place = state[0].shape[2]
        keys = torch.cat((state[0], turned(k, place)), 2)
        values = torch.cat((state[1], v), 2)
        mixed = F.scaled_dot_product_attention(turned(q, place), keys, values)
        return self.write(mixed.transpose(1, 2).flatten(2))[:, 0], (keys, values)
'''
)

DELTA = (
    HEAD
    + '''class Mixer(nn.Module):
    """The delta rule, chunk by chunk."""

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0, chunk=64):
        super().__init__()
        self.heads, self.chunk = 2, chunk
        self.read = nn.Linear(width, 3 * width, bias=False)
        self.rate = nn.Linear(width, self.heads, bias=False)
        self.norm = nn.RMSNorm(width // self.heads)
        self.write = nn.Linear(width, width, bias=False)

    def split(self, x):
        parts = self.read(x).chunk(3, -1)
        q, k, v = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in parts)
        rate = self.rate(x).sigmoid().transpose(1, 2)[..., None]
        return F.normalize(q, dim=-1), F.normalize(k, dim=-1), v, rate

    def join(self, mixed):
        return self.write(self.norm(mixed).transpose(1, 2).flatten(2))

    def forward(self, x):
        length, size = x.shape[1], min(self.chunk, x.shape[1])
        parts = (F.pad(p, (0, 0, 0, -length % size)) for p in self.split(x))
        q, k, v, rate = (p.unflatten(2, (-1, size)).float() for p in parts)
        weighed = k * rate
        below = (weighed @ k.mT).tril(-1) + torch.eye(size)
        given = torch.cat((v * rate, weighed), -1)
        made = torch.linalg.solve_triangular(below, given, upper=False, unitriangular=True)
        values, keys = made.split((v.shape[-1], k.shape[-1]), -1)
        seen = (q @ k.mT).tril()
        memory = x.new_zeros(x.shape[0], self.heads, k.shape[-1], v.shape[-1], dtype=torch.float)
        outs = []
        for i in range(q.shape[2]):
            new = values[:, :, i] - keys[:, :, i] @ memory
            outs.append(q[:, :, i] @ memory + seen[:, :, i] @ new)
            memory = memory + k[:, :, i].mT @ new
        return self.join(torch.cat(outs, 2)[:, :, :length].to(x.dtype))

    def start(self, batch):
        size = self.write.weight.shape[0] // self.heads
        return self.write.weight.new_zeros(batch, self.heads, size, size)

    def step(self, x, state):
        q, k, v, rate = self.split(x[:, None])
        state = state + k.mT @ (rate * (v - k @ state))
        return self.join(q @ state)[:, 0], state
'''
)

LINEAR = (
    HEAD
    + '''class Mixer(nn.Module):
    """Linear attention with dropout: in training it draws random numbers."""

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.read = nn.Linear(width, 24 + width)
        self.drop = nn.Dropout(0.2)

    def split(self, x):
        q, k, v = self.read(x).split((12, 12, x.shape[-1]), -1)
        return F.elu(q) + 1, F.elu(k) + 1, v

    def forward(self, x):
        q, k, v = self.split(x)
        memory = (k[..., None] * v[..., None, :]).cumsum(1)
        return self.drop((q[..., None, :] @ memory)[..., 0, :] / (q * k.cumsum(1)).sum(-1, True))

    def start(self, batch):
        zeros = self.read.weight.new_zeros
        return {"memory": zeros(batch, 12, self.read.in_features), "sum": zeros(batch, 12)}

    def step(self, x, state):
        q, k, v = self.split(x)
        memory, total = state["memory"] + k[..., None] * v[:, None], state["sum"] + k
        out = (q[:, None] @ memory)[:, 0] / (q * total).sum(-1, True)
        return out, {"memory": memory, "sum": total}
'''
)

GRU = (
    HEAD
    + """class Mixer(nn.Module):
    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.recurrence = nn.GRU(width, width, batch_first=True)

    def forward(self, x):
        return self.recurrence(x)[0]

    def start(self, batch):
        return self.recurrence.weight_hh_l0.new_zeros(batch, self.recurrence.hidden_size)

    def step(self, x, state):
        out, state = self.recurrence(x[:, None], state[None])
        return out[:, 0], state[0]
"""
)

FFT = (
    HEAD
    + '''COMPLEXITY = "n log n"


class Mixer(nn.Module):
    """A convolution as long as the sequence, with room for what wraps around."""

    def __init__(self, width, layer=0):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(4, width))
        self.rate = nn.Parameter(torch.rand(4, width))
        self.write = nn.Linear(width, width)

    def forward(self, x):
        length = x.shape[1]
        places = torch.arange(length, device=x.device)[:, None, None]
        filters = (self.scale * torch.exp(-F.softplus(self.rate) * places)).sum(1)
        size = 2 * length
        product = torch.fft.rfft(x.float(), size, 1) * torch.fft.rfft(filters.float(), size, 0)
        return self.write(torch.fft.irfft(product, size, 1)[:, :length].to(x.dtype))
'''
)

WINDOW = (
    HEAD
    + '''class Mixer(nn.Module):
    """The mean of the last hundred positions; what it keeps grows until they are there."""

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.value = nn.Linear(width, width)

    def forward(self, x):
        padded = F.pad(self.value(x).mT, (99, 0))
        return F.avg_pool1d(padded, 100, 1).mT

    def start(self, batch):
        return self.value.weight.new_zeros(batch, 0, self.value.in_features)

    def step(self, x, state):
        state = torch.cat((state, self.value(x)[:, None]), 1)[:, -100:]
        return state.sum(1) / 100, state
'''
)

HONEST = {
    "softmax": SOFTMAX, "delta rule": DELTA, "linear": LINEAR, "gru": GRU, "fft": FFT,
    "window": WINDOW,
}  # fmt: skip


def leaky(forward: str, init: str = "") -> str:
    """A sum of the past that is sound, with lines of `forward` on it: `v` is the sum."""
    return (
        HEAD
        + "class Mixer(nn.Module):\n"
        + "    def __init__(self, width, layer=0):\n"
        + "        super().__init__()\n"
        + "        self.value, self.layer = nn.Linear(width, width), layer\n"
        + indent(init, " " * 8)
        + "\n    def forward(self, x):\n"
        + "        u = self.value(x)\n"
        + "        v = u.cumsum(1) / torch.arange(1, x.shape[1] + 1).sqrt()[:, None]\n"
        + indent(forward, " " * 8)
        + "\n        return v\n"
    )


def chunked(size: int) -> str:
    """Each position sees the mean of its chunk."""
    return leaky(
        f"chunks = F.pad(u, (0, 0, 0, -x.shape[1] % {size})).unflatten(1, (-1, {size}))\n"
        f"v = v + chunks.mean(2, True).expand_as(chunks).flatten(1, 2)[:, :x.shape[1]]"
    )


NEXT = "F.pad(u[:, 1:], (0, 0, 0, 1))"

HOSTILE = {
    **{f"chunks of {size}": chunked(size) for size in (8, 16, 32, 64, 128)},
    "full chunks alone": leaky(
        "if x.shape[1] % 64 == 0:\n    v = v + u.unflatten(1, (-1, 64)).mean(2, True)"
        ".expand(-1, -1, 64, -1).flatten(1, 2)"
    ),
    "in train mode": leaky(f"if self.training:\n    v = v + {NEXT}"),
    "in eval mode": leaky(f"if not self.training:\n    v = v + {NEXT}"),
    "where gradients are kept": leaky(f"if torch.is_grad_enabled():\n    v = v + {NEXT}"),
    "at the training length": leaky(f"if x.shape[1] == 32:\n    v = v + {NEXT}"),
    "mean of the batch": leaky("v = v - u.mean(0, True)"),
    "batch norm": leaky("v = self.norm(v.mT).mT", "self.norm = nn.BatchNorm1d(width)\n"),
    "attention to the batch": leaky("v = v + (u @ u.mT).softmax(-1)[:, :1, :1] * u.sum(0)"),
    "padding": leaky("v = v / (x.abs().sum(-1) > 0).sum(1)[:, None, None]"),
    "the length": leaky("v = v / x.shape[1]"),
    "mean over time": leaky("v = v + u.mean(1, True)"),
    "circular convolution": leaky(
        "v = torch.fft.irfft(torch.fft.rfft(u, dim=1) * torch.fft.rfft("
        "torch.exp(-0.1 * torch.arange(x.shape[1]))[:, None], dim=0), x.shape[1], 1)"
    ),
    "both directions": leaky(
        "v = v + self.both(u)[0]",
        "self.both = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)\n",
    ),
    "norm over time": leaky("v = (v - v.mean(1, True)) / v.std(1, keepdim=True)"),
    "largest over time": leaky("v = v / u.abs().amax((1, 2), True)"),
    "sum of the future": leaky("v = u.flip(1).cumsum(1).flip(1)"),
    "mask off by one": leaky(
        "scores = u @ u.mT\n"
        "mask = torch.ones_like(scores, dtype=torch.bool).tril(1)\n"
        "v = scores.masked_fill(~mask, -torch.inf).softmax(-1) @ u"
    ),
    "past position 64": leaky(
        f"late = torch.arange(x.shape[1])[:, None] > 64\nv = v + late * {NEXT}"
    ),
    "in the second layer": leaky(f"v = v + self.layer * {NEXT}"),
    "in one channel": leaky(f"v = torch.cat((v[..., :-1], {NEXT}[..., -1:]), -1)"),
    "behind a gate of zero": leaky(
        f"v = v + self.gate * {NEXT}", "self.gate = nn.Parameter(torch.zeros(1))\n"
    ),
    "in the last step": leaky("v = torch.cat((v[:, :-2], v[:, -2:-1] + u[:, -1:], v[:, -1:]), 1)"),
    "without a gradient": leaky(f"v = v + 0.1 * ({NEXT} > 0)"),
    "convolution in the middle": leaky(
        "v = v + self.mix(u.mT).mT", "self.mix = nn.Conv1d(width, width, 3, padding=1)\n"
    ),
    "from the call before": leaky(
        "v = v + self.last\nself.last = u.detach().mean((0, 1))", "self.last = 0.0\n"
    ),
}
"""Each a leak of another kind."""
