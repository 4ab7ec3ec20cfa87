"""A mixer that a search found: see tasks/sequence-mixers/README.md, "Two campaigns".

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


def added_step(q, k, v, decay, memory):
    memory = decay.exp() * memory + k.transpose(-1, -2) @ v
    return q @ memory, memory


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
    return matrices(*(torch.cat(t, 1)[:, :length] for t in zip(*done, strict=True)))


def matrices(a, b):
    """The nine entries of the rotations by unit quaternions, pairs of complex numbers."""
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

    def start(self, batch):
        turned = self.project.weight.new_zeros(batch, self.heads, 2, 2)
        turned[:, :, 0, 0] = 1
        return turned

    def step(self, x, turned):
        x = F.normalize(self.project(x).unflatten(-1, (self.heads, 4)), dim=-1)
        a, b = torch.view_as_complex(x.unflatten(-1, (2, 2)).contiguous()).unbind(-1)
        a, b = times(a, b, *torch.view_as_complex(turned).unbind(-1))
        return matrices(a, b).flatten(1), torch.view_as_real(torch.stack([a, b], -1))


class Short(nn.Module):
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

    def prepare(self, mixed, size):
        v, k, q = mixed.split(self.inside, dim=-1)
        v = split(v, self.heads)
        q, k = (t.unsqueeze(1).expand(-1, self.heads, -1, -1) for t in (q, k))
        size = F.softplus(size + self.bias)
        decay = (-self.rate.exp() * size).transpose(1, 2).unsqueeze(-1)
        return q, k, v, v * size.transpose(1, 2).unsqueeze(-1), decay

    def finish(self, read, v, gate, turned):
        held = self.norm(merge(read + self.skip * v) * F.silu(gate))
        return self.out(torch.cat([held, turned], dim=-1))

    def forward(self, x):
        gate, mixed, size = self.project(x).split(self.sizes, dim=-1)
        q, k, v, written, decay = self.prepare(self.short(mixed), size)
        return self.finish(added(q, k, written, decay), v, gate, self.turner(x))

    def start(self, batch):
        inner, states, _ = self.inside
        memory = self.skip.new_zeros(batch, self.heads, states, inner // self.heads)
        return {
            "memory": memory,
            "recent": self.short.start(batch),
            "turned": self.turner.start(batch),
        }

    def step(self, x, state):
        gate, mixed, size = self.project(x).split(self.sizes, dim=-1)
        mixed, recent = self.short.step(mixed, state["recent"])
        q, k, v, written, decay = self.prepare(mixed.unsqueeze(1), size.unsqueeze(1))
        read, memory = added_step(q, k, written, decay, state["memory"])
        turns, turned = self.turner.step(x, state["turned"])
        read = self.finish(read, v, gate.unsqueeze(1), turns.unsqueeze(1)).squeeze(1)
        return read, {"memory": memory, "recent": recent, "turned": turned}


def rotate(x, place, turned):
    half = turned // 2
    rate = 300.0 ** (-torch.arange(half, device=x.device) / half)
    angle = place * rate
    a, b, rest = x.split([half, half, x.shape[-1] - turned], dim=-1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)


def ticks(x):
    return (2 * x.sigmoid()).transpose(1, 2).unsqueeze(-1)


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


def corrected_step(q, k, v, strength, decay, memory):
    memory, wide = decay.exp() * memory, square(k)
    memory = memory + wide.transpose(-1, -2) @ (strength * (v - wide @ memory))
    return square(q) @ memory, memory


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

    def prepare(self, mixed, size, place):
        w, k, q = mixed.split(self.inside, dim=-1)
        v = split(w, self.heads)
        q, k = (t.unsqueeze(1).expand(-1, self.heads, -1, -1) for t in (q, k))
        q, k = (rotate(t, place, t.shape[-1] // 4 * 2) for t in (q, k))
        size = F.softplus(size + self.bias).transpose(1, 2).unsqueeze(-1)
        return w, (q, k, v * size, -self.rate.exp()[:, None, None] * size)

    def correct(self, own, before, w, strength, slow):
        """What the memory of squared keys takes; `own` asks, and `before` it is the key."""
        q, k = F.normalize(own * self.lift, dim=-1), F.normalize(before, dim=-1)
        strength = strength.sigmoid().transpose(1, 2).unsqueeze(-1)
        decay = -F.softplus(slow + self.slow).transpose(1, 2).unsqueeze(-1)
        return q, k, split(w, self.pairs), strength, decay

    def finish(self, read, found, w, gate):
        return self.out(self.norm((merge(read) + self.skip * w + merge(found)) * F.silu(gate)))

    def forward(self, x):
        gate, mixed, size, own, strength, slow, tick = self.project(x).split(self.sizes, dim=-1)
        w, faded = self.prepare(self.short(mixed), size, ticks(tick).cumsum(2))
        own = split(own, self.pairs)
        found = corrected(*self.correct(own, shift(own), w, strength, slow))
        return self.finish(added(*faded), found, w, gate)

    def start(self, batch):
        inner, states, _ = self.inside
        each = self.lift.shape[-1]
        return {
            "memory": self.skip.new_zeros(batch, self.heads, states, inner // self.heads),
            "squares": self.skip.new_zeros(batch, self.pairs, each**2, inner // self.pairs),
            "recent": self.short.start(batch),
            "before": self.skip.new_zeros(batch, self.pairs, 1, each),
            "place": self.skip.new_zeros(batch, self.heads, 1, 1),
        }

    def step(self, x, state):
        parts = self.project(x).unsqueeze(1).split(self.sizes, dim=-1)
        gate, mixed, size, own, strength, slow, tick = parts
        mixed, recent = self.short.step(mixed.squeeze(1), state["recent"])
        place = state["place"] + ticks(tick)
        w, faded = self.prepare(mixed.unsqueeze(1), size, place)
        read, memory = added_step(*faded, state["memory"])
        own = split(own, self.pairs)
        corrections = self.correct(own, state["before"], w, strength, slow)
        found, squares = corrected_step(*corrections, state["squares"])
        kept = {"memory": memory, "squares": squares, "recent": recent}
        kept |= {"before": own, "place": place}
        return self.finish(read, found, w, gate).squeeze(1), kept


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

    def start(self, batch):
        return self.inside.start(batch)

    def step(self, x, state):
        return self.inside.step(x, state)
