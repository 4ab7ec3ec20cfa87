"""Optimizer, schedule, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn

from ...contract import RecipeProjection
from ..faults import ContractError

WARMUP_FRACTION: Final = 0.05


def rate_factor(schedule: str, step: int, steps: int, restarts: int = 0) -> float:
    """The learning rate at `step` (from 0) as a fraction of the recipe's.

    With restarts the schedule runs that often more, each time over an equal share of the steps.
    """
    cycle = math.ceil(steps / (restarts + 1))
    step, steps = step % cycle, min(cycle, steps)
    warmup = max(1, round(WARMUP_FRACTION * steps)) if schedule == "warmup_cosine" else 0
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, steps - warmup)
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - progress
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def make_optimizer(
    recipe: RecipeProjection, parameters: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimizer that a recipe names."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    fused = all(p.is_floating_point() for p in parameters)  # a fifth of the time of torch's loop
    match recipe.optimizer:
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=fused)
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=fused)
        case "sgd":
            return torch.optim.SGD(parameters, rate, 0.9, weight_decay=decay, fused=fused)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, weight_decay=decay)
    raise ContractError(f"RECIPE names no known optimizer: {recipe.optimizer!r}")


class Average:
    """The exponential moving average of a network's weights and running statistics.

    Its decay rises to `decay` over the first steps, as in Tarvainen and Valpola 2017, "Mean
    teachers are better role models".
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay, self.steps = model, decay, 0
        self.values = [tensor.detach().clone() for tensor in self._tensors()]

    def _tensors(self) -> list[Tensor]:
        every = (*self._model.parameters(), *self._model.buffers())
        return [tensor for tensor in every if tensor.is_floating_point()]

    def update(self) -> None:
        """Take in the weights of one more step."""
        self.steps += 1
        decay = min(self._decay, self.steps / (self.steps + 9))
        with torch.no_grad():
            for value, tensor in zip(self.values, self._tensors(), strict=True):
                value.lerp_(tensor, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network has the average for its weights meanwhile."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        """Exchange the network's weights and the average."""
        with torch.no_grad():
            for value, tensor in zip(self.values, self._tensors(), strict=True):
                kept = tensor.clone()
                tensor.copy_(value)
                value.copy_(kept)
