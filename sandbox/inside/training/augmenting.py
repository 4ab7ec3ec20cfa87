"""The task's own `augment`, applied to every batch that is trained on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor

from ...contract import ProblemProjection
from ..faults import TaskFaultError
from ..model.layout import Layout
from .losses import blamed, own_code

_GENERATOR: Final = torch.Generator
"""Taken before any candidate's code runs: the task's chance is no candidate's seed."""

Augment = Callable[[Tensor, Any, int], tuple[Tensor, Any]]
"""Takes inputs, labels, and the number of the batch."""


def augmentation(problem: ProblemProjection, seed: int) -> Augment | None:
    """What the task does to a batch, if anything; its chance hangs on the seed and the batch."""
    function = getattr(own_code(problem.code), "augment", None) if problem.code else None
    if function is None:
        return None
    layout = Layout(problem.inputs) if problem.inputs else None

    def once(x: Tensor, y: Any, number: int) -> tuple[Tensor, Any]:
        generator = _GENERATOR(x.device).manual_seed(seed * 1_000_003 + number)
        given = x if layout is None else layout.unpack(x)
        try:
            found = function(given, y, generator)
        except Exception as error:
            raise blamed("fails in augment(x, y, generator)", error) from error
        if not isinstance(found, tuple) or len(found) != 2:
            raise TaskFaultError("task.py: augment(x, y, generator) must return a pair (x, y)")
        changed, labels = found
        _check(given, changed)
        return (changed if layout is None else layout.pack(_listed(changed))), labels

    def augment(x: Tensor, y: Any, number: int) -> tuple[Tensor, Any]:
        if number != 1:
            return once(x, y, number)
        again = copy.deepcopy((x, y))
        found = once(x, y, number)
        if not torch.allclose(found[0], once(*again, number)[0], equal_nan=True):
            raise TaskFaultError(
                "task.py: augment(x, y, generator) does something else each time: draw from its "
                "generator alone, as in torch.rand(n, generator=generator)"
            )
        return found

    return augment


def _listed(parts: Any) -> list[Tensor]:
    return list(parts.values()) if isinstance(parts, Mapping) else list(parts)


def _check(given: Any, changed: Any) -> None:
    """The same parts come back, of the same shapes and types."""
    if isinstance(given, Tensor):
        pairs = [(given, changed)]
    else:
        same = type(given) is type(changed) and len(given) == len(changed)
        if isinstance(given, Mapping):
            same = same and list(given) == list(changed)
        pairs = list(zip(_listed(given), _listed(changed), strict=True)) if same else []
        if not same:
            raise TaskFaultError(
                "task.py: augment(x, y, generator) must return x with all its parts"
            )
    for before, after in pairs:
        if not isinstance(after, Tensor) or (after.shape, after.dtype) != (
            before.shape,
            before.dtype,
        ):
            raise TaskFaultError(
                f"task.py: augment(x, y, generator) must keep the shape {tuple(before.shape)} and "
                f"the type {before.dtype} of x"
            )
