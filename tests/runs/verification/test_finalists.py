"""The play-off: who becomes a finalist, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from parts import Parts, enter

from archwright.core import CandidateStatus, Resources, Status, Trial, TrialSpec
from archwright.runs.verification.finalists import choose_finalists, playoff_trainings


@dataclass
class Simulated:
    """Trains by a table: what each candidate scores, by seed where a list is given."""

    scores: Mapping[str, Any]
    asked: list[tuple[str, int]] = field(default_factory=list)

    def train(self, spec: TrialSpec) -> Trial:
        id_, known = spec.candidate.id, self.scores[spec.candidate.id]
        self.asked.append((id_, spec.seed))
        score = known[spec.seed % len(known)] if isinstance(known, list) else known
        status = Status.CRASHED if score is None else Status.OK
        return Trial(
            id_, spec.purpose, spec.rung, 45, spec.seed, status=status, score=score,
            resources=Resources(seconds=float(spec.candidate.number)),
        )  # fmt: skip


def play(parts: Parts, scores: Mapping[str, Any]) -> Simulated:
    """Enter a candidate for each, trained at the top once, and let the table train from now on."""
    for id_ in scores:
        enter(parts, id_, gain=1.0, status=CandidateStatus.TRAINED)
    trainer = Simulated(scores)
    parts.context.trainer = trainer  # type: ignore[assignment]
    return trainer


def test_the_lucky_fall_behind_as_seeds_are_added(parts: Parts) -> None:
    lucky = [99.0, *[66.0] * 9]
    trainer = play(parts, {"1": lucky, **{str(n): 74.0 + n / 10 for n in range(2, 8)}})
    finalists, spent = choose_finalists(parts.context, 2, None)
    assert [f.candidate.id for f in finalists] == ["7", "6"]
    assert all(len(f.gains) == 7 for f in finalists)
    assert spent == len(trainer.asked) - 7, "one of each was known"
    assert max(seed for id_, seed in trainer.asked if id_ == "1") < 6


def test_it_is_no_longer_than_it_may_be(parts: Parts) -> None:
    trainer = play(parts, {str(n): 74.0 + n for n in range(1, 5)})
    _, spent = choose_finalists(parts.context, 1, 3)
    assert spent == 3
    assert len(trainer.asked) == 4 + 3


def test_of_those_that_are_no_better_than_the_baseline_none_is_taken(parts: Parts) -> None:
    play(parts, {"1": 65.0, "2": 60.0})
    finalists, _ = choose_finalists(parts.context, 3, None)
    assert finalists == []


def test_what_measured_nothing_counts_for_nothing(parts: Parts) -> None:
    play(parts, {"1": [80.0, *[None] * 9], "2": 78.0, "3": None})
    finalists, _ = choose_finalists(parts.context, 3, None)
    assert [f.candidate.id for f in finalists] == ["2", "1"]
    assert len(finalists[0].gains) == 7 > len(finalists[1].gains)


def test_controls_and_what_is_settled_stay_out(parts: Parts) -> None:
    play(parts, {"1": 75.0, "2": 76.0})
    enter(parts, "3", gain=5.0, status=CandidateStatus.TRAINED, operator="control")
    finalists, _ = choose_finalists(parts.context, 3, None, settled={"2"})
    assert [f.candidate.id for f in finalists] == ["1"]


def test_what_takes_longest_is_begun_first(parts: Parts) -> None:
    trainer = play(parts, {str(n): 75.0 for n in range(1, 4)})
    choose_finalists(parts.context, 1, None)
    first = [id_ for id_, _ in trainer.asked[3:5]]
    assert first == ["3", "3"]


@pytest.mark.parametrize(("count", "trainings"), [(1, 5 + 6 + 4), (3, 15 + 18 + 12)])
def test_what_it_takes_as_a_rule_is_known_beforehand(count: int, trainings: int) -> None:
    assert playoff_trainings(count) == trainings
