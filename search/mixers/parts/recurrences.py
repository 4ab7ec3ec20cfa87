# mypy: ignore-errors
"""Mixers that are more than a memory with gates: state spaces, RWKV, log-linear attention, long
convolutions and gated recurrent units.

Names in capitals are sizes that are written in when a class is copied.
This file is never imported: its classes are copied into the sources that are made.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class StateSpace(nn.Module):
    """Mamba-2: all heads share keys and queries; the step size scales what is written and decays
    what is there.
    """

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads, self.states = HEADS, STATES
        self.inner = INNER
        self.sizes = [self.inner, self.inner + 2 * self.states, self.heads]
        self.project = nn.Linear(width, 2 * self.inner + 2 * self.states + self.heads, bias=False)
        self.short = ShortConvolution(self.inner + 2 * self.states)
        self.rate = nn.Parameter(torch.empty(self.heads).uniform_(1, 16).log())
        self.bias = nn.Parameter(step_sizes(self.heads))
        self.skip = nn.Parameter(torch.ones(self.heads, 1, 1))
        self.norm = nn.RMSNorm(self.inner, eps=1e-5)
        self.out = nn.Linear(self.inner, width, bias=False)

    def prepare(self, mixed, size):
        """Queries, keys, scaled values and decays, and the values themselves."""
        value, key, query = mixed.split([self.inner, self.states, self.states], dim=-1)
        size = F.softplus(size + self.bias)
        decay = (-self.rate.exp() * size).transpose(1, 2).unsqueeze(-1)
        v = split_heads(value, self.heads)
        q, k = (t.unsqueeze(1).expand(-1, self.heads, -1, -1) for t in (query, key))
        return (q, k, v * size.transpose(1, 2).unsqueeze(-1), decay), v

    def finish(self, read, v, gate):
        mixed = merge_heads(read + self.skip * v)
        return self.out(self.norm(mixed * F.silu(gate)))

    def forward(self, x):
        gate, mixed, size = self.project(x).split(self.sizes, dim=-1)
        parts, v = self.prepare(self.short(mixed), size)
        return self.finish(decayed_sum(*parts, chunk=CHUNK), v, gate)

    def start(self, batch):
        memory = (batch, self.heads, self.states, self.inner // self.heads)
        return {"memory": self.skip.new_zeros(memory), "recent": self.short.start(batch)}

    def step(self, x, state):
        gate, mixed, size = self.project(x.unsqueeze(1)).split(self.sizes, dim=-1)
        mixed, recent = self.short.step(mixed.squeeze(1), state["recent"])
        parts, v = self.prepare(mixed.unsqueeze(1), size)
        read, memory = decayed_step(*parts, state["memory"])
        return self.finish(read, v, gate).squeeze(1), {"memory": memory, "recent": recent}


class RotatingStateSpace(nn.Module):
    """Mamba-3, one input and one output a head: a step writes the mean of two neighbours
    (trapezoidal rule), keys turn by angles that the input sets (a complex state), and biases on
    keys and queries stand in for the short convolution.
    """

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads, self.states = HEADS, STATES
        self.inner = INNER
        inner, states, heads = self.inner, self.states, self.heads
        self.sizes = [inner, inner, states, states, heads, heads, heads, states // 2]
        self.project = nn.Linear(width, sum(self.sizes), bias=False)
        self.bias = nn.Parameter(step_sizes(self.heads))
        self.key_norm = nn.RMSNorm(self.states, eps=1e-5)
        self.query_norm = nn.RMSNorm(self.states, eps=1e-5)
        self.key_bias = nn.Parameter(torch.ones(self.heads, 1, self.states))
        self.query_bias = nn.Parameter(torch.ones(self.heads, 1, self.states))
        self.skip = nn.Parameter(torch.ones(self.heads, 1, 1))
        self.out = nn.Linear(self.inner, width, bias=False)

    def prepare(self, x, angle):
        """Queries, keys, values, what a step gives to itself and to the step before, decays, the
        gate and the angles; `angle` is that of the step before the first.
        """
        parts = self.project(x).split(self.sizes, dim=-1)
        gate, value, key, query, size, rate, share, turning = parts
        size = F.softplus(size + self.bias).transpose(1, 2).unsqueeze(-1)
        rate = F.softplus(rate).clamp(min=1e-4).transpose(1, 2).unsqueeze(-1)
        share = share.sigmoid().transpose(1, 2).unsqueeze(-1)
        angle = angle + (size * turning.unsqueeze(1)).cumsum(2)
        k = turn(self.key_norm(key).unsqueeze(1) + self.key_bias, angle)
        q = turn(self.query_norm(query).unsqueeze(1) + self.query_bias, angle)
        decay = -rate * size
        own, before = share * size, (1 - share) * size * decay.exp()
        return q, k, split_heads(value, self.heads), own, before, decay, gate, angle[:, :, -1:]

    def finish(self, read, v, gate):
        return self.out(merge_heads(read + self.skip * v) * F.silu(gate))

    def forward(self, x):
        q, k, v, own, before, decay, gate, _ = self.prepare(x, 0)
        late_k, late_v = (F.pad(t, (0, 0, 1, 0))[:, :, :-1] for t in (k, v))
        read = decayed_sum(q, k, own * v, decay, chunk=CHUNK)
        read = read + decayed_sum(q, late_k, before * late_v, decay, chunk=CHUNK)
        return self.finish(read, v, gate)

    def start(self, batch):
        zeros, size = self.skip.new_zeros, self.inner // self.heads
        return {
            "memory": zeros(batch, self.heads, self.states, size),
            "key": zeros(batch, self.heads, 1, self.states),
            "value": zeros(batch, self.heads, 1, size),
            "angle": zeros(batch, self.heads, 1, self.states // 2),
        }

    def step(self, x, state):
        q, k, v, own, before, decay, gate, angle = self.prepare(x.unsqueeze(1), state["angle"])
        late = state["key"].transpose(-1, -2) @ (before * state["value"])
        read, memory = decayed_step(q, k, own * v, decay, state["memory"])
        after = {"memory": memory + late, "key": k, "value": v, "angle": angle}
        return self.finish(read + q @ late, v, gate).squeeze(1), after


class MovingKeys(nn.Module):
    """RWKV-7: what a key holds is moved to another key, at rates that the input sets by channel.
    The values of the first layer are not mixed into later ones: a mixer sees its own layer only.
    """

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads = HEADS
        self.shift = nn.Parameter(torch.rand(6, width))
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.decay = nn.Sequential(
            nn.Linear(width, RANK, bias=False), nn.Tanh(), nn.Linear(RANK, width)
        )
        self.rate = nn.Sequential(nn.Linear(width, RANK, bias=False), nn.Linear(RANK, width))
        self.gate = nn.Sequential(
            nn.Linear(width, RANK, bias=False), nn.Sigmoid(), nn.Linear(RANK, width, bias=False)
        )
        self.key_scale = nn.Parameter(torch.full((width,), 0.85))
        self.key_rate = nn.Parameter(torch.ones(width))
        self.bonus = nn.Parameter(torch.zeros(self.heads, 1, width // self.heads))
        self.norm = nn.GroupNorm(self.heads, width, eps=1e-5 * (width // self.heads))
        self.out = nn.Linear(width, width, bias=False)

    def prepare(self, x, before):
        """What `low_rank_sum` asks for, and the gate; `before` is each step's last one."""
        r, d, k, v, a, g = (x + (before - x) * share for share in self.shift)
        q, k, v = self.query(r), self.key(k), self.value(v)
        decay = -0.6065306597 * self.decay(d).sigmoid()
        rate = self.rate(a).sigmoid()
        look = F.normalize(split_heads(k * self.key_scale, self.heads), dim=-1)
        k = k * (1 + (rate - 1) * self.key_rate)
        q, k, v, decay, rate = (split_heads(t, self.heads) for t in (q, k, v, decay, rate))
        return (q, k, v, look, -look * rate, decay), self.gate(g)

    def finish(self, read, parts, gate):
        q, k, v = parts[:3]
        mixed = merge_heads(read)
        mixed = self.norm(mixed.flatten(0, 1)).view_as(mixed)
        now = (q * k * self.bonus).sum(-1, keepdim=True) * v
        return self.out((mixed + merge_heads(now)) * gate)

    def forward(self, x):
        parts, gate = self.prepare(x, F.pad(x, (0, 0, 1, 0))[:, :-1])
        return self.finish(low_rank_sum(*parts, chunk=KEY_CHUNK), parts, gate)

    def start(self, batch):
        size = self.bonus.shape[-1]
        memory = self.bonus.new_zeros(batch, self.heads, size, size)
        return {"memory": memory, "before": memory.new_zeros(batch, self.heads * size)}

    def step(self, x, state):
        parts, gate = self.prepare(x.unsqueeze(1), state["before"].unsqueeze(1))
        read, memory = low_rank_step(*parts, state["memory"])
        return self.finish(read, parts, gate).squeeze(1), {"memory": memory, "before": x}


class TreeMemory(nn.Module):
    """Log-linear attention: a memory for each power of two of the past, which the query weighs; one
    decay a head fades them. Its state is LEVELS - 1 memories, enough for 2^(LEVELS - 2) steps; what
    is older shares the last one.
    """

    COMPLEXITY = "n log n"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads, self.levels = HEADS, LEVELS
        self.project = nn.Linear(width, 4 * width, bias=False)
        self.weigh = nn.Linear(width, self.heads * self.levels, bias=False)
        self.scale = nn.Parameter(torch.ones(self.heads, 1, self.levels))
        self.decay = HeadDecay(width, self.heads)
        self.norm = nn.RMSNorm(width // self.heads, eps=1e-5)
        self.out = nn.Linear(width, width, bias=False)

    def prepare(self, x):
        q, k, v, gate = self.project(x).chunk(4, dim=-1)
        q, k, v = (split_heads(t, self.heads) for t in (q, k, v))
        weights = F.softplus(self.scale * split_heads(self.weigh(x), self.heads))
        return (q * q.shape[-1] ** -0.5, k, v, weights, self.decay(x)), gate

    def finish(self, read, gate):
        return self.out(merge_heads(self.norm(read)) * F.silu(gate))

    def forward(self, x):
        parts, gate = self.prepare(x)
        return self.finish(tree_sum(*parts, chunk=CHUNK), gate)

    def start(self, batch):
        size = self.out.weight.shape[0] // self.heads
        shape = (batch, self.heads, self.levels - 1, size, size)
        count = torch.zeros((), dtype=torch.long, device=self.out.weight.device)
        return {"memories": self.out.weight.new_zeros(shape), "count": count}

    def step(self, x, state):
        parts, gate = self.prepare(x.unsqueeze(1))
        read, memories, count = tree_step(*parts, state["memories"], state["count"])
        return self.finish(read, gate).squeeze(1), {"memories": memories, "count": count}


class LongConvolution(nn.Module):
    """A filter as long as the past (at most REACH steps), made by a small network of the distance
    and fading with it; gates before and after. Its state is the last REACH inputs.
    """

    COMPLEXITY = "n log n"

    def __init__(self, width, layer=0):
        super().__init__()
        self.inner, self.reach = INNER, REACH
        self.project = nn.Linear(width, 3 * self.inner)
        self.short = ShortConvolution(3 * self.inner)
        self.filter = nn.Sequential(nn.Linear(9, 16), nn.SiLU(), nn.Linear(16, self.inner))
        self.fade = nn.Parameter(torch.empty(self.inner).uniform_(1.0, 6.0))
        self.skip = nn.Parameter(torch.ones(self.inner))
        self.out = nn.Linear(self.inner, width)

    def taps(self, length):
        """The filter at distances 0 to length - 1: (length, inner)."""
        exact = torch.promote_types(self.fade.dtype, torch.float32)
        step = torch.arange(length, device=self.fade.device, dtype=exact).unsqueeze(-1)
        angle = step * 4.0 ** -torch.arange(4, device=step.device)
        seen = torch.cat([angle.sin(), angle.cos(), (1 + step).log()], dim=-1)
        return self.filter(seen.to(self.fade.dtype)) * (-step * (-self.fade).exp()).exp()

    def forward(self, x):
        after, before, value = self.short(self.project(x)).chunk(3, dim=-1)
        u, length = before * value, x.shape[1]
        taps, size = self.taps(min(length, self.reach)), 2 * length
        spectrum = torch.fft.rfft(u.to(taps.dtype), size, dim=1) * torch.fft.rfft(taps, size, dim=0)
        mixed = torch.fft.irfft(spectrum, size, dim=1)[:, :length].to(u.dtype)
        return self.out(after * (mixed + self.skip * u))

    def start(self, batch):
        held = self.fade.new_zeros(batch, self.reach, self.inner)
        return {"held": held, "recent": self.short.start(batch)}

    def step(self, x, state):
        mixed, recent = self.short.step(self.project(x), state["recent"])
        after, before, value = mixed.chunk(3, dim=-1)
        u = before * value
        held = torch.cat([state["held"][:, 1:], u.unsqueeze(1)], dim=1)
        mixed = (held * self.taps(self.reach).flip(0)).sum(1)
        return self.out(after * (mixed + self.skip * u)), {"held": held, "recent": recent}


class GatedRecurrentUnit(nn.Module):
    """A gated recurrent unit: one vector is the state, and each step is computed after the last."""

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.inner = INNER
        self.cell = nn.GRU(width, self.inner, batch_first=True)
        self.out = nn.Linear(self.inner, width)

    def forward(self, x):
        return self.out(self.cell(x)[0])

    def start(self, batch):
        return self.out.weight.new_zeros(batch, self.inner)

    def step(self, x, state):
        mixed, state = self.cell(x.unsqueeze(1), state.unsqueeze(0))
        return self.out(mixed.squeeze(1)), state.squeeze(0)
