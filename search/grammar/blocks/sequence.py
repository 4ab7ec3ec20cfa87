# mypy: ignore-errors
"""Block sources: blocks over sequences, (batch, length, width) to the same shape, any length.

Each mixes steps and has neither norm nor shortcut of its own: `PreNorm` gives both. With
`causal=True` a step sees only itself and what came before it.
This file is never imported: its classes are copied into the sources that are drawn.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def rotate(x):
    """Turn pairs of features by an angle that grows with the position (Su et al. 2021)."""
    half = x.shape[-1] // 2
    rate = 10000.0 ** (-torch.arange(half, device=x.device) / max(half, 1))
    angle = torch.arange(x.shape[-2], device=x.device).unsqueeze(-1) * rate
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)


def split_heads(x, heads):
    """(batch, length, heads * size) to (batch, heads, length, size)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def filter_steps(x, conv, causal):
    """Run a Conv1d over the steps; padding on the left alone keeps it causal."""
    reach = conv.dilation[0] * (conv.kernel_size[0] - 1)
    left = reach if causal else reach // 2
    return conv(F.pad(x.transpose(1, 2), (left, reach - left))).transpose(1, 2)


def scan(decay, values):
    """h[t] = decay[t] * h[t-1] + values[t] for all t, in log2(length) passes (Blelloch 1990)."""
    shift, length = 1, values.shape[1]
    while shift < length:
        values = values + decay * F.pad(values, (0, 0, shift, 0))[:, :length]
        decay = decay * F.pad(decay, (0, 0, shift, 0))[:, :length]
        shift *= 2
    return values


class Attention(nn.Module):
    """Attention: softmax attention with rotary positions (Vaswani et al. 2017)."""

    def __init__(self, width, heads=4, head_dim=16, causal=True):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.project = nn.Linear(width, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, width)

    def forward(self, x):
        q, k, v = (split_heads(t, self.heads) for t in self.project(x).chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).flatten(2))


class ConvAttention(nn.Module):
    """Attention after a short convolution: a key can name the step before it (So et al. 2021)."""

    def __init__(self, width, heads=4, head_dim=16, kernel=3, causal=True):
        super().__init__()
        self.heads, self.causal = heads, causal
        inner = 3 * heads * head_dim
        self.project = nn.Linear(width, inner, bias=False)
        self.conv = nn.Conv1d(inner, inner, kernel, groups=inner, bias=False)
        self.out = nn.Linear(heads * head_dim, width)

    def forward(self, x):
        mixed = filter_steps(self.project(x), self.conv, self.causal)
        q, k, v = (split_heads(t, self.heads) for t in mixed.chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Retention(nn.Module):
    """Retention: attention without softmax that fades with distance (Sun et al. 2023)."""

    def __init__(self, width, heads=4, head_dim=16, causal=True):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.project = nn.Linear(width, 3 * heads * head_dim, bias=False)
        self.norm = nn.LayerNorm(head_dim)
        self.out = nn.Linear(heads * head_dim, width)

    def decay(self, length, device):
        step = torch.arange(length, device=device)
        distance = step.unsqueeze(1) - step
        rate = 1 - 2.0 ** (-2 - torch.arange(self.heads, device=device))
        fade = rate.view(-1, 1, 1) ** distance.abs()
        return fade.masked_fill(distance < 0, 0.0) if self.causal else fade

    def forward(self, x):
        q, k, v = (split_heads(t, self.heads) for t in self.project(x).chunk(3, dim=-1))
        weights = rotate(q) @ rotate(k).transpose(-1, -2) / q.shape[-1] ** 0.5
        mixed = self.norm((weights * self.decay(x.shape[1], x.device)) @ v)
        return self.out(mixed.transpose(1, 2).flatten(2))


class LinearAttention(nn.Module):
    """Linear attention: a running sum of key-value products (Katharopoulos et al. 2020)."""

    def __init__(self, width, heads=4, head_dim=16, kernel=3, causal=True):
        super().__init__()
        self.heads, self.causal = heads, causal
        inner = 3 * heads * head_dim
        self.project = nn.Linear(width, inner, bias=False)
        self.conv = nn.Conv1d(inner, inner, kernel, groups=inner, bias=False)
        self.out = nn.Linear(heads * head_dim, width)

    def read(self, q, k, v):
        if not self.causal:
            return q @ (k.transpose(-1, -2) @ v)
        state, outputs = 0, []
        for part in zip(*(t.split(32, dim=2) for t in (q, k, v)), strict=True):
            query, key, value = part
            near = (query @ key.transpose(-1, -2)).tril() @ value
            outputs.append(near + query @ state if outputs else near)
            state = state + key.transpose(-1, -2) @ value
        return torch.cat(outputs, dim=2)

    def forward(self, x):
        mixed = filter_steps(self.project(x), self.conv, self.causal)
        q, k, v = (split_heads(t, self.heads) for t in mixed.chunk(3, dim=-1))
        q, k = F.elu(q) + 1, F.elu(k) + 1
        both = self.read(q, k, torch.cat([v, torch.ones_like(v[..., :1])], dim=-1))
        mixed = both[..., :-1] / (both[..., -1:] + 1e-6)
        return self.out(mixed.transpose(1, 2).flatten(2))


class DeltaRule(nn.Module):
    """Delta rule: a fast memory that corrects what it holds for a key (Yang et al. 2024)."""

    def __init__(self, width, heads=2, head_dim=16, kernel=3):
        super().__init__()
        self.heads = heads
        inner = 3 * heads * head_dim
        self.project = nn.Linear(width, inner, bias=False)
        self.conv = nn.Conv1d(inner, inner, kernel, groups=inner, bias=False)
        self.strength = nn.Linear(width, heads)
        self.norm = nn.LayerNorm(head_dim)
        self.out = nn.Linear(heads * head_dim, width)

    def read(self, query, key, value, strength):
        """One chunk at a time: inside it the corrections solve a triangular system."""
        state, outputs = 0, []
        for part in zip(*(t.split(32, dim=2) for t in (query, key, value, strength)), strict=True):
            q, k, v, beta = part
            correction = v - k @ state if outputs else v
            system = (beta * (k @ k.transpose(-1, -2))).tril(-1)
            system = system + torch.eye(k.shape[2], device=k.device)
            written = torch.linalg.solve_triangular(system, beta * correction, upper=False)
            near = (q @ k.transpose(-1, -2)).tril() @ written
            outputs.append(near + q @ state if outputs else near)
            state = state + k.transpose(-1, -2) @ written
        return torch.cat(outputs, dim=2)

    def forward(self, x):
        mixed = F.silu(filter_steps(self.project(x), self.conv, True))
        q, k, v = (split_heads(t, self.heads) for t in mixed.chunk(3, dim=-1))
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        strength = split_heads(self.strength(x).sigmoid(), self.heads)
        mixed = self.norm(self.read(q, k, v, strength))
        return self.out(mixed.transpose(1, 2).flatten(2))


class GatedRecurrence(nn.Module):
    """Gated linear recurrence: the input decides how much of the past stays (Feng et al. 2024)."""

    def __init__(self, width, hidden=64, causal=True):
        super().__init__()
        self.causal = causal
        self.project = nn.Linear(width, 3 * hidden)
        self.out = nn.Linear(hidden, width)

    def forward(self, x):
        keep, value, gate = self.project(x).chunk(3, dim=-1)
        keep = (keep + 1).sigmoid()
        state = scan(keep, (1 - keep) * value)
        if not self.causal:
            state = state + scan(keep.flip(1), ((1 - keep) * value).flip(1)).flip(1)
        return self.out(state * F.silu(gate))


class ConvRecurrence(nn.Module):
    """Recurrence after a short convolution: local context, then a gated memory (De et al. 2024)."""

    def __init__(self, width, hidden=64, kernel=4):
        super().__init__()
        self.value = nn.Linear(width, hidden)
        self.conv = nn.Conv1d(hidden, hidden, kernel, groups=hidden)
        self.keep = nn.Linear(hidden, hidden)
        self.gate = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, width)

    def forward(self, x):
        value = filter_steps(self.value(x), self.conv, True)
        keep = (self.keep(value) + 1).sigmoid()
        state = scan(keep, (1 - keep**2).clamp(min=1e-6).sqrt() * value)
        return self.out(state * F.gelu(self.gate(x)))


class GRU(nn.Module):
    """GRU: gated recurrent units (Cho et al. 2014)."""

    def __init__(self, width, hidden=64, causal=True):
        super().__init__()
        self.cell = nn.GRU(width, hidden, batch_first=True, bidirectional=not causal)
        self.out = nn.Linear(hidden if causal else 2 * hidden, width)

    def forward(self, x):
        return self.out(self.cell(x)[0])


class ShortConv(nn.Module):
    """Short convolution: each channel mixes with the few steps near it (Poli et al. 2023)."""

    def __init__(self, width, kernel=4, causal=True):
        super().__init__()
        self.causal = causal
        self.conv = nn.Conv1d(width, width, kernel, groups=width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        return self.out(F.silu(filter_steps(x, self.conv, self.causal)))


class GatedShortConv(nn.Module):
    """Gated short convolution: gates before and after a depthwise filter (Fu et al. 2023)."""

    def __init__(self, width, hidden=64, kernel=4, causal=True):
        super().__init__()
        self.causal = causal
        self.project = nn.Linear(width, 3 * hidden)
        self.conv = nn.Conv1d(hidden, hidden, kernel, groups=hidden)
        self.out = nn.Linear(hidden, width)

    def forward(self, x):
        before, value, after = self.project(x).chunk(3, dim=-1)
        mixed = filter_steps(before.sigmoid() * value, self.conv, self.causal)
        return self.out(F.silu(after) * mixed)


class WideConv(nn.Module):
    """Full convolution over steps: every channel reads every channel nearby (LeCun 1989)."""

    def __init__(self, width, hidden=64, kernel=3, dilation=1, causal=True):
        super().__init__()
        self.causal = causal
        self.conv = nn.Conv1d(width, hidden, kernel, dilation=dilation)
        self.activation = nn.GELU()
        self.out = nn.Linear(hidden, width)

    def forward(self, x):
        return self.out(self.activation(filter_steps(x, self.conv, self.causal)))


class WaveConv(nn.Module):
    """Dilated gated convolution: tanh and sigmoid filters, spread out (van den Oord 2016)."""

    def __init__(self, width, hidden=32, kernel=2, dilation=2, causal=True):
        super().__init__()
        self.causal = causal
        self.conv = nn.Conv1d(width, 2 * hidden, kernel, dilation=dilation)
        self.out = nn.Linear(hidden, width)

    def forward(self, x):
        value, gate = filter_steps(x, self.conv, self.causal).chunk(2, dim=-1)
        return self.out(value.tanh() * gate.sigmoid())
