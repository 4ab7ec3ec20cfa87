"""What an output may not depend on: the sample's neighbours in the batch, and the future."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from ..faults import ContractError
from .examination import BATCHES, Examination
from .layout import with_future_of

TOLERANCE: Final = 1e-4
"""Relative to the largest output: above float32 noise of an FFT, below any real leak."""


def differs(a: Tensor, b: Tensor, scale: float | None = None, tolerance: float = TOLERANCE) -> bool:
    """Whether outputs differ by more than noise of their `scale` (NaN counts as a difference)."""
    scale = scale or max(float(a.abs().max()), float(b.abs().max()), 1e-6)
    return not bool(((a - b).abs() <= tolerance * scale).all())


def check_batch_independence(exam: Examination) -> str:
    """In eval mode a sample's output depends on that sample alone, and is the same twice."""
    x = exam.inputs(exam.affordable(BATCHES[1], fewer=2))
    neighbours = torch.cat([x[:1], exam.others(x[1:])])
    first, changed, again = (exam.evaluated(batch) for batch in (x, neighbours, x))
    if differs(first, again):
        raise ContractError("two identical calls in eval mode give different outputs")
    if differs(first[:1], changed[:1]):
        raise ContractError("a sample's output changes with its batch neighbours in eval mode")
    if differs(first[:1], exam.evaluated(x[:1])):
        raise ContractError("a sample alone and in a batch gives different outputs in eval mode")
    if differs(first, exam.evaluated(x.flip(0)).flip(0)):
        raise ContractError("a sample's output changes with its place in the batch in eval mode")
    return ""


def check_causality(exam: Examination) -> str:
    """Change the future: the past must not move."""
    inputs = exam.problem.inputs
    length = inputs[0].shape[0] if inputs else exam.problem.input_shape[0]
    if len(exam.problem.output_shape) < 2 or exam.problem.output_shape[0] != length:
        return "one output for the whole sequence: nothing to compare"
    x = exam.inputs(exam.affordable(BATCHES[0], fewer=1))
    before = exam.evaluated(x)
    cuts = sorted({1, length // 4, length // 2, length - 1} - {0})
    for cut in cuts:
        after = exam.evaluated(with_future_of(x, exam.others(x), cut, exam.problem))
        scale = max(float(before.abs().max()), float(after.abs().max()), 1e-6)
        if differs(before[:, :cut], after[:, :cut], scale):
            moved = (before[:, :cut] - after[:, :cut]).abs().amax(dim=(0, 2))
            raise ContractError(
                f"outputs before position {cut} change when inputs from {cut} on change "
                f"(most at position {int(moved.argmax())})"
            )
    return f"cut at {', '.join(map(str, cuts))} of {length}"
