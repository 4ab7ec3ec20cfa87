"""What was shrunk: the paper's sizes beside those that were run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archwright.core import TaskSpec
from archwright.papers.experiment import Experiment


@dataclass(frozen=True, slots=True)
class Scaled:
    """One size: what the paper says (empty: nothing), and what was run."""

    what: str
    paper: str
    here: str


def compare_scale(
    experiment: Experiment,
    spec: TaskSpec,
    parameters: Mapping[str, int],
    samples: int,
    seeds: int,
) -> tuple[Scaled, ...]:
    """Every size, planned against run; what the paper gives beyond that stands alone.

    Args:
        experiment: with the paper's own sizes.
        spec: the task that it was run on.
        parameters: of each arm by id, as far as they could be counted.
        samples: in the training set.
        seeds: with which each arm was trained.
    """
    here = dict(_sizes(experiment, spec, parameters, samples, seeds))
    paper = {key.replace("_", " "): value for key, value in experiment.scale.items()}
    names = [*here, *(name for name in paper if name not in here)]
    return tuple(Scaled(n, paper.get(n, ""), here.get(n, "not here")) for n in names)


def _sizes(
    experiment: Experiment,
    spec: TaskSpec,
    parameters: Mapping[str, int],
    samples: int,
    seeds: int,
) -> Iterator[tuple[str, str]]:
    problem, recipe = spec.problem, spec.recipe
    yield "data", f"{spec.name}: {spec.summary}"
    yield "training samples", f"{samples:,}"
    yield "steps", _range([arm.total_steps for arm in experiment.arms])
    yield "batch size", str(recipe.batch_size)
    if parameters:
        yield "parameters", _range(list(parameters.values()))
    if problem.backbone is not None:
        yield "layers", str(problem.backbone.layers)
        yield "width", str(problem.backbone.width)
        yield "length", str(problem.input_shape[0])
    else:
        yield "input", "×".join(map(str, problem.input_shape))
    if problem.vocabulary is not None:
        yield "vocabulary", str(problem.vocabulary)
    yield "optimizer", f"{recipe.optimizer}, {recipe.learning_rate:g}, {recipe.schedule}"
    yield "seeds", str(seeds)


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
