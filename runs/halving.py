"""Successive halving: train a candidate at a rung, compare, add seeds where it is close, and
promote it to the next rung or stop. A parent that is close is given more seeds, as its child is.

It is asynchronous (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning"). Seeds,
and so the order of the data, are common to all candidates and the baseline; a gain is the mean over
seeds of the difference to the baseline at the same seed.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from statistics import fmean
from threading import Lock
from typing import ClassVar, Final, Protocol

from archwright.core import (
    Candidate,
    CandidateStatus,
    Curve,
    Floor,
    Measurement,
    Metric,
    Status,
    Trial,
    TrialSpec,
)
from archwright.core.settings import RunSettings
from archwright.runs.budget.pace import NO_TRIALS
from archwright.runs.context import Trains

Rivals = Callable[[int], Sequence[Candidate]]
CLOSE: Final = 1.0
"""A decision is close while the gain lies within so many of its own standard errors of the cut."""


CONFIRMED: Final = 2
"""Seeds at least of what passes at the top: of many that are measured once, the best is the
luckiest (Hutter, Hoos and Leyton-Brown 2011, "Sequential Model-Based Optimization for General
Algorithm Configuration", where whatever takes the lead is measured as often as what it takes it
from)."""


class SuccessiveHalving:
    """Takes candidates of one task from rung to rung."""

    def __init__(
        self, metric: Metric, settings: RunSettings, trainer: Trains, floors: Sequence[Floor]
    ) -> None:
        self._metric = metric
        self._settings = settings
        self._trainer = trainer
        self._floors = floors
        self._parents: dict[tuple[str, int], ParentCut] = {}
        self._lock = Lock()

    @property
    def most_trials(self) -> int:
        """Most trainings that one candidate can use."""
        return self.most_from(0)

    @property
    def enough_trials(self) -> int:
        """Trainings of a candidate that is promoted at once, and confirmed at the top."""
        return len(self._floors) - 1 + min(CONFIRMED, self._settings.search_seeds)

    def most_from(self, first: int) -> int:
        """Most trainings of a candidate that starts at a rung, and of its parent beside it."""
        seeds, below = self._settings.search_seeds, len(self._floors) - 1 - first
        return seeds + below * (2 * seeds - 1)

    def run(
        self,
        candidate: Candidate,
        allowance: int,
        rivals: Rivals,
        reached: Callable[[Candidate], None],
        first: int = 0,
        spared: Callable[[Candidate], bool] = lambda _: False,
        needed: Callable[[int], float] | None = None,
    ) -> Candidate:
        """Train for as long as the candidate earns it; the candidate as it ended.

        Args:
            candidate: an open one.
            allowance: most trainings that it may use.
            rivals: the candidates that it is compared with, by rung.
            reached: told of the candidate after each rung that was finished.
            first: the rung to start at.
            spared: whether it is promoted for another reason than its gain.
            needed: the score to pass by rung, where that decides and not its rivals.
        """
        top = len(self._floors) - 1
        for rung in range(first, len(self._floors)):
            if candidate.trials >= allowance:
                return candidate.ended(_end(candidate), NO_TRIALS)
            cut = self._cut(candidate, rung, rivals, needed)
            left = allowance - candidate.trials
            shown, spent, failed = self._measure(candidate, rung, cut, left)
            candidate = replace(candidate, trials=candidate.trials + spent)
            if shown is None and failed is not None and failed.status is Status.NOT_BEGUN:
                return candidate.ended(_measured(candidate), failed.error)
            if shown is None:
                return candidate.ended(*_failure(candidate, failed))
            candidate = replace(candidate, rungs={**candidate.rungs, rung: shown})
            reached(candidate)
            if rung < top and not cut.lead(shown) > 0 and not spared(candidate):
                break
        return candidate.ended(_end(candidate))

    def _places(self, rung: int) -> Callable[[int], int]:
        """How many of so many rivals pass: a share of them, at the top rung the finalists."""
        if rung == len(self._floors) - 1:
            return lambda _: max(1, self._settings.finalists)
        return lambda count: ceil((count + 1) / self._settings.reduction)

    def _cut(
        self,
        candidate: Candidate,
        rung: int,
        rivals: Rivals,
        needed: Callable[[int], float] | None,
    ) -> Cut:
        """What is to be passed at a rung: the gain of a parent that it is alone with, or of the
        last rival that would be promoted, or the score that is needed."""
        if needed is not None:
            return ScoreCut(self._metric, needed(rung), self._floors[rung].sd)
        gains = [(c, gain) for c in rivals(rung) if (gain := c.rungs[rung].gain) is not None]
        if len(gains) == 1 and gains[0][0].id in candidate.parents:
            return self._parent_cut(*gains[0], rung)
        return PairedCut(_gain_to_pass([gain for _, gain in gains], self._places(rung)))

    def _parent_cut(self, parent: Candidate, gain: float, rung: int) -> ParentCut:
        """The same one for all children of a parent: each sees it trained as often as any did."""
        with self._lock:
            cut = ParentCut(parent, rung, gain, parent.rungs[rung].seeds)
            return self._parents.setdefault((parent.id, rung), cut)

    def forget(self, known: Container[str]) -> None:
        """Nothing will start any more from candidates that are not known."""
        with self._lock:
            self._parents = {key: cut for key, cut in self._parents.items() if key[0] in known}

    def _train_again(self, cut: Cut) -> int:
        """Another seed of the parent, where that is what is to be passed; how many trainings."""
        if not isinstance(cut, ParentCut):
            return 0
        floor = self._floors[cut.rung]
        with cut.lock:
            seed = cut.seeds
            if seed >= min(self._settings.search_seeds, len(floor.scores)):
                return 0
            trial = self._trainer.train(
                TrialSpec(cut.parent, cut.rung, seed, priority=cut.parent.number)
            )
            if trial.score is not None:
                cut.add(self._metric.gain(trial.score, floor.scores[seed]) / floor.sd)
        return int(trial.status is not Status.NOT_BEGUN)

    def _measure(
        self, candidate: Candidate, rung: int, cut: Cut, allowance: int
    ) -> tuple[Measurement | None, int, Trial | None]:
        """One rung: a seed, and more while the decision is close; what passes at the top is
        confirmed, however clear its lead."""
        floor, top = self._floors[rung], len(self._floors) - 1
        scores: list[float] = []
        shown: Measurement | None = None
        curve: Curve = ()
        errors = ""
        spent = 0
        for seed in range(min(self._settings.search_seeds, len(floor.scores))):
            if spent >= allowance:
                break
            ceiling = floor.ceiling if cut.is_hopeless_far_below else None
            trial = self._trainer.train(
                TrialSpec(candidate, rung, seed, priority=candidate.number, ceiling=ceiling)
            )
            spent += trial.status is not Status.NOT_BEGUN
            if trial.unmeasured and scores:
                break  # The decision falls on what there is.
            if trial.score is None:
                return None, spent, trial
            scores.append(trial.score)
            curve, errors = curve or trial.curve, errors or trial.errors
            pairs = zip(scores, floor.scores, strict=False)
            gain = fmean(self._metric.gain(own, base) for own, base in pairs) / floor.sd
            shown = Measurement(fmean(scores), gain, len(scores), curve, errors)
            lead = cut.lead(shown)
            is_close = abs(lead) <= CLOSE * cut.error(len(scores))
            if not is_close and (lead < 0 or rung < top or len(scores) >= CONFIRMED):
                break
            if is_close and spent < allowance:
                spent += self._train_again(cut)
        return shown, spent, None


class Cut(Protocol):
    """What a candidate has to pass at a rung."""

    @property
    def is_hopeless_far_below(self) -> bool:
        """Whether a training may be ended that makes next to no progress beside the baseline."""
        ...

    def lead(self, shown: Measurement) -> float:
        """How far a measurement lies above it, in noise standard deviations."""
        ...

    def error(self, seeds: int) -> float:
        """The standard error of a lead over so many seeds."""
        ...


@dataclass(frozen=True, slots=True)
class PairedCut:
    """A gain over the baseline, seed by seed."""

    gain: float
    is_hopeless_far_below: ClassVar[bool] = True

    def lead(self, shown: Measurement) -> float:
        """See `Cut.lead`."""
        return (shown.gain or 0.0) - self.gain

    def error(self, seeds: int) -> float:
        """See `Cut.error`; each paired difference has the noise of two trainings."""
        return sqrt(2 / seeds)


@dataclass(slots=True)
class ParentCut:
    """The gain of a parent. Whatever became a parent may have been lucky: where it is close, it is
    given more seeds, as its child is."""

    parent: Candidate
    rung: int
    gain: float
    seeds: int
    lock: Lock = field(default_factory=Lock)
    is_hopeless_far_below: ClassVar[bool] = True

    def lead(self, shown: Measurement) -> float:
        """See `Cut.lead`."""
        return (shown.gain or 0.0) - self.gain

    def error(self, seeds: int) -> float:
        """See `Cut.error`; the baseline's noise is in both gains, and goes out."""
        return sqrt(1 / seeds + 1 / max(1, self.seeds))

    def add(self, gain: float) -> None:
        """Take in the gain on another seed."""
        self.gain = (self.gain * self.seeds + gain) / (self.seeds + 1)
        self.seeds += 1


@dataclass(frozen=True, slots=True)
class ScoreCut:
    """A score, however far below the best or the baseline it lies."""

    metric: Metric
    score: float
    sd: float
    is_hopeless_far_below: ClassVar[bool] = False

    def lead(self, shown: Measurement) -> float:
        """See `Cut.lead`."""
        return self.metric.gain(shown.score, self.score) / self.sd

    def error(self, seeds: int) -> float:
        """See `Cut.error`."""
        return sqrt(1 / seeds)


def _gain_to_pass(rivals: Sequence[float], places: Callable[[int], int]) -> float:
    """The gain of the last rival that would pass; with too few of them, the baseline's."""
    wanted = places(len(rivals))
    if len(rivals) < wanted:
        return 0.0
    return sorted(rivals, reverse=True)[wanted - 1]


def _end(candidate: Candidate) -> CandidateStatus:
    """How a candidate stands that no fault ended."""
    promoted = len(candidate.rungs) > 1
    return CandidateStatus.PROMOTED if promoted else CandidateStatus.TRAINED


def _measured(candidate: Candidate) -> CandidateStatus:
    """How a candidate stands whose next training measured nothing."""
    return _end(candidate) if candidate.rungs else CandidateStatus.UNMEASURED


def _failure(candidate: Candidate, trial: Trial | None) -> tuple[CandidateStatus, str]:
    assert trial is not None
    if trial.unmeasured:
        # What the lower rungs showed stands; without any, nothing is known of it.
        return _measured(candidate), f"it {trial.unmeasured} at {trial.steps} steps: {trial.error}"
    if trial.status is Status.KILLED:
        return CandidateStatus.TRAINED, trial.error
    return CandidateStatus.CRASHED, f"{trial.status}: {trial.error}"
