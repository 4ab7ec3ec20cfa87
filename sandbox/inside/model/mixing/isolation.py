"""What the output of a mixer may not depend on: later positions, other sequences of the batch, and
how long the sequence is or is padded to.

Each is tried on every mixer alone and on the whole network, with weights that have moved, in eval
mode and in train mode with its gradients, at lengths and places that usual chunks divide and that
none does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from ...faults import ContractError
from ..examination import Examination
from ..leaks import TOLERANCE, differs
from .subjects import Subject, subjects

EXACT: Final = 1e-5
"""Of the largest output, for inputs of one shape: an FFT is off by 1e-7."""
CUTS: Final = {
    70: (1, 3, 7, 15, 16, 31, 32, 63, 64, 69),
    131: (1, 8, 48, 64, 65, 96, 100, 127, 128, 130),
    128: (8, 16, 32, 63, 64, 65, 120, 127),
    256: (128, 200, 255),
}
"""Where the future begins, by length."""
PARTS: Final = (1, 2, 3, 5, 16, 31, 63, 64, 65, 70, 100, 128, 131, 256)
"""Lengths of beginnings that are run alone."""
WHOLE: Final = 257
PADDING: Final = 9
FEW: Final = 3
"""Of so many places one is tried in train mode, and in the network."""
BATCH: Final = 3
MODES: Final = ((False, "eval"), (True, "train"))


def check_causality(exam: Examination) -> str:
    """Change the future: the past must not move."""
    own = exam.problem.input_shape[0]
    cuts = {own: _spread(own), **CUTS}
    for subject in subjects(exam):
        for train, mode in MODES:
            _check_repeats(subject, train, mode)
            for length, places in cuts.items():
                _check_past(subject, train, mode, length, places[:: _stride(subject, train)])
    tried = ", ".join(map(str, sorted(cuts)))
    return f"in train and eval mode, each mixer and the network, at lengths {tried}"


def _stride(subject: Subject, train: bool) -> int:
    return 1 if subject.is_mixer and not train else FEW


def _spread(length: int) -> tuple[int, ...]:
    return tuple(sorted({1, length // 4, length // 2, length - 1} - {0}))


def _check_repeats(subject: Subject, train: bool, mode: str) -> None:
    x = subject.inputs(BATCH, 70)
    if differs(subject.run(x, train), subject.run(x, train), tolerance=EXACT):
        raise ContractError(
            f"{subject.name} in {mode} mode: two identical calls with the same random numbers give "
            "different outputs; keep nothing from one call to the next"
        )


def _check_past(
    subject: Subject, train: bool, mode: str, length: int, cuts: tuple[int, ...]
) -> None:
    x = subject.inputs(BATCH - 1, length)
    before = subject.run(x, train)
    for place, cut in enumerate(cuts):
        changed = x.clone()
        # Every other future is nothing at all, which a mask may be made of.
        changed[:, cut:] = subject.others(x)[:, cut:] if place % 2 == 0 else 0
        after = subject.run(changed, train)
        scale = max(float(before.abs().max()), float(after.abs().max()), 1e-6)
        if differs(before[:, :cut], after[:, :cut], scale, EXACT):
            raise ContractError(
                f"{subject.name} in {mode} mode: at length {length} outputs before position {cut} "
                f"change when inputs from {cut} on change "
                f"(most at position {_most(before[:, :cut], after[:, :cut])})"
            )


def _most(one: Tensor, other: Tensor) -> int:
    """The position at which two outputs differ most."""
    return int((one - other).abs().flatten(2).amax(dim=(0, 2)).nan_to_num(torch.inf).argmax())


def check_neighbours(exam: Examination) -> str:
    """Change the other sequences of a batch: the first must not move."""
    for subject in subjects(exam):
        for train, mode in MODES:
            x = subject.inputs(BATCH, 70)
            neighbours = torch.cat([x[:1], subject.others(x)[1:]])
            first, changed = subject.run(x, train), subject.run(neighbours, train)
            if differs(first[:1], changed[:1], tolerance=EXACT):
                raise ContractError(
                    f"{subject.name} in {mode} mode: a sequence's output changes with its "
                    "neighbours in the batch"
                )
            if _is_certain(subject, train) and differs(first[:1], subject.run(x[:1], train)):
                raise ContractError(
                    f"{subject.name} in {mode} mode: a sequence alone and in a batch gives "
                    "different outputs"
                )
    return "in train and eval mode, each mixer and the network"


def check_lengths(exam: Examination) -> str:
    """Outputs at the beginning of a sequence are those of the beginning alone, and of the beginning
    with padding behind it."""
    for subject in subjects(exam):
        for train, mode in MODES:
            if _is_certain(subject, train):
                _check_parts(subject, train, mode)
    return f"lengths 1 to {WHOLE}, and with padding"


def _check_parts(subject: Subject, train: bool, mode: str) -> None:
    x = subject.inputs(BATCH - 1, WHOLE)
    whole = subject.run(x, train)
    for length in PARTS[:: _stride(subject, train)]:
        alone = subject.run(x[:, :length], train)
        for words, other in _longer(subject, x, whole, length, train):
            if differs(alone, other, tolerance=TOLERANCE):
                raise ContractError(
                    f"{subject.name} in {mode} mode: the first {length} positions give other "
                    f"outputs {words} than alone (most at position {_most(alone, other)}); nothing "
                    "may depend on the length"
                )


def _longer(
    subject: Subject, x: Tensor, whole: Tensor, length: int, train: bool
) -> Iterator[tuple[str, Tensor]]:
    """The outputs at the first positions where more follows: the sequence, or padding."""
    yield f"in a sequence of {WHOLE}", whole[:, :length]
    behind = [0] * (2 * (x.dim() - 2))
    end = length + PADDING
    padded = functional.pad(x[:, :length], (*behind, 0, PADDING))
    yield f"padded to {end}", subject.run(padded, train)[:, :length]


def _is_certain(subject: Subject, train: bool) -> bool:
    """Whether it draws no random numbers: those of other shapes would be others."""
    if not train:
        return True
    x = subject.inputs(BATCH, 16)
    return not differs(subject.run(x, train), subject.run(x, train, chance=1))
