# mypy: ignore-errors
"""Softmax attention: over all of the past, and over a window of it.

This file is never imported: its classes are copied into the sources that are made.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class SoftmaxAttention(nn.Module):
    """Softmax attention over all of the past, with rotary positions. Its state is a cache of keys
    and values that grows with every step.
    """

    COMPLEXITY = "quadratic"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads = HEADS
        self.inner = INNER
        self.project = nn.Linear(width, 3 * self.inner, bias=False)
        self.out = nn.Linear(self.inner, width, bias=False)

    def prepare(self, x, first=0):
        q, k, v = (split_heads(t, self.heads) for t in self.project(x).chunk(3, dim=-1))
        return rotate(q, first), rotate(k, first), v

    def forward(self, x):
        q, k, v = self.prepare(x)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(merge_heads(mixed))

    def start(self, batch):
        empty = self.out.weight.new_zeros(batch, self.heads, 0, self.inner // self.heads)
        return {"keys": empty, "values": empty}

    def step(self, x, state):
        q, k, v = self.prepare(x.unsqueeze(1), state["keys"].shape[2])
        keys = torch.cat([state["keys"], k], dim=2)
        values = torch.cat([state["values"], v], dim=2)
        mixed = F.scaled_dot_product_attention(q, keys, values)
        return self.out(merge_heads(mixed)).squeeze(1), {"keys": keys, "values": values}


class WindowAttention(nn.Module):
    """Softmax attention over the last steps, with rotary positions (Beltagy et al. 2020). Chunks of
    the window's length look at themselves and at the one before.
    """

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads, self.window = HEADS, WINDOW
        self.inner = INNER
        self.project = nn.Linear(width, 3 * self.inner, bias=False)
        self.out = nn.Linear(self.inner, width, bias=False)

    def prepare(self, x, first=0):
        q, k, v = (split_heads(t, self.heads) for t in self.project(x).chunk(3, dim=-1))
        return rotate(q, first), rotate(k, first), v

    def forward(self, x):
        length, window = x.shape[1], self.window
        q, k, v = self.prepare(x)
        gap = -length % window
        q = F.pad(q, (0, 0, 0, gap)).unflatten(2, (-1, window))
        k, v = (F.pad(t, (0, 0, window, gap)).unfold(2, 2 * window, window) for t in (k, v))
        k, v = k.transpose(-1, -2), v.transpose(-1, -2)
        place = torch.arange(2 * window, device=x.device)
        ago = window + place[:window].unsqueeze(-1) - place
        chunk = torch.arange(q.shape[2], device=x.device).view(-1, 1, 1)
        seen = (ago >= 0) & (ago < window) & ((chunk > 0) | (place >= window))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        return self.out(merge_heads(mixed.flatten(2, 3)[:, :, :length]))

    def start(self, batch):
        held = self.out.weight.new_zeros(
            batch, self.heads, self.window - 1, self.inner // self.heads
        )
        count = torch.zeros((), dtype=torch.long, device=held.device)
        return {"keys": held, "values": held, "count": count}

    def step(self, x, state):
        q, k, v = self.prepare(x.unsqueeze(1), state["count"])
        keys = torch.cat([state["keys"], k], dim=2)
        values = torch.cat([state["values"], v], dim=2)
        ago = torch.arange(self.window - 1, -1, -1, device=x.device)
        seen = (ago <= state["count"]).unsqueeze(0)
        mixed = F.scaled_dot_product_attention(q, keys, values, attn_mask=seen)
        after = {"keys": keys[:, :, 1:], "values": values[:, :, 1:], "count": state["count"] + 1}
        return self.out(merge_heads(mixed)).squeeze(1), after
