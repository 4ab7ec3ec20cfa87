"""Gated DeltaNet (Yang, Kautz and Hatamizadeh 2024, "Gated Delta Networks: Improving Mamba2 with
Delta Rule").
The delta rule on a memory that fades at a rate that the input sets for each head.
"""

import torch
import torch.nn.functional as F
from torch import nn


def split_heads(x, heads):
    """(batch, length, heads * size) to (batch, heads, length, size)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x):
    """(batch, heads, length, size) to (batch, length, heads * size)."""
    return x.transpose(1, 2).flatten(2)


def cut(chunk, *arrays):
    """Cut lengths into chunks, zeros at the end: (batch, heads, chunks, chunk, size) each."""
    exact = torch.promote_types(arrays[0].dtype, torch.float32)
    gap = -arrays[0].shape[2] % chunk
    return [F.pad(a.to(exact), (0, 0, 0, gap)).unflatten(2, (-1, chunk)) for a in arrays]


def fading_scores(q, k, total):
    """q_i k_j, faded by what the summed decay `total` gained from j to i; 0 where j > i.

    One decay for a whole head is a difference that never overflows. By key it is split between
    q and k around the middle of the chunk, which is safe for 32 steps that lose at most 5 each.
    """
    if total.shape[-1] == 1:
        gain = total - total.transpose(-1, -2)
        later = torch.ones(gain.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        return q @ k.transpose(-1, -2) * gain.masked_fill(later, float("-inf")).exp()
    middle = total[..., total.shape[-2] // 2, :].unsqueeze(-2)
    return ((q * (total - middle).exp()) @ (k * (middle - total).exp()).transpose(-1, -2)).tril()


def solve(system, known):
    """X of (1 + system) X = known, where `system` is 0 on the diagonal and above."""
    system = system.to(known.dtype)
    return torch.linalg.solve_triangular(system, known, upper=False, unitriangular=True)


def corrected_sum(q, k, v, erase, decay, chunk):
    """o_t = q_t S_t of S_t = A_t + k_t (v_t - erase_t A_t), A_t = exp(decay_t) S_{t-1}, for all t.

    Inside a chunk what each step writes depends on those before it: a triangular system.
    """
    kind, length = v.dtype, q.shape[2]
    q, k, v, erase, decay = cut(min(chunk, length), q, k, v, erase, decay)
    total = decay.cumsum(-2)
    last = total[..., -1:, :]
    near, system = fading_scores(q, k, total), fading_scores(erase, k, total).tril(-1)
    known = torch.cat([v, erase * total.exp()], dim=-1)
    solved = solve(system, known)
    fresh, reads = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
    q, keep = q * total.exp(), last.exp().transpose(-1, -2)
    keys = (k * (last - total).exp()).transpose(-1, -2)
    memory, read = k.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1]), []
    for n in range(q.shape[2]):
        written = fresh[:, :, n] - reads[:, :, n] @ memory
        read.append(q[:, :, n] @ memory + near[:, :, n] @ written)
        memory = keep[:, :, n] * memory + keys[:, :, n] @ written
    return torch.stack(read, 2).flatten(2, 3)[:, :, :length].to(kind)


def corrected_step(q, k, v, erase, decay, memory):
    """One step of `corrected_sum`: what is read, and the memory after it."""
    memory = decay.exp().transpose(-1, -2) * memory
    memory = memory + k.transpose(-1, -2) @ (v - erase @ memory)
    return q @ memory, memory


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


class Mixer(nn.Module):
    """A memory that each step corrects by what it holds for the key."""

    COMPLEXITY = "linear"

    def __init__(self, width, layer=0):
        super().__init__()
        self.heads, each = 2, 32
        keys = values = self.heads * each
        self.sizes = [keys, keys, values]
        self.project = nn.Linear(width, 2 * keys + values, bias=False)
        self.short = ShortConvolution(2 * keys + values)
        self.strength = nn.Linear(width, self.heads, bias=False)
        self.decay = HeadDecay(width, self.heads)
        self.norm = nn.RMSNorm(each, eps=1e-5)
        self.gate = nn.Linear(width, values, bias=False)
        self.out = nn.Linear(values, width, bias=False)
        self.shape = (self.heads, each, each)

    def prepare(self, x, mixed):
        q, k, v = (split_heads(t, self.heads) for t in mixed.split(self.sizes, dim=-1))
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        q = q * q.shape[-1] ** -0.5
        strength = split_heads(self.strength(x).sigmoid(), self.heads)
        return q, k, strength * v, strength * k, self.decay(x)

    def finish(self, x, read):
        read = self.norm(read)
        return self.out(merge_heads(read) * F.silu(self.gate(x)))

    def forward(self, x):
        parts = self.prepare(x, self.short(self.project(x)))
        return self.finish(x, corrected_sum(*parts, chunk=64))

    def start(self, batch):
        state = {"memory": self.out.weight.new_zeros(batch, *self.shape)}
        state["recent"] = self.short.start(batch)
        return state

    def step(self, x, state):
        mixed, recent = self.short.step(self.project(x), state["recent"])
        parts = self.prepare(x.unsqueeze(1), mixed.unsqueeze(1))
        read, memory = corrected_step(*parts, state["memory"])
        return self.finish(x.unsqueeze(1), read).squeeze(1), {"memory": memory, "recent": recent}
