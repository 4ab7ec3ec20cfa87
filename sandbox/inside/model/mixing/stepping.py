"""A mixer position by position: what its steps give, and how many numbers they keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import torch
from torch import Tensor

from ...faults import ContractError
from ..examination import Examination
from ..leaks import differs
from .backbone import BackboneNetwork, is_by_width, shown
from .claims import claim_of
from .subjects import mixers

LENGTH: Final = 70
"""Positions; no usual chunk divides it."""
LONGER: Final = 4
BATCH: Final = 2


def check_steps(exam: Examination) -> str:
    """Step by step each output is that of the whole sequence; how the state grows.

    Raises:
        ContractError: it is not; or the state grows though a linear cost is claimed.
    """
    subjects = list(mixers(exam, cast(BackboneNetwork, exam.model.eval())))
    found = [_count_state(s.module, s.inputs(BATCH, LONGER * LENGTH)) for s in subjects]
    if not all(found):
        return "no start and step: it decodes by reading all again"
    grown = next((sizes for sizes in found if sizes[-1] != sizes[LONGER * LENGTH - 1]), None)
    if grown is None:
        return f"{_constant([sizes[-1] for sizes in found])}, whatever the length"
    first, middle, last = (grown[place - 1] for place in (1, LENGTH, len(grown)))
    said = (
        f"the state grows: {first:,}, {middle:,} and {last:,} numbers after 1, {LENGTH} and "
        f"{len(grown)} positions"
    )
    if claim_of(exam) == "linear":
        raise ContractError(f"it says COMPLEXITY = 'linear', but {said}")
    return said


def _constant(sizes: list[int]) -> str:
    """How many numbers the state of each layer holds."""
    least, most = min(sizes), max(sizes)
    if least == most:
        return f"a state of {most:,} numbers"
    return f"states of {least:,} to {most:,} numbers by layer"


def _count_state(module: Any, x: Tensor) -> list[int]:
    """How many numbers a mixer's state holds of a sequence after each position, once its steps are
    seen to be right; none where it has no steps."""
    has_start, has_step = (callable(getattr(module, name, None)) for name in ("start", "step"))
    if has_start != has_step and (has_start or is_by_width(type(module))):
        raise ContractError(
            f"class {type(module).__name__} defines {'start' if has_start else 'step'} alone: give "
            "it start(self, batch) and step(self, x, state), or neither"
        )
    if not has_step:
        return []
    with torch.no_grad():
        whole = module(x[:, :LENGTH].clone())
    if has_start and not all(len(part) == BATCH for part in _tensors_of(module.start(BATCH))):
        raise ContractError("the batch axis of each tensor of a state must come first")
    stepped, sizes = step_through(module, x, x[:, 0].shape)
    compare_steps(stepped[:, :LENGTH], whole)
    if sizes[-1] != sizes[LENGTH - 1]:  # a window that is long may have been filling up
        sizes += step_through(module, torch.cat([x, x], dim=1), x[:, 0].shape)[1][len(sizes) :]
    return [size // BATCH for size in sizes]


def compare_steps(stepped: Tensor, whole: Tensor) -> None:
    """See that steps gave what forward gives.

    Raises:
        ContractError: they did not; where most.
    """
    if differs(stepped, whole):
        off = (stepped - whole).abs().flatten(2).amax(dim=(0, 2))
        raise ContractError(
            f"step by step the outputs are not those of forward (most at position "
            f"{int(off.argmax())}, by {float(off.max()):.2g})"
        )


def step_through(module: Any, x: Tensor, wanted: torch.Size) -> tuple[Tensor, list[int]]:
    """The outputs of a module's steps over `x`, `(batch, length, ...)`, and how many numbers its
    state holds after each.

    Args:
        wanted: the shape of one step's output.

    Raises:
        ContractError: a step gives something else than an output and a state.
    """
    outs, sizes = [], []
    with torch.no_grad():
        state = module.start(len(x)) if callable(getattr(module, "start", None)) else None
        for position in range(x.shape[1]):
            given = module.step(x[:, position].clone(), state)
            if not isinstance(given, tuple) or len(given) != 2:
                raise ContractError(f"step must return (output, state), it gave {shown(given)}")
            out, state = given
            if not isinstance(out, Tensor) or out.shape != wanted:
                raise ContractError(
                    f"step must give the shape {tuple(wanted)}, it gave {shown(out)}"
                )
            outs.append(out)
            sizes.append(numbers_in(state))
    return torch.stack(outs, dim=1), sizes


def _tensors_of(state: Any) -> Iterator[Tensor]:
    """The tensors of a state that have axes."""
    if isinstance(state, Tensor) and state.dim():
        yield state
    elif isinstance(state, (dict, tuple, list)):
        for part in state.values() if isinstance(state, dict) else state:
            yield from _tensors_of(part)


def numbers_in(state: Any) -> int:
    """How many numbers a state holds: tensors in tuples, lists and dictionaries.

    Raises:
        ContractError: it holds something else.
    """
    if state is None:
        return 0
    if isinstance(state, Tensor):
        return state.numel()
    if isinstance(state, (int, float)):
        return 1
    if isinstance(state, dict):
        return sum(map(numbers_in, state.values()))
    if isinstance(state, (tuple, list)):
        return sum(map(numbers_in, state))
    raise ContractError(
        f"the state of step must be tensors in tuples, lists or dictionaries, not {shown(state)}"
    )
