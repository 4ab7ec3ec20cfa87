"""Several arrays as one tensor, so that all that works on a network's input needs to know one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...contract import PartProjection, ProblemProjection
from ..faults import ContractError


class Layout:
    """Where each part lies in a row of numbers. Tokens and masks are whole numbers among them,
    which float32 holds exactly up to 2**24."""

    def __init__(self, parts: Sequence[PartProjection]) -> None:
        self.parts = tuple(parts)
        self.sizes = [math.prod(part.shape) for part in parts]

    def pack(self, tensors: Sequence[Tensor]) -> Tensor:
        """`(batch, numbers)` in float32, of one tensor `(batch, *shape)` for each part."""
        return torch.cat([t.reshape(len(t), -1).to(torch.float32) for t in tensors], dim=1)

    def split(self, packed: Tensor) -> list[Tensor]:
        """One float32 tensor `(batch, *shape)` for each part."""
        pieces = torch.split(packed, self.sizes, dim=1)
        return [p.reshape(len(p), *part.shape) for p, part in zip(pieces, self.parts, strict=True)]

    def unpack(self, packed: Tensor) -> Any:
        """The parts as a candidate is given them: by name, or a tuple; tokens as int64, masks as
        bool."""
        made = [_typed(t, part) for t, part in zip(self.split(packed), self.parts, strict=True)]
        return self.named(made)

    def named(self, values: Sequence[Any]) -> Any:
        """One value for each part, by name; where the parts are a tuple, as one."""
        if self.parts[0].name == "0":
            return tuple(values)
        return {part.name: value for part, value in zip(self.parts, values, strict=True)}

    @property
    def shapes(self) -> Any:
        """What a candidate's class is constructed with."""
        return self.named([part.shape for part in self.parts])


def _typed(tensor: Tensor, part: PartProjection) -> Tensor:
    if part.vocabulary is not None:
        return tensor.to(torch.int64)
    return tensor.to(torch.bool) if part.mask else tensor.clone()


class Packed(nn.Module):
    """A candidate's network that takes or gives several arrays, as one that takes and gives one
    tensor `(batch, numbers)` for each."""

    def __init__(self, inner: nn.Module, problem: ProblemProjection) -> None:
        super().__init__()
        self.inner = inner
        self._inputs = Layout(problem.inputs) if problem.inputs else None
        self._outputs = Layout(problem.outputs) if problem.outputs else None

    def forward(self, x: Tensor) -> Any:
        """Unpack, run, pack."""
        out = self.inner(x if self._inputs is None else self._inputs.unpack(x))
        return out if self._outputs is None else _packed(out, self._outputs, len(x))


def _packed(out: Any, layout: Layout, batch: int) -> Tensor:
    names = [part.name for part in layout.parts]
    if isinstance(out, (tuple, list)) and names[0] == "0":
        out = {str(place): value for place, value in enumerate(out)}
    if not isinstance(out, Mapping) or set(out) != set(names):
        raise ContractError(f"forward must return one tensor for each of {', '.join(names)}")
    for part in layout.parts:
        value, wanted = out[part.name], (batch, *part.shape)
        if not isinstance(value, Tensor) or value.is_complex() or tuple(value.shape) != wanted:
            shown = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ContractError(f"forward must return {part.name} of shape {wanted}, not {shown}")
    return layout.pack([out[name] for name in names])


def with_future_of(x: Tensor, other: Tensor, cut: int, problem: ProblemProjection) -> Tensor:
    """`x` with the positions from `cut` on of another batch, in every part that has positions."""
    changed = x.clone()
    if not problem.inputs:
        changed[:, cut:] = other[:, cut:]
        return changed
    layout = Layout(problem.inputs)
    length = problem.inputs[0].shape[0]
    pieces = zip(layout.split(changed), layout.split(other), layout.parts, strict=True)
    for own, foreign, part in pieces:
        if part.shape[:1] == (length,):
            own[:, cut:] = foreign[:, cut:]
    return changed
