"""A candidate under examination: its network, made-up inputs, and what was found of it."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from ...contract import ProblemProjection
from ..chance.seeding import seed_everything
from .building import construct, load, run

BATCHES: Final = (3, 5)
"""Two sizes, neither a usual dimension: a batch axis that is confused with another shows."""

_JITTER: Final = 0.02


class Examination:
    """One candidate: every check runs on the same network and draws from the same generator.

    Raises:
        ContractError: it does not build.
    """

    def __init__(self, source: str, problem: ProblemProjection, seed: int) -> None:
        self.source, self.problem, self.seed = source.removeprefix("\ufeff"), problem, seed
        self.parameters = self.flops = 0
        self.layers: list[tuple[str, int]] = []
        seed_everything(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.module = load(source)
        self.model = construct(self.module, problem)

    def inputs(self, count: int, problem: ProblemProjection | None = None) -> Tensor:
        """`count` made-up samples: tokens, or normal deviates."""
        problem = problem or self.problem
        shape = (count, *problem.input_shape)
        if problem.vocabulary is not None:
            return torch.randint(problem.vocabulary, shape, generator=self.generator)
        return torch.randn(shape, generator=self.generator)

    def others(self, x: Tensor) -> Tensor:
        """Inputs like `x` that differ from it in every element, and clearly."""
        if self.problem.vocabulary is None:
            return 3 * torch.randn(x.shape, generator=self.generator)
        vocabulary = self.problem.vocabulary
        step = torch.randint(1, max(vocabulary, 2), x.shape, generator=self.generator)
        return (x + step) % vocabulary

    def targets(self, count: int) -> Tensor:
        """Made-up labels for `count` samples."""
        shape = (count, *self.problem.output_shape)
        if self.problem.loss == "cross_entropy":
            return torch.randint(shape[-1], shape[:-1], generator=self.generator)
        return torch.randn(shape, generator=self.generator)

    def evaluated(self, x: Tensor) -> Tensor:
        """The network's output for a copy of `x`, in eval mode."""
        self.model.eval()
        with torch.no_grad():
            return run(self.model, x.clone(), self.problem)

    def jitter(self, share: float = 0.0) -> None:
        """Move every parameter a little: a gate that starts at zero hides what lies behind it. With
        a `share`, by that much of its own size as well, so that a router sends elsewhere.

        A network that this makes explode is put back as it was.
        """
        moved = [p for p in self.model.parameters() if p.is_floating_point()]
        before = [p.detach().clone() for p in moved]
        with torch.no_grad():
            for parameter in moved:
                noise = torch.randn(parameter.shape, generator=self.generator)
                size = _JITTER + share * parameter.square().mean().sqrt()
                parameter.add_(size * noise.to(parameter.dtype))
            if not bool(torch.isfinite(self.evaluated(self.inputs(2))).all()):
                for parameter, value in zip(moved, before, strict=True):
                    parameter.copy_(value)
