"""A network as it is used elsewhere: an argument for each array of an input, a result for each
output."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ...contract import ProblemProjection
from ..model.layout import Layout, Packed


class Separate(nn.Module):
    """A network of several arrays that takes and gives them one by one."""

    def __init__(self, inner: nn.Module, problem: ProblemProjection) -> None:
        super().__init__()
        self.inner = inner
        self._inputs = Layout(problem.inputs) if problem.inputs else None
        self._names = [part.name for part in problem.outputs]

    def forward(self, *arrays: Tensor) -> Any:
        """One tensor, or one for each output."""
        given = arrays[0] if self._inputs is None else self._inputs.named(arrays)
        out = self.inner(given)
        if not self._names:
            return out
        return tuple(out) if self._names[0] == "0" else tuple(out[name] for name in self._names)


def separate(model: nn.Module, problem: ProblemProjection) -> nn.Module:
    """The network that is exported: the one that was trained, or what it is made of."""
    return Separate(model.inner, problem) if isinstance(model, Packed) else model


def arguments(inputs: Tensor, problem: ProblemProjection) -> tuple[Tensor, ...]:
    """The arguments for a batch of inputs as they are kept: packed, where they are several."""
    if not problem.inputs:
        return (inputs.clone(),)
    parts = Layout(problem.inputs).unpack(inputs)
    return tuple(parts.values()) if isinstance(parts, dict) else tuple(parts)


def argument_names(problem: ProblemProjection) -> list[str]:
    """What the arguments are called."""
    return [part.name for part in problem.inputs] or ["inputs"]


def result_names(problem: ProblemProjection) -> list[str]:
    """What the results are called."""
    return [part.name for part in problem.outputs] or ["outputs"]


def joined(results: Any, problem: ProblemProjection) -> Tensor:
    """Results as one float32 tensor, packed where they are several."""
    if not problem.outputs:
        out = results[0] if isinstance(results, (tuple, list)) else results
        return torch.as_tensor(out).float()
    return Layout(problem.outputs).pack([torch.as_tensor(result) for result in results])
