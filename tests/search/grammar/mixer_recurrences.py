"""The zoo's mixers written once more: numpy in float64, one step after the other, from the weights.

Each takes the weights by name and one sequence `x` (length, width), and gives (length, width).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Weights = Mapping[str, Any]
Array = Any


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def silu(x: Array) -> Array:
    return x * sigmoid(x)


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


def rms(x: Array, weight: Array, eps: float = 1e-5) -> Array:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * weight


def unit(x: Array) -> Array:
    return x / np.maximum(np.sqrt((x**2).sum(-1, keepdims=True)), 1e-12)


def short(x: Array, weight: Array) -> Array:
    """A causal filter with SiLU; `weight` is (width, 1, taps), the last tap being now."""
    taps = weight.shape[-1]
    out = np.zeros_like(x)
    for t in range(len(x)):
        for back in range(min(taps, t + 1)):
            out[t] += x[t - back] * weight[:, 0, taps - 1 - back]
    return silu(out)


def rope(vector: Array, position: int) -> Array:
    half = vector.shape[-1] // 2
    angle = position * 10000.0 ** (-np.arange(half) / half)
    return turned(vector, angle)


def turned(vector: Array, angle: Array) -> Array:
    half = vector.shape[-1] // 2
    z = (vector[..., :half] + 1j * vector[..., half:]) * np.exp(1j * angle)
    return np.concatenate([z.real, z.imag], -1)


def dense(w: Weights, name: str, x: Array) -> Array:
    bias = w.get(f"{name}.bias")
    return x @ w[f"{name}.weight"].T + (0 if bias is None else bias)


def narrow(w: Weights, name: str, x: Array) -> Array:
    """Two layers, one after the other."""
    return dense(w, f"{name}.1", dense(w, f"{name}.0", x))


def per_head(vector: Array, heads: int = 2) -> Array:
    return vector.reshape(heads, -1)


def softmax(w: Weights, x: Array) -> Array:
    out, projected = [], dense(w, "project", x)
    q, k, v = (np.array([per_head(row) for row in part]) for part in np.split(projected, 3, -1))
    q, k = (np.array([rope(row, t) for t, row in enumerate(part)]) for part in (q, k))
    for t in range(len(x)):
        scores = np.einsum("hd,shd->hs", q[t], k[: t + 1]) / math.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        out.append(np.einsum("hs,shd->hd", weights, v[: t + 1]).ravel())
    return dense(w, "out", np.array(out))


def linear(w: Weights, x: Array) -> Array:
    memory, weight, out = 0.0, 0.0, []
    for row in dense(w, "project", x):
        q, k, v = (per_head(part) for part in np.split(row, 3))
        q, k = (np.where(t > 0, t + 1, np.exp(np.minimum(t, 0))) for t in (q, k))
        memory = memory + k[:, :, None] * v[:, None]
        weight = weight + k
        read = np.einsum("hk,hkv->hv", q, memory) / ((q * weight).sum(-1, keepdims=True) + 1e-6)
        out.append(read.ravel())
    return dense(w, "out", np.array(out))


def retnet(w: Weights, x: Array) -> Array:
    memory, out = 0.0, []
    keep = (1 - 2.0 ** (-5 - np.arange(2)))[:, None, None]
    for t, row in enumerate(dense(w, "project", x)):
        q, k, v = (per_head(part) for part in np.split(row, 3))
        q, k = rope(q, t) / math.sqrt(q.shape[-1]), rope(k, t)
        memory = keep * memory + k[:, :, None] * v[:, None]
        out.append(rms(np.einsum("hk,hkv->hv", q, memory), w["norm.weight"]).ravel())
    return dense(w, "out", np.array(out) * silu(dense(w, "gate", x)))


def gla(w: Weights, x: Array) -> Array:
    memory, out = 0.0, []
    decays = np.maximum(-softplus(-narrow(w, "decay.project", x)) / 16, -5)
    for row, decay in zip(dense(w, "project", x), decays, strict=True):
        q, k, v = (per_head(part) for part in np.split(row, 3))
        memory = np.exp(per_head(decay))[:, :, None] * memory + k[:, :, None] * v[:, None]
        read = np.einsum("hk,hkv->hv", q / math.sqrt(q.shape[-1]), memory)
        out.append(rms(read, w["norm.weight"]).ravel())
    return dense(w, "out", np.array(out) * silu(dense(w, "gate", x)))


def delta(w: Weights, x: Array, keep: Array, erase: Array, write: Array, gate: Array) -> Array:
    """The delta rule: `keep` and `erase` are (length, heads, keys or 1), `write` likewise."""
    memory, out = np.zeros((2, x.shape[1] // 2, x.shape[1] // 2)), []
    for t, row in enumerate(short(dense(w, "project", x), w["short.filter.weight"])):
        q, k, v = (per_head(part) for part in np.split(row, 3))
        q, k = unit(q) / math.sqrt(q.shape[-1]), unit(k)
        memory = keep[t][:, :, None] * memory
        held = np.einsum("hk,hkv->hv", erase[t] * k, memory)
        memory = memory + k[:, :, None] * (write[t] * v - held)[:, None]
        out.append(rms(np.einsum("hk,hkv->hv", q, memory), w["norm.weight"]).ravel())
    return dense(w, "out", np.array(out) * gate)


def strength(w: Weights, x: Array) -> Array:
    return sigmoid(dense(w, "strength", x))[:, :, None]


def head_decay(w: Weights, x: Array) -> Array:
    size = softplus(dense(w, "decay.project", x) + w["decay.bias"])
    return np.exp(-np.exp(w["decay.rate"]) * size)[:, :, None]


def key_decay(w: Weights, x: Array) -> Array:
    size = softplus(narrow(w, "decay.project", x) + w["decay.bias"]).reshape(len(x), 2, -1)
    return np.exp(np.maximum(-np.exp(w["decay.rate"].reshape(2, 1)) * size, -5))


def deltanet(w: Weights, x: Array) -> Array:
    beta = strength(w, x)
    return delta(w, x, np.ones_like(beta), beta, beta, np.ones(1))


def gated_deltanet(w: Weights, x: Array) -> Array:
    beta = strength(w, x)
    return delta(w, x, head_decay(w, x), beta, beta, silu(dense(w, "gate", x)))


def kda(w: Weights, x: Array) -> Array:
    beta = strength(w, x)
    return delta(w, x, key_decay(w, x), beta, beta, sigmoid(narrow(w, "gate", x)))


def gated_deltanet_2(w: Weights, x: Array) -> Array:
    erase = sigmoid(narrow(w, "erase", x)).reshape(len(x), 2, -1)
    write = sigmoid(narrow(w, "write", x)).reshape(len(x), 2, -1)
    return delta(w, x, key_decay(w, x), erase, write, sigmoid(narrow(w, "gate", x)))


def mamba_2(w: Weights, x: Array) -> Array:
    heads, inner = len(w["rate"]), len(w["norm.weight"])
    states = (len(w["short.filter.weight"]) - inner) // 2
    gate, mixed, size = np.split(dense(w, "project", x), [inner, 2 * inner + 2 * states], -1)
    size = softplus(size + w["bias"])
    memory, out = 0.0, []
    for row, step in zip(short(mixed, w["short.filter.weight"]), size, strict=True):
        value, b, c = np.split(row, [inner, inner + states])
        value = per_head(value, heads)
        keep = np.exp(-np.exp(w["rate"]) * step)[:, None, None]
        memory = keep * memory + b[None, :, None] * (step[:, None] * value)[:, None]
        read = np.einsum("k,hkv->hv", c, memory) + w["skip"].reshape(heads, 1) * value
        out.append(read.ravel())
    return dense(w, "out", rms(np.array(out) * silu(gate), w["norm.weight"]))


def mamba_3(w: Weights, x: Array) -> Array:
    heads, states, inner = len(w["bias"]), len(w["key_norm.weight"]), w["out.weight"].shape[1]
    ends = np.cumsum([inner, inner, states, states, heads, heads, heads])
    memory, angle, before, out = 0.0, 0.0, 0.0, []
    for row in dense(w, "project", x):
        gate, value, key, query, size, rate, share, turning = np.split(row, ends)
        value, step = per_head(value, heads), softplus(size + w["bias"])[:, None]
        keep = np.exp(-np.maximum(softplus(rate), 1e-4)[:, None] * step)[:, :, None]
        angle = angle + step * turning
        k = turned(rms(key, w["key_norm.weight"]) + w["key_bias"][:, 0], angle)
        q = turned(rms(query, w["query_norm.weight"]) + w["query_bias"][:, 0], angle)
        now, part = k[:, :, None] * value[:, None], sigmoid(share)[:, None, None]
        width = step[:, :, None]
        memory = keep * memory + (1 - part) * width * keep * before + part * width * now
        before = now
        read = np.einsum("hk,hkv->hv", q, memory) + w["skip"].reshape(heads, 1) * value
        out.append(read.ravel() * silu(gate))
    return dense(w, "out", np.array(out))


def rwkv_7(w: Weights, x: Array) -> Array:
    memory, last, out = np.zeros((2, x.shape[1] // 2, x.shape[1] // 2)), np.zeros(x.shape[1]), []
    for row in x:
        r, d, key, value, a, g = (row + (last - row) * share for share in w["shift"])
        last = row
        q, k, v = dense(w, "query", r), dense(w, "key", key), per_head(dense(w, "value", value))
        slowed = sigmoid(dense(w, "decay.2", np.tanh(w["decay.0.weight"] @ d)))
        decay = np.exp(-math.exp(-0.5) * slowed)
        rate = sigmoid(narrow(w, "rate", a))
        gate = w["gate.2.weight"] @ sigmoid(w["gate.0.weight"] @ g)
        old = unit(per_head(k * w["key_scale"]))
        new, q = per_head(k * (1 + (rate - 1) * w["key_rate"])), per_head(q)
        found = np.einsum("hk,hkv->hv", old, memory)
        memory = per_head(decay)[:, :, None] * memory
        memory = memory - (old * per_head(rate))[:, :, None] * found[:, None]
        memory = memory + new[:, :, None] * v[:, None]
        read = np.einsum("hk,hkv->hv", q, memory)
        mean, variance = read.mean(-1, keepdims=True), read.var(-1, keepdims=True)
        read = ((read - mean) / np.sqrt(variance + 1e-5 * read.shape[-1])).ravel()
        read = read * w["norm.weight"] + w["norm.bias"]
        bonus = (q * new * w["bonus"][:, 0]).sum(-1, keepdims=True) * v
        out.append((read + bonus.ravel()) * gate)
    return dense(w, "out", np.array(out))


def log_linear(w: Weights, x: Array) -> Array:
    """Every pair of steps by itself: the level is the highest bit in which their numbers differ."""
    levels, out = w["scale"].shape[-1], []
    queries, keys, values, gate = np.split(dense(w, "project", x), 4, -1)
    q, k, v = (part.reshape(len(x), 2, -1) for part in (queries, keys, values))
    weights = softplus(w["scale"][:, 0] * dense(w, "weigh", x).reshape(len(x), 2, -1))
    total = np.cumsum(np.log(head_decay(w, x))[:, :, 0], 0)
    for t in range(len(x)):
        read = np.zeros_like(v[0])
        for s in range(t + 1):
            level = min((t ^ s).bit_length(), levels - 1)
            score = (q[t] * k[s]).sum(-1) / math.sqrt(q.shape[-1])
            read += (weights[t, :, level] * np.exp(total[t] - total[s]) * score)[:, None] * v[s]
        out.append(rms(read, w["norm.weight"]).ravel())
    return dense(w, "out", np.array(out) * silu(gate))


def long_convolution(w: Weights, x: Array) -> Array:
    mixed = short(dense(w, "project", x), w["short.filter.weight"])
    after, before, value = np.split(mixed, 3, -1)
    u, distance = before * value, np.arange(len(x))[:, None]
    angle = distance * 4.0 ** -np.arange(4)
    seen = np.concatenate([np.sin(angle), np.cos(angle), np.log(1 + distance)], -1)
    taps = dense(w, "filter.2", silu(dense(w, "filter.0", seen)))
    taps = taps * np.exp(-distance * np.exp(-w["fade"]))
    far = [(taps[: t + 1][::-1] * u[: t + 1]).sum(0) for t in range(len(x))]
    return dense(w, "out", after * (np.array(far) + w["skip"] * u))


def gru(w: Weights, x: Array) -> Array:
    state, out = np.zeros(w["out.weight"].shape[1]), []
    for row in x:
        given = w["cell.weight_ih_l0"] @ row + w["cell.bias_ih_l0"]
        held = w["cell.weight_hh_l0"] @ state + w["cell.bias_hh_l0"]
        (r, z, n), (hr, hz, hn) = np.split(given, 3), np.split(held, 3)
        keep = sigmoid(z + hz)
        state = (1 - keep) * np.tanh(n + sigmoid(r + hr) * hn) + keep * state
        out.append(state)
    return dense(w, "out", np.array(out))


RECURRENCES: Mapping[str, Callable[[Weights, Array], Array]] = {
    "softmax": softmax,
    "linear": linear,
    "retnet": retnet,
    "gla": gla,
    "deltanet": deltanet,
    "gated-deltanet": gated_deltanet,
    "kda": kda,
    "gated-deltanet-2": gated_deltanet_2,
    "mamba-2": mamba_2,
    "mamba-3": mamba_3,
    "rwkv-7": rwkv_7,
    "log-linear": log_linear,
    "long-convolution": long_convolution,
    "gru": gru,
}
