"""What the parts of one run share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, Protocol

import numpy as np

from archwright.core import (
    BASELINE,
    Aim,
    Candidate,
    Floor,
    Metric,
    Problem,
    SourceError,
    SplitScores,
    TaskError,
    TaskSpec,
    Trial,
    TrialSpec,
)
from archwright.core.settings import RunSettings
from archwright.runs.journal import Facts, Journal
from archwright.sandbox import Sandbox
from archwright.search.aiming import Prospect
from archwright.search.objectives import is_on_front, point_of
from archwright.source.fingerprint import read_source

MOST_RIVALS: Final = 1_000
"""So many of the latest decide whether a candidate is promoted."""


class Trains(Protocol):
    """What trains candidates: `archwright.runs.training.trainer.Trainer`, or a simulation of it."""

    def train(self, spec: TrialSpec) -> Trial: ...


class TrainsSealed(Trains, Protocol):
    """What trains for verification, too: predictions of the test split are kept, unscored."""

    @property
    def sealed_split(self) -> str:
        """What the test split goes by in the account of test evaluations."""
        ...

    def train_sealed(self, spec: TrialSpec) -> Trial: ...

    def open_sealed(self, spec: TrialSpec) -> SplitScores: ...


@dataclass(slots=True)
class RunContext:
    """One run in one session, made once: what is searched for, under which settings, with what."""

    spec: TaskSpec
    """The task within the run's own limits."""
    settings: RunSettings
    journal: Journal
    sandbox: Sandbox
    trainer: TrainsSealed
    baseline: Candidate
    floors: Sequence[Floor] = ()
    """The noise floor by rung; each waits until it was measured."""
    facts: Facts = field(default_factory=Facts)
    """As they were when the session began."""
    layers: tuple[tuple[str, int], ...] = ()
    """The baseline's parameters by layer, once it was checked."""
    samples: int = 0
    """Samples of the validation split; 0 where nobody has looked."""

    @property
    def metric(self) -> Metric:
        """How candidates are scored."""
        return self.spec.metric

    @property
    def aim(self) -> Aim | None:
        """The cost that is searched for, with its floor of quality; None where quality is."""
        given = self.settings
        return Aim.of(given.objectives, given.at_least, given.at_most, self.metric)

    @property
    def top(self) -> int:
        """The highest rung."""
        return len(self.spec.rungs) - 1

    @property
    def run(self) -> str:
        """The run's name."""
        return self.journal.run


@dataclass(frozen=True, slots=True)
class Campaign:
    """The run so far as a candidate may see it: all that can be started from, by id, the baseline
    first, and which of it was measured in this run."""

    known: Mapping[str, Candidate]
    measured: Sequence[Candidate]
    forgotten: int = 0
    """How often the search has forgotten what was neither among the best nor among the latest."""

    @property
    def baseline(self) -> Candidate:
        """The architecture to beat, with its mean at the top rung once a candidate has ended."""
        return self.known[BASELINE]

    def rivals(self, rung: int, top: int, parents: Sequence[str]) -> list[Candidate]:
        """What decides whether a candidate with these parents is promoted from a rung.

        A draft is compared with drafts, a variation with the best of its parents that were promoted
        from there: among all of them, what learns quickly and ends low would crowd out the rest. At
        the top rung, which nothing is promoted from, all are compared; below it the latest are
        enough to say what share a candidate is of.
        """
        if rung >= top:
            return [c for c in self.measured if rung in c.rungs]
        shown = (c for c in reversed(self.measured) if rung in c.rungs)
        if not parents:
            return list(islice((c for c in shown if not c.parents), MOST_RIVALS))[::-1]
        own = [c for c in self.measured if c.id in parents and {rung, rung + 1} <= c.rungs.keys()]
        own.sort(key=lambda c: c.rungs[rung].gain or 0.0)
        return own[-1:] or list(islice(shown, MOST_RIVALS))[::-1]

    def is_cheaper(self, candidate: Candidate) -> bool:
        """Whether it has fewer parameters than the best that was measured at its rung, and is
        within a noise standard deviation of it."""
        shown = [c for c in self.measured if candidate.rung in c.rungs]
        rung = candidate.rung
        if rung is None or not shown:
            return False
        best = max(shown, key=lambda c: c.rungs[rung].gain or 0.0)
        near = (candidate.gain or 0.0) >= (best.rungs[rung].gain or 0.0) - 1.0
        return near and candidate.parameters < best.parameters

    def is_undominated(self, candidate: Candidate, objectives: Sequence[str]) -> bool:
        """Whether nothing measured at its rung, nor the baseline, is at least as good in every
        objective and better in one."""
        rung = candidate.rung
        measured = [c for c in self.measured if rung in c.rungs]
        rivals = [(c.rungs[rung].gain, c) for c in measured] if rung is not None else []
        points = [point_of(gain, c, objectives) for gain, c in (*rivals, (0.0, self.baseline))]
        return is_on_front(point_of(candidate.gain, candidate, objectives), np.array(points))


def prospect_of(context: RunContext, campaign: Campaign) -> Prospect | None:
    """What a campaign says of the run's aim at a cost; None where quality is searched for."""
    aim = context.aim
    if aim is None:
        return None
    return Prospect(aim, context.floors, campaign.measured, campaign.baseline)


def within_limits(spec: TaskSpec, settings: RunSettings) -> TaskSpec:
    """The task with the run's own limits on its candidates, where they are narrower."""
    problem = spec.problem
    flops = [f for f in (problem.max_flops, settings.max_flops) if f is not None]
    narrowed = replace(
        problem,
        max_params=min(problem.max_params, settings.max_params or problem.max_params),
        max_flops=min(flops, default=None),
    )
    return replace(spec, problem=narrowed)


def over_limits(baseline: Candidate, problem: Problem) -> Iterator[str]:
    """What follows from a baseline that is over the limits of what is searched, a line each."""
    costs = {
        "parameters": (baseline.parameters, problem.max_params),
        "FLOPs a sample": (baseline.flops, problem.max_flops),
    }
    for what, (own, limit) in costs.items():
        if limit is not None and own > limit:
            yield (
                f"the baseline has {own:,} {what}, over this run's limit of {limit:,}: it stays "
                "what is to be beaten, so a gain is one over a larger network; what is made from "
                "it is scaled down, or not proposed where that cannot be done"
            )


def baseline_of(spec: TaskSpec) -> Candidate:
    """The architecture to beat, with the recipe that it is trained with: it may bring its own.

    Raises:
        TaskError: its source breaks the contract.
    """
    try:
        parsed = read_source(spec.baseline, spec.problem, spec.recipe)
    except SourceError as error:
        where = f"{spec.baseline_files} in {spec.folder}"
        raise TaskError(f"the baseline of task {spec.name}: {error}: fix {where}") from error
    return Candidate(BASELINE, "the baseline", spec.baseline, parsed.recipe)
