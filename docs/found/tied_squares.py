"""A mixer that a search found: see docs/found/README.md.

Layers in turn. Even ones: a faded sum as in Mamba-2 (Dao and Gu 2024) beside a running product of
unit quaternions, read as rotation matrices. Odd ones, on shared values: such a sum with rotary
positions that follow a learned clock, and a memory corrected by the delta rule whose keys are the
products of all pairs of features of one projection, asked with that of the position before.
"""

import torch
import torch.nn.functional as F
from torch import nn


def split(x, heads):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge(x):
    return x.transpose(1, 2).flatten(2)


def shift(x):
    return F.pad(x, (0, 0, 1, -1))


def cut(chunk, *arrays):
    gap = -arrays[0].shape[2] % chunk
    return [F.pad(a, (0, 0, 0, gap)).unflatten(2, (-1, chunk)) for a in arrays]


def fade(total):
    gain = total - total.transpose(-1, -2)
    later = torch.ones(gain.shape[-2:], dtype=torch.bool, device=total.device).triu(1)
    return gain.masked_fill(later, float("-inf")).exp()


def added(q, k, v, decay, chunk=64):
    length = q.shape[2]
    q, k, v, decay = cut(min(chunk, length), q, k, v, decay)
    total = decay.cumsum(-2)
    last = total[..., -1:, :]
    near = (q @ k.transpose(-1, -2) * fade(total)) @ v
    q, keep = q * total.exp(), last.exp()
    written = (k * (last - total).exp()).transpose(-1, -2) @ v
    memory, read = torch.zeros_like(written[:, :, 0]), []
    for n in range(q.shape[2]):
        read.append(q[:, :, n] @ memory)
        memory = keep[:, :, n] * memory + written[:, :, n]
    return (near + torch.stack(read, 2)).flatten(2, 3)[:, :, :length]


def times(a, b, c, d):
    return a * c - b * d.conj(), a * d + b * c.conj()


def turn(x, chunk=64):
    length = x.shape[1]
    chunk = min(chunk, length)
    x = F.pad(F.normalize(x, dim=-1), (0, 0, 0, 0, 0, -length % chunk))
    x = x.unflatten(1, (-1, chunk)).unflatten(-1, (2, 2)).contiguous()
    a, b = torch.view_as_complex(x).unbind(-1)
    step = 1
    while step < chunk:
        c, d = times(a[:, :, step:], b[:, :, step:], a[:, :, :-step], b[:, :, :-step])
        a, b = torch.cat([a[:, :, :step], c], 2), torch.cat([b[:, :, :step], d], 2)
        step *= 2
    done = [(a[:, 0], b[:, 0])]
    for n in range(1, a.shape[1]):
        c, d = done[-1]
        done.append(times(a[:, n], b[:, n], c[:, -1:], d[:, -1:]))
    a, b = (torch.cat(t, 1)[:, :length] for t in zip(*done, strict=True))
    parts = torch.view_as_real(torch.stack([a * a, b * b, a * b, a * b.conj()], -1)).flatten(-2)
    return torch.cat([parts, ((a * a.conj() - b * b.conj()).real).unsqueeze(-1)], dim=-1)


class Turner(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 4 * heads)
        with torch.no_grad():
            self.project.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(heads))

    def forward(self, x):
        return turn(self.project(x).unflatten(-1, (self.heads, 4))).flatten(2)


class Short(nn.Module):
    def __init__(self, width, kernel=4):
        super().__init__()
        self.kernel = kernel
        self.filter = nn.Conv1d(width, width, kernel, groups=width, bias=False)

    def forward(self, x):
        return F.silu(self.filter(F.pad(x.transpose(1, 2), (self.kernel - 1, 0))).transpose(1, 2))


class Faded(nn.Module):
    def __init__(self, width, inner, heads, states, turns):
        super().__init__()
        self.heads = heads
        self.sizes = [inner, inner + 2 * states, heads]
        self.inside = [inner, states, states]
        self.project = nn.Linear(width, 2 * inner + 2 * states + heads, bias=False)
        self.short = Short(inner + 2 * states)
        self.rate = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.bias = nn.Parameter(torch.empty(heads).uniform_(-6.9, -2.3).exp().expm1().log())
        self.skip = nn.Parameter(torch.ones(heads, 1, 1))
        self.norm = nn.RMSNorm(inner, eps=1e-5)
        self.turner = Turner(width, turns)
        self.out = nn.Linear(inner + 9 * turns, width, bias=False)

    def forward(self, x):
        gate, mixed, size = self.project(x).split(self.sizes, dim=-1)
        v, k, q = self.short(mixed).split(self.inside, dim=-1)
        v = split(v, self.heads)
        q, k = (t.unsqueeze(1).expand(-1, self.heads, -1, -1) for t in (q, k))
        size = F.softplus(size + self.bias)
        decay = (-self.rate.exp() * size).transpose(1, 2).unsqueeze(-1)
        read = added(q, k, v * size.transpose(1, 2).unsqueeze(-1), decay) + self.skip * v
        held = self.norm(merge(read) * F.silu(gate))
        return self.out(torch.cat([held, self.turner(x)], dim=-1))


def rotate(x, place, turned):
    half = turned // 2
    rate = 300.0 ** (-torch.arange(half, device=x.device) / half)
    angle = place * rate
    a, b, rest = x.split([half, half, x.shape[-1] - turned], dim=-1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)


def clock(x):
    return (2 * x.sigmoid()).cumsum(1).transpose(1, 2).unsqueeze(-1)


def square(x):
    return (x.unsqueeze(-1) * x.unsqueeze(-2)).flatten(-2)


def corrected(q, k, v, strength, decay, chunk=64):
    length = q.shape[2]
    q, k, v, strength, decay = cut(min(chunk, length), q, k, v, strength, decay)
    total = decay.cumsum(-2)
    last, faded = total[..., -1:, :], fade(total)
    kt = k.transpose(-1, -2)
    near, system = (q @ kt) ** 2 * faded, (strength * (k @ kt) ** 2 * faded).tril(-1)
    fresh, old, keep = strength * v, strength * total.exp(), last.exp()
    memory, read = v.new_zeros(*v.shape[:2], k.shape[-1] ** 2, v.shape[-1]), []
    for n in range(q.shape[2]):
        wide = square(k[:, :, n])
        known = fresh[:, :, n] - old[:, :, n] * (wide @ memory)
        written = torch.linalg.solve_triangular(
            system[:, :, n], known, upper=False, unitriangular=True
        )
        seen = near[:, :, n] @ written + total[:, :, n].exp() * (square(q[:, :, n]) @ memory)
        read.append(seen)
        wide = (wide * (last[:, :, n] - total[:, :, n]).exp()).transpose(-1, -2)
        memory = keep[:, :, n] * memory + wide @ written
    return torch.stack(read, 2).flatten(2, 3)[:, :, :length]


class Tied(nn.Module):
    def __init__(self, width, inner, heads, states, pairs, each):
        super().__init__()
        self.heads, self.pairs = heads, pairs
        self.sizes = [inner, inner + 2 * states, heads, pairs * each, pairs, pairs, heads]
        self.inside = [inner, states, states]
        self.project = nn.Linear(width, sum(self.sizes), bias=False)
        self.short = Short(inner + 2 * states)
        self.rate = nn.Parameter(torch.empty(heads).uniform_(0.2, 4).log())
        self.bias = nn.Parameter(torch.empty(heads).uniform_(-6.9, -2.3).exp().expm1().log())
        self.slow = nn.Parameter(torch.empty(pairs).uniform_(-6.9, -4.0).exp().expm1().log())
        self.lift = nn.Parameter(torch.ones(pairs, 1, each))
        self.skip = nn.Parameter(torch.ones(inner))
        self.norm = nn.RMSNorm(inner, eps=1e-5)
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        gate, mixed, size, own, strength, slow, tick = self.project(x).split(self.sizes, dim=-1)
        w, k, q = self.short(mixed).split(self.inside, dim=-1)
        v = split(w, self.heads)
        q, k = (t.unsqueeze(1).expand(-1, self.heads, -1, -1) for t in (q, k))
        place = clock(tick)
        q, k = (rotate(t, place, t.shape[-1] // 4 * 2) for t in (q, k))
        size = F.softplus(size + self.bias).transpose(1, 2).unsqueeze(-1)
        read = merge(added(q, k, v * size, -self.rate.exp()[:, None, None] * size)) + self.skip * w
        own = split(own, self.pairs)
        q, k = F.normalize(own * self.lift, dim=-1), F.normalize(shift(own), dim=-1)
        strength = strength.sigmoid().transpose(1, 2).unsqueeze(-1)
        decay = -F.softplus(slow + self.slow).transpose(1, 2).unsqueeze(-1)
        found = corrected(q, k, split(w, self.pairs), strength, decay)
        return self.out(self.norm((read + merge(found)) * F.silu(gate)))


class Mixer(nn.Module):
    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        if layer % 2:
            self.inside = Tied(width, 21 * width // 16, width // 16, width // 4, width // 32, 20)
        else:
            self.inside = Faded(width, 21 * width // 16, width // 16, 5 * width // 16, width // 16)

    def forward(self, x):
        return self.inside(x)
