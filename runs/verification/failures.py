"""What trainings that gave no score mean for a verdict: a fault of the finalist, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from archwright.core import Candidate, Status, Trial

UNMEASURED: Final = {
    Status.TIMEOUT: "timed out",
    Status.KILLED: "was killed",
    Status.OUT_OF_MEMORY: "ran out of memory",
    Status.NOT_BEGUN: "had no time left",
}
"""Ends of a training that say nothing of the architecture."""

Failure = tuple[Literal["no gain", "undecided"], str]
"""A verdict and its reason."""


def failure(who: Sequence[Candidate], trials: Sequence[Sequence[Trial]]) -> Failure | None:
    """What a finalist and its controls are judged by where some of their trainings gave no score.

    A finalist that fails by a fault of its own has no gain; where a control fails, or where a
    training measured nothing, the verdict is undecided.

    Args:
        who: the finalist, then its controls.
        trials: of each, in their order.
    """
    for place, (candidate, row) in enumerate(zip(who, trials, strict=True)):
        name = "it" if place == 0 else candidate.title
        lost = [t for t in row if t.score is None]
        unmeasured = Counter(t.status for t in lost if t.status in UNMEASURED)
        if unmeasured:
            words = " and ".join(
                f"{UNMEASURED[status]} on {count} of {len(row)} fresh seeds"
                for status, count in unmeasured.items()
                if status is not None
            )
            return "undecided", f"{name} {words}: what was not measured decides nothing"
        if lost:
            words = f"{name} failed to train on {len(lost)} of {len(row)} fresh seeds"
            verdict: Literal["no gain", "undecided"] = "no gain" if place == 0 else "undecided"
            return verdict, f"{words} ({lost[0].status}: {lost[0].error})"
    return None
