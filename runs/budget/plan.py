"""How a budget of trainings is split between the baseline, the search and verification."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archwright.core import TRAINED_STATUSES, Aim, Candidate
from archwright.core.settings import LOWER_RUNG_SEEDS, RunSettings
from archwright.runs.budget.progress import EndedCandidates
from archwright.runs.verification import least_trainings, trainings_needed
from archwright.runs.verification.finalists import BENEFIT_OF_DOUBT

FLOOR_SHARE: Final = 1 / 8
"""Most of a budget that the noise floor takes, where two seeds at each rung take less."""
LEAST_SEEDS: Final = 2
"""One seed has no spread."""
RUNGS_SHARE: Final = 1 / 4
"""Where even two seeds at each rung would take more of a budget, the lowest rungs are left out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a budget of trainings is split. `search` is None when only time bounds the run and
    nobody knows yet how many trainings that is."""

    baseline: int
    search: int | None
    verification: int
    finalists: int
    seeds: tuple[int, ...] = ()
    """Of the baseline, by rung."""

    @classmethod
    def of(cls, settings: RunSettings, rungs: int, trials: int | None = None) -> Plan:
        """The split for a task with that many rungs.

        Args:
            trials: what the run's time is worth in trainings at the top rung, where it is known.
        """
        known = [n for n in (settings.max_trials, trials) if n is not None]
        total = min(known, default=None)
        seeds = floor_seeds(settings, rungs, total)
        if total is None:
            kept = trainings_needed(settings, settings.finalists)
            return cls(sum(seeds), None, kept, settings.finalists, seeds)
        finalists, kept = verified_by(settings, total)
        return cls(sum(seeds), max(0, total - sum(seeds) - kept), kept, finalists, seeds)


def floor_seeds(settings: RunSettings, rungs: int, trials: int | None) -> tuple[int, ...]:
    """Seeds of the baseline at each rung: all that are asked for, or what a small budget allows.

    Those of the lower rungs go first, down to two each.
    """
    seeds = [min(LOWER_RUNG_SEEDS, settings.baseline_seeds)] * (rungs - 1)
    seeds.append(settings.baseline_seeds)
    while trials is not None and sum(seeds) > FLOOR_SHARE * trials and max(seeds) > LEAST_SEEDS:
        lower = [r for r in range(rungs - 1) if seeds[r] > LEAST_SEEDS]
        seeds[lower[-1] if lower else -1] -= 1
    return tuple(seeds)


def affordable_rungs(settings: RunSettings, rungs: Sequence[int]) -> tuple[int, ...]:
    """The rungs of a task that a budget of trainings has room for, the highest always."""
    most = settings.max_trials
    count = len(rungs) if most is None else int(RUNGS_SHARE * most / LEAST_SEEDS)
    return tuple(rungs[-max(1, count) :])


def verified_by(settings: RunSettings, trials: int) -> tuple[int, int]:
    """How many finalists so many trainings verify beside a search, and the trainings for it.

    Verification gets at most half; where that is too little for one finalist, nothing is verified.
    """
    finalists = settings.finalists
    while finalists > 1 and least_trainings(settings, finalists) > trials // 2:
        finalists -= 1
    kept = min(trials // 2, trainings_needed(settings, finalists))
    if finalists == 0 or kept < least_trainings(settings, finalists):
        return 0, 0
    return finalists, kept


def is_entrant(candidate: Candidate, top: int, aim: Aim | None = None) -> bool:
    """Whether verification may take a candidate up: at the top rung it is hardly worse than the
    baseline, or better; where the aim is a cost, it is at the floor."""
    if aim is None:
        is_good = (candidate.gain or 0.0) > -BENEFIT_OF_DOUBT
    else:
        is_good = candidate.score is not None and aim.margin(candidate.score) >= 0
    return (
        candidate.rung == top
        and is_good
        and not candidate.is_control
        and candidate.status in TRAINED_STATUSES
    )


@dataclass(frozen=True, slots=True)
class Share:
    """What one leg of a run may spend: it searches, and then verifies what is new.

    Args:
        trials: trainings that are left to the leg, None where trainings do not bound the run.
        finalists: candidates that it verifies, at most; 0 where it verifies nothing.
        verification: trainings that are kept for that, at most.
        since: the number of the last candidate before the leg.
        waiting: finalists of earlier legs that are to be verified in this one.
    """

    settings: RunSettings
    trials: int | None
    finalists: int
    verification: int
    since: int = 0
    waiting: int = 0

    def to_verify(self, ended: EndedCandidates) -> int:
        """How many there are to verify, of those that have ended; at most the finalists."""
        found = int(ended.since(self.since).is_entrant.sum())
        return min(self.finalists, self.waiting + found)

    def kept(self, ended: EndedCandidates) -> int:
        """Trainings that stay with verification: as many as it needs for what was found by now, and
        before anything was found the least that verifies a finalist."""
        if finalists := self.to_verify(ended):
            return min(self.verification, trainings_needed(self.settings, finalists))
        return min(self.verification, least_trainings(self.settings, 1))

    def free(self, ended: EndedCandidates) -> int | None:
        """Trainings that the search may still use, those in flight not counted; None without a
        limit."""
        if self.trials is None:
            return None
        return self.trials - ended.since(self.since).used - self.kept(ended)


def shortfalls(
    plan: Plan, settings: RunSettings, budget: str, price: Callable[[int], str]
) -> Iterator[str]:
    """What a budget cannot do, one line each, with what it would take.

    Args:
        budget: as the user gave it, such as `60 trials`.
        price: so many trainings in the words of a budget, such as `120 trials`.
    """
    if settings.finalists == 0:
        return
    if plan.finalists == 0:
        yield (
            f"{budget} are too few to verify a finalist: no gain of "
            f"this run can become a discovery; {price(2 * least_trainings(settings, 1))} verify one"
        )
    elif plan.finalists < settings.finalists:
        needed = price(2 * least_trainings(settings, settings.finalists))
        yield (
            f"{budget} verify {plan.finalists} of {settings.finalists} finalists; "
            f"{needed} verify all"
        )
    if plan.seeds[-1] < settings.baseline_seeds:
        yield (
            f"{budget} measure the noise floor on {plan.seeds[-1]} seeds at the top rung, "
            f"not on {settings.baseline_seeds}"
        )
