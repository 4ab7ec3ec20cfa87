"""The legs of a run: it searches, then verifies; and does both again with what is left, or with
what it was given later. The journal holds how each leg went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from archwright.core import Verdict
from archwright.runs.budget.allocation import Grants
from archwright.runs.journal import Journal

LEG = "leg"
ROUND = "round"


@dataclass(frozen=True, slots=True)
class Leg:
    """How the search of a leg ended, and what verification was to do then."""

    candidates: int
    """The number of its last candidate."""
    trials: int | None = None
    """Trainings that verification may use, None without a limit."""
    finalists: int = 0
    """Candidates that it verifies, at most."""
    round: int | None = None
    """The round of verification that ends it, None where there was nothing to verify."""


def read_legs(journal: Journal) -> list[Leg]:
    """The legs whose search has ended, in order."""
    steps = sorted(journal.steps(LEG), key=lambda step: int(step.key))
    return [Leg(**step.result) for step in steps]


def record_leg(journal: Journal, number: int, leg: Callable[[], Leg]) -> Leg:
    """Settle how a leg's search ended, once: a resumed run verifies what it began to."""
    return Leg(**journal.once(LEG, str(number), "", {}, lambda: asdict(leg())))


def close_round(journal: Journal, round_: int, searched: int, floor: int) -> None:
    """Note that a round of verification has ended, and what all of them used so far.

    Args:
        searched: trainings that the search used on all candidates of the run.
        floor: trainings of the noise floor.
    """
    used = journal.spend().trials - floor - searched
    journal.once(ROUND, str(round_), "", {}, lambda: {"trials": max(0, used)})


def is_closed(journal: Journal, round_: int) -> bool:
    """Whether a round of verification has ended."""
    return journal.step(ROUND, str(round_)) is not None


def used_by_verification(journal: Journal) -> int:
    """Trainings that the rounds that have ended used in all."""
    last = journal.last_step(ROUND)
    return int(last.result["trials"]) if last else 0


def next_round(journal: Journal) -> int:
    """The number of the round of verification after those that have ended."""
    last = journal.last_step(ROUND)
    return int(last.key) + 1 if last else 0


def close_search(journal: Journal, round_: int) -> None:
    """Note that a verification that was asked for ended the search, where that had not ended."""
    legs = read_legs(journal)
    granted = len(Grants(journal))
    if granted > (legs[-1].candidates if legs else -1):
        record_leg(journal, len(legs), lambda: Leg(granted, round=round_))


def undecided(verdicts: Sequence[Verdict], unverified: Sequence[str]) -> list[str]:
    """Finalists that more trainings might decide."""
    return [*(v.candidate for v in verdicts if v.verdict == "undecided"), *unverified]
