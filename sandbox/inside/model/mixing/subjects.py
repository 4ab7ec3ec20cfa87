"""What the checks of mixers run: each mixer alone, and the whole network, at any length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ...chance.seeding import seed_everything
from ...faults import ContractError, describe, is_out_of_memory
from ..building import construct
from ..examination import Examination
from .backbone import BackboneNetwork, shown


@dataclass(frozen=True, slots=True)
class Subject:
    """A map of sequences to sequences that must be causal: a mixer, or the network of all."""

    name: str
    module: nn.Module
    exam: Examination
    is_mixer: bool = True

    def inputs(self, count: int, length: int) -> Tensor:
        """Made-up sequences: `(count, length, width)`, or what the network is given."""
        generator, problem = self.exam.generator, self.exam.problem
        if self.is_mixer:
            return torch.randn(count, length, width_of(self.exam), generator=generator)
        if problem.vocabulary is not None:
            return torch.randint(problem.vocabulary, (count, length), generator=generator)
        return torch.randn(count, length, problem.input_shape[-1], generator=generator)

    def others(self, x: Tensor) -> Tensor:
        """Inputs that differ from `x` in every element, and clearly."""
        if self.is_mixer:
            return 3 * torch.randn(x.shape, generator=self.exam.generator)
        return self.exam.others(x)

    def run(self, x: Tensor, train: bool = False, chance: int = 0) -> Tensor:
        """What comes of a copy of `x`; in train mode with gradients, as in a training.

        Args:
            chance: another number draws other random numbers; the same one the same.

        Raises:
            ContractError: it does not run at this length, or does not keep it.
        """
        seed_everything(self.exam.seed + chance)
        self.module.train(train)
        try:
            with torch.set_grad_enabled(train):
                out = self.module(x.clone())
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ContractError(
                f"{self.name} does not run at length {x.shape[1]}\n{describe(error)}"
            ) from error
        kept = isinstance(out, Tensor) and out.shape[:2] == x.shape[:2]
        if not kept or (self.is_mixer and out.shape != x.shape):
            raise ContractError(
                f"{self.name} must keep the shape {tuple(x.shape)}, it gave {shown(out)}"
            )
        return cast(Tensor, out).detach()


def width_of(exam: Examination) -> int:
    """The width of the backbone."""
    backbone = exam.problem.backbone
    assert backbone is not None, "only mixers are checked so"
    return backbone.width


def subjects(exam: Examination) -> Iterator[Subject]:
    """Each mixer, then the network where it has an output for each position.

    The weights are those that other checks have moved: what a gate of zero hides shows.
    """
    network = cast(BackboneNetwork, exam.model)
    yield from mixers(exam, network)
    if network.per_position:
        yield Subject("the network", network, exam, is_mixer=False)


def mixers(exam: Examination, network: BackboneNetwork) -> Iterator[Subject]:
    """Each mixer of a network, alone."""
    for layer, mixer in enumerate(network.mixers):
        yield Subject(f"the mixer of layer {layer}", mixer, exam)


def distinct_mixers(exam: Examination, network: BackboneNetwork) -> list[Subject]:
    """The mixers of a network that are not constructed alike: layers may differ."""
    found = {_likeness(subject.module): subject for subject in mixers(exam, network)}
    return list(found.values())


def _likeness(module: nn.Module) -> str:
    shapes = [(name, tuple(p.shape)) for name, p in module.named_parameters()]
    plain = [
        (name, value)
        for part in module.modules()
        for name, value in sorted(vars(part).items())
        if isinstance(value, (bool, int, float, str)) and name != "training"
    ]
    return repr((module, shapes, plain))


def fresh(exam: Examination) -> BackboneNetwork:
    """A network with the weights that it begins with."""
    seed_everything(exam.seed)
    return cast(BackboneNetwork, construct(exam.module, exam.problem))
