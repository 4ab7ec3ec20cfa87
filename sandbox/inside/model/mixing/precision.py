"""How far a mixer's outputs are off in the precisions that it is trained in."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...faults import ContractError
from ..examination import Examination
from .subjects import Subject, distinct_mixers, fresh

MOST: Final = 0.05
"""Relative root mean square against float64."""
LENGTH: Final = 131
LARGE: Final = 30.0
LONG: Final = 2048
_EPSILON_PLACE: Final = 3
"""Among the arguments of `rms_norm`."""
_REASON: Final = 100
"""Characters."""


def check_precision(exam: Examination) -> str:
    """float32 and bf16 against float64 as the mixers begin; both finite at large inputs and on a
    long sequence. How far bf16 is off there is said: what turns step by step drifts.

    Raises:
        ContractError: they differ by more than a few per cent, or are not finite.
    """
    found = distinct_mixers(exam, fresh(exam))
    doubled = distinct_mixers(exam, fresh(exam).double())
    said = [_compare(single, double) for single, double in zip(found, doubled, strict=True)]
    drifts = [_drift(subject) for subject in found]
    words = f"{said[0]}; finite at {LARGE:.0f} times larger inputs and at length {LONG:,}"
    return f"{words}, where bf16 {_off_words(max(drifts))}" if max(drifts) > MOST else words


def _drift(subject: Subject) -> float:
    """By how much bf16 is off from float32 on a long sequence; 0 where it does not run.

    Raises:
        ContractError: one of them is not finite there, or at large inputs.
    """
    off = 0.0
    for x, where in (
        (LARGE * subject.inputs(2, LENGTH), f"at inputs {LARGE:.0f} times larger"),
        (subject.inputs(1, LONG), f"at length {LONG:,}"),
    ):
        single = subject.run(x)
        _refuse_infinite(single, f"{subject.name} {where}")
        reduced, _ = _attempt(subject, x, torch.bfloat16)
        if reduced is not None:
            _refuse_infinite(reduced, f"{subject.name} in bf16 {where}")
            off = _off(reduced, single)
    return off


def _compare(subject: Subject, doubled: Subject) -> str:
    """By how much the outputs differ from those in float64, in words."""
    x = subject.inputs(2, LENGTH)
    single = subject.run(x)
    with _SameEpsilon():
        exact, without = _attempt(doubled, x.double(), torch.float64)
    reduced, lacking = _attempt(subject, x, torch.bfloat16)
    words = [without, lacking]
    for name, out in (("float32", single), ("bf16", reduced)):
        if out is not None:
            _refuse_infinite(out, f"{subject.name} in {name}")
            off = _off(out, single if exact is None else exact)
            words.append(f"{name} {_off_words(off)}")
            if off > MOST:
                raise ContractError(
                    f"{subject.name}: {words[-1]} (relative root mean square), at most "
                    f"{100 * MOST:.0f} %: compute sums over time, exponentials and logarithms in "
                    "a higher precision, such as x.float(), and cast the result back"
                )
    return ", ".join(filter(None, words))


def _off(out: Tensor, exact: Tensor) -> float:
    """The relative root mean square of a difference."""
    norm = float(exact.double().norm())
    return float((out.double() - exact.double()).norm()) / max(norm, 1e-12)


def _attempt(subject: Subject, x: Tensor, kind: torch.dtype) -> tuple[Tensor | None, str]:
    """The outputs in a precision, or why there are none; bf16 is that of a training, under
    autocast."""
    reduced = kind == torch.bfloat16
    try:
        with warnings.catch_warnings(), torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            warnings.simplefilter("ignore")  # of kernels that are not fused in this precision
            return subject.run(x), ""
    except ContractError as error:
        reason = str(error).splitlines()[-1][:_REASON]
        return None, f"{str(kind).removeprefix('torch.')} does not run ({reason})"


class _SameEpsilon(TorchFunctionMode):
    """RMSNorm without an epsilon takes that of the precision: in float64 it would be another norm,
    where outputs are small."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in (nn.functional.rms_norm, torch.rms_norm) and len(args) < _EPSILON_PLACE + 1:
            given["eps"] = given.get("eps") or torch.finfo(torch.float32).eps
        return func(*args, **given)


def _off_words(off: float) -> str:
    return f"is off by {100 * off:.2g} %"


def _refuse_infinite(out: Tensor, name: str) -> None:
    if not bool(out.isfinite().all()):
        raise ContractError(
            f"{name} gives outputs that are not finite: bound what is exponentiated"
        )
