"""What a network withstands: the time of a forward pass, weights in eight bits."""

from __future__ import annotations

import time
from typing import Final

import torch
from torch import Tensor, nn

_WARM_UP: Final = 3
_REPEATS: Final = 15
_LARGEST: Final = 127

_CLOCK: Final = time.perf_counter
"""Taken before any candidate's code runs."""


def time_forward(model: nn.Module, x: Tensor) -> float:
    """Milliseconds of one forward pass over `x` in eval mode: the median of several.

    It is read in the process that the candidate's code runs in, so it is a claim, not a proof.
    """
    model.eval()
    seconds = []
    with torch.no_grad():
        for repeat in range(_WARM_UP + _REPEATS):
            copy = x.clone()
            start = _CLOCK()
            out = model(copy)
            if out.is_cuda:
                torch.cuda.synchronize(out.device)  # what was started is not yet done
            if repeat >= _WARM_UP:
                seconds.append(_CLOCK() - start)
    return 1e3 * sorted(seconds)[_REPEATS // 2]


def round_weights(model: nn.Module) -> None:
    """Round every weight of two or more dimensions to 255 levels, the same scale for the whole
    tensor and symmetric about zero. Biases, norms and activations stay as they are.

    Source: the per-tensor scheme of Krishnamoorthi 2018, "Quantizing deep convolutional networks
    for efficient inference: A whitepaper", for weights alone.
    """
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1 and weight.is_floating_point():
                scale = (weight.abs().amax() / _LARGEST).clamp_min(torch.finfo(weight.dtype).tiny)
                weight.copy_((weight / scale).round() * scale)


def rounded_bytes(model: nn.Module) -> int:
    """What a network takes once `round_weights` has rounded it: a byte for each weight and four
    for its tensor's scale; parameters that stay as they are, and buffers of numbers that are not
    whole, in their own type."""
    weights = [p for p in model.parameters() if p.dim() > 1 and p.is_floating_point()]
    rounded = {id(weight) for weight in weights}
    kept: list[Tensor] = [p for p in model.parameters() if id(p) not in rounded]
    kept += [b for b in model.buffers() if b.is_floating_point()]
    return sum(w.numel() + 4 for w in weights) + sum(t.numel() * t.element_size() for t in kept)
