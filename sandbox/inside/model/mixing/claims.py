"""How the cost of mixers grows with the length, measured, and what their source claims of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from ...faults import ContractError
from ..counting import count_flops
from ..examination import Examination
from ..formulas import is_sparse
from .subjects import Subject, distinct_mixers, fresh

CLASSES: Final = ("linear", "n log n", "quadratic", "more than quadratic")
"""From the best; a claim is one of the first three."""
SHORTEST: Final = 256
"""Positions: four chunks of the usual size."""
FOURFOLD: Final = (SHORTEST, 2 * SHORTEST, 4 * SHORTEST)
_SHARE: Final = 0.01
"""Of the cost at the longest length: what grows faster than the length and is less is noise."""
_LEVEL: Final = 2.0**0.5
"""By how much twice the length adds to it: between a constant, which stays as it is (a first chunk
may cost less than those after it), and `n log n`, which adds 2 times as much."""
_STEEP: Final = (2.0**1.5, 2.0**2.5)
"""By how much twice the length adds to what grows faster than the length: between `n log n`, which
adds 2 times as much, and a square (4), and between a square and a cube (8)."""


def claim_of(exam: Examination) -> str:
    """What the class or its file says of its cost; empty where it says nothing.

    Raises:
        ContractError: it is none of the classes.
    """
    entry = getattr(exam.module, exam.problem.entry)
    claim = getattr(entry, "COMPLEXITY", getattr(exam.module, "COMPLEXITY", ""))
    if claim and claim not in CLASSES[:3]:
        raise ContractError(f"COMPLEXITY must be one of {', '.join(CLASSES[:3])}, not {claim!r}")
    return str(claim)


def check_complexity(exam: Examination) -> str:
    """Operations, and memory kept for gradients, at N, 2N and 4N; what is claimed must hold.

    Raises:
        ContractError: it does not.
    """
    claim, found = claim_of(exam), distinct_mixers(exam, fresh(exam))
    said, worst = [], 0
    for words, cost in (("FLOPs", _flops), ("bytes for gradients", saved_bytes)):
        costs, unknown = _costs(found, cost, FOURFOLD)
        kind = class_of(costs)
        if not unknown and claim and kind > CLASSES.index(claim):
            # A chunk may be longer than the shortest length: only the longer ones tell.
            costs, unknown = _costs(found, cost, tuple(2 * length for length in FOURFOLD))
            kind = class_of(costs)
        if unknown:
            said.append(f"{words} not known: {unknown}")
            continue
        ratios = ", ".join(f"{value / costs[0]:.2f}" for value in costs)
        said.append(f"{words} at N, 2N, 4N: {ratios} ({CLASSES[kind]}; {costs[0]:,.0f} at N)")
        worst = max(worst, kind)
    if claim and worst > CLASSES.index(claim):
        raise ContractError(f"it says COMPLEXITY = {claim!r}, but {'; '.join(said)}")
    held = ", as claimed" if claim == CLASSES[worst] else f", claimed {claim}" if claim else ""
    return f"{CLASSES[worst]}{held}; N = {SHORTEST}; {'; '.join(said)}"


Cost = Callable[[nn.Module, Tensor], tuple[float, str]]
"""What a module costs on one batch, and what of it is not known."""


def _costs(found: Sequence[Subject], cost: Cost, lengths: Sequence[int]) -> tuple[list[float], str]:
    """The costs of all mixers together at each length, and what is not known of them."""
    totals = []
    for length in lengths:
        parts = [cost(subject.module, subject.inputs(1, length)) for subject in found]
        unknown = next((words for _, words in parts if words), "")
        if unknown:
            return [], unknown
        totals.append(sum(value for value, _ in parts))
    return totals, ""


def _flops(module: nn.Module, x: Tensor) -> tuple[float, str]:
    count = count_flops(module, x)
    return count.flops, str(count) if count.unknown else ""


def saved_bytes(module: nn.Module, x: Tensor) -> tuple[float, str]:
    """Of all memory that the forward pass keeps for its gradients, weights apart."""
    kept: list[Tensor] = []  # alive, so that no storage is used again

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = module.train()(x.requires_grad_() if x.is_floating_point() else x)
    dense = [tensor.untyped_storage() for tensor in kept if not is_sparse(tensor)]
    sizes = {storage._cdata: storage.nbytes() for storage in dense}
    for own in (*module.parameters(), *module.buffers()):
        sizes.pop(own.untyped_storage()._cdata, None)
    del out
    return float(sum(sizes.values())), ""


def class_of(costs: Sequence[float]) -> int:
    """The place in `CLASSES` of costs at N, 2N and 4N.

    What each position costs by itself is taken out: f(2N) - 2 f(N) has no linear part, stays as it
    is where f is linear but for a constant, doubles where it is N log N, and is four times as large
    where it is a square.
    """
    if not costs or not costs[-1]:
        return 0
    lower, upper = (after - 2 * before for before, after in pairwise(costs))
    if upper <= max(_SHARE * costs[-1], _LEVEL * lower):
        return 0
    return 1 + len([steep for steep in _STEEP if upper > steep * max(lower, 1e-9)])
