"""What a candidate does to its input beside its architecture: its wrapper.

Two wrappers change what a network learns from whatever the network is: an input that is changed in
training (noise, dropout, shifts, flips), and several views of a sample at evaluation, whose outputs
are put together. Both are found by running the candidate on the same input in both modes: the same
parameter then meets something else. What lies behind the first parameter, and what is done to the
input in the same way in both modes, is architecture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn

from ..faults import ContractError
from .examination import Examination
from .views import Meeting, look

_DRAWS: Final = 6
"""Passes in train mode: what is done by chance must show."""
_BATCHES: Final = (7, 11, 13, 17, 19)
_SMALL_BATCHES: Final = (3, 4, 5, 6, 7)
"""Batch sizes, of which one is no dimension of the input."""
_TOLERANCE: Final = 1e-5

Order = Literal["one by one", "together"]
"""Whether the views of a sample follow each other in a batch, or the samples of a view do."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What was found at the parameter that shows most of it."""

    parameter: str = ""
    order: Order | None = None
    """None where views and samples cannot be told apart."""
    changed: bool = False
    """Whether training shows another input than evaluation does."""
    random: bool = False
    """Whether training shows another input each time."""
    views: int = 1
    """At evaluation, of each sample."""

    def __bool__(self) -> bool:
        """Whether there is one."""
        return self.changed or self.views > 1

    def __str__(self) -> str:
        """It in one sentence; empty where there is none."""
        said = []
        if self.changed:
            said.append("in training its input is changed" + " at random" * self.random)
        if self.views > 1:
            said.append(f"at evaluation it takes {self.views} views of each sample")
        return "; ".join(said)


def find_wrapper(exam: Examination) -> Wrapper:
    """The wrapper of the candidate under examination.

    Raises:
        Exception: whatever the network raises.
    """
    shape = exam.problem.input_shape
    many, few = (next(b for b in of if b not in shape) for of in (_BATCHES, _SMALL_BATCHES))
    x = exam.inputs(exam.affordable(many, few))
    model = exam.model
    model.eval()
    with torch.no_grad():
        evaluated = look(model, x)
        other = look(model, torch.cat([exam.others(x)[:1], x[1:]]))
    model.train()
    with torch.enable_grad():  # some tell training by it
        draws = [look(model, x) for _ in range(_DRAWS)]
    names = dict.fromkeys(m.parameter for m in evaluated)
    found = [_at(name, x, evaluated, other, draws) for name in names]
    return max(found, key=_weight, default=Wrapper())


def _weight(wrapper: Wrapper) -> tuple[bool, bool, int, bool]:
    return bool(wrapper), wrapper.order is not None, wrapper.views, wrapper.changed


def _at(
    name: str,
    x: Tensor,
    evaluated: Sequence[Meeting],
    other: Sequence[Meeting],
    draws: Sequence[Sequence[Meeting]],
) -> Wrapper:
    """What one parameter meets in both modes."""
    shown = [_rows(name, meetings) for meetings in draws]
    shown = [rows for rows in shown if len(rows)]  # a parameter may rest in training
    calm = _rows(name, evaluated)
    random = any(not (_holds(rows, shown[0]) and _holds(shown[0], rows)) for rows in shown)
    return Wrapper(
        parameter=name,
        order=_order(_first(name, evaluated), _first(name, other), len(x)),
        changed=random or any(not _holds(calm, rows) for rows in shown),
        random=random,
        views=max(1, len(_distinct(_rows(name, evaluated, 1))) // len(x)),
    )


def _first(name: str, meetings: Sequence[Meeting]) -> Tensor | None:
    return next((m.views[0] for m in meetings if m.parameter == name and m.views), None)


def _rows(name: str, meetings: Sequence[Meeting], most: int | None = None) -> Tensor:
    """All samples that a parameter meets `(rows, numbers)`, of the first `most` views at once."""
    views = [v.flatten(1) for m in meetings if m.parameter == name for v in m.views[:most]]
    return torch.cat(views).double() if views else torch.empty(0, 0)


def _equal(a: Tensor, b: Tensor) -> Tensor:
    """Which rows of `a` are which of `b`: bool `(rows of a, rows of b)`."""
    scale = max(float(a.abs().max()), float(b.abs().max()), 1e-6)
    return torch.cdist(a, b, p=torch.inf) <= _TOLERANCE * scale


def _holds(a: Tensor, b: Tensor) -> bool:
    """Whether `a` has all samples of `b`, in whatever order and how often."""
    return bool(_equal(a, b).any(0).all())


def _distinct(rows: Tensor) -> Tensor:
    """The rows that are like none before them."""
    if not len(rows):
        return rows
    return rows[~_equal(rows, rows).tril(-1).any(1)]


def _order(view: Tensor | None, other: Tensor | None, batch: int) -> Order | None:
    """How views and samples lie in a batch, from what moved when the first sample did."""
    if view is None or other is None or view.shape != other.shape:
        return None
    moved = (view != other).flatten(1).any(1).nonzero().flatten().tolist()
    count = len(view) // batch
    if moved == list(range(0, len(view), batch)):
        return "together"
    return "one by one" if moved == list(range(count)) else None


class InWrapper(nn.Module):
    """A network in the wrapper of a candidate: it is shown the views that the candidate makes of
    its input, and its outputs on them are averaged. It has the network's parameters alone."""

    def __init__(self, model: nn.Module, exam: Examination) -> None:
        """`exam` holds the candidate whose wrapper it is.

        Raises:
            ContractError: its views cannot be told apart.
        """
        super().__init__()
        self.model = model
        with torch.random.fork_rng(devices=[]):
            self._wrapper = find_wrapper(exam)
        if self._wrapper and self._wrapper.order is None:
            raise ContractError("the views of the wrapper cannot be told from the samples")
        self._candidate = (exam.model,)  # in a tuple, its parameters are not this module's

    def train(self, mode: bool = True) -> InWrapper:
        """The candidate goes into the same mode."""
        super().train(mode)
        self._candidate[0].train(mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the network's outputs over the views of `x`."""
        outs = [self.model(view) for view in self._views(x)]
        return outs[0] if len(outs) == 1 else torch.stack(outs).mean(0)

    def _views(self, x: Tensor) -> list[Tensor]:
        """The views of a batch, each of its shape; each once."""
        meetings = look(self._candidate[0], x)
        name, order = self._wrapper.parameter, self._wrapper.order
        seen: list[Tensor] = []
        for view in (m.views[0] for m in meetings if m.parameter == name and m.views):
            count = len(view) // len(x)
            shape = (count, len(x)) if order == "together" else (len(x), count)
            parts = view.reshape(*shape, *x.shape[1:]).unbind(0 if order == "together" else 1)
            seen += [part for part in parts if not any(torch.equal(part, s) for s in seen)]
        return seen or [x]
