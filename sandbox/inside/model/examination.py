"""A candidate under examination: its network, made-up inputs, and what was found of it."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from ...contract import ProblemProjection
from ..chance.seeding import seed_everything
from ..training.losses import made_up_targets, stand_in
from .building import construct, load, run
from .layout import Layout

BATCHES: Final = (3, 5)
"""Two sizes, neither a usual dimension: a batch axis that is confused with another shows."""

_JITTER: Final = 0.02
_LARGE_OUTPUT: Final = 1 << 22
"""Numbers of one prediction from which on few are made at once: 16 MB."""


class Examination:
    """One candidate: every check runs on the same network and draws from the same generator.

    Raises:
        ContractError: it does not build.
    """

    def __init__(self, source: str, problem: ProblemProjection, seed: int) -> None:
        self.source, self.problem, self.seed = source.removeprefix("\ufeff"), problem, seed
        self.parameters = self.flops = self.int8_bytes = 0
        self.layers: list[tuple[str, int]] = []
        seed_everything(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.module = load(source)
        self.model = construct(self.module, problem)

    def affordable(self, count: int, fewer: int) -> int:
        """How many samples are run at once: `count`, or `fewer` where their outputs are large."""
        return fewer if math.prod(self.problem.output_shape) > _LARGE_OUTPUT else count

    def inputs(self, count: int, problem: ProblemProjection | None = None) -> Tensor:
        """`count` made-up samples: tokens, or normal deviates."""
        problem = problem or self.problem
        if problem.inputs:
            return self._parts(count)
        shape = (count, *problem.input_shape)
        if problem.vocabulary is not None:
            return torch.randint(problem.vocabulary, shape, generator=self.generator)
        return self._normal(shape)

    def _normal(self, shape: tuple[int, ...]) -> Tensor:
        """Of the type of a training's inputs, whatever default a candidate has set."""
        return torch.randn(shape, generator=self.generator, dtype=torch.float32)

    def others(self, x: Tensor) -> Tensor:
        """Inputs like `x` that differ from it in every element, and clearly; masks stay."""
        if not self.problem.inputs:
            return self._other(x, self.problem.vocabulary)
        layout = Layout(self.problem.inputs)
        pieces = zip(layout.split(x), layout.parts, strict=True)
        return layout.pack([t if p.mask else self._other(t, p.vocabulary) for t, p in pieces])

    def _other(self, x: Tensor, vocabulary: int | None) -> Tensor:
        if vocabulary is None:
            return 3 * self._normal(tuple(x.shape))
        step = torch.randint(1, max(vocabulary, 2), x.shape, generator=self.generator)
        return (x + step) % vocabulary

    def _parts(self, count: int) -> Tensor:
        """Made-up samples of several parts; behind the end of a mask all is 0."""
        drawn: list[Tensor] = []
        for part in self.problem.inputs:
            shape = (count, *part.shape)
            if part.mask:
                ends = torch.randint(1, part.shape[0] + 1, (count, 1), generator=self.generator)
                drawn.append((torch.arange(part.shape[0]) < ends).float())
            elif part.vocabulary is not None:
                tokens = torch.randint(part.vocabulary, shape, generator=self.generator)
                drawn.append(tokens.float())
            else:
                drawn.append(self._normal(shape))
        masks = [t for t, part in zip(drawn, self.problem.inputs, strict=True) if part.mask]
        for mask in masks:
            drawn = [
                t * mask.reshape(mask.shape + (1,) * (t.dim() - 2))
                if t.shape[1:2] == mask.shape[1:]
                else t
                for t in drawn
            ]
        return Layout(self.problem.inputs).pack(drawn)

    def targets(self, count: int) -> Tensor:
        """Made-up labels for `count` samples."""
        return made_up_targets(count, stand_in(self.problem), self.generator)

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
