"""Climbing: halving, paired seeds, seeds where it is close, and an early end for the hopeless."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from archwright.core import (
    METRICS,
    CandidateStatus,
    Floor,
    Problem,
    Recipe,
    Status,
    TaskSpec,
    Trial,
)
from archwright.core.settings import RunSettings
from archwright.runs.halving import Ascent, Climb, Climber, Rung
from archwright.runs.ledger import Tried
from archwright.runs.loop import rivals_at
from archwright.runs.trainer import TrialRequest

SPEC = TaskSpec(
    name="made up",
    summary="",
    metric=METRICS["accuracy"],
    problem=Problem("Model", (1,), (2,), "cross_entropy", max_params=10),
    rungs=(10, 30),
    recipe=Recipe(),
    contract="",
    baseline="",
    folder=Path(),
)
FLOORS = [
    Floor(10, 80.0, 1.0, (80.0, 81.0, 79.0), 10, ceiling=(5, 1.0)),
    Floor(30, 90.0, 1.0, (90.0, 92.0, 88.0, 90.0, 90.0), 10),
]


class Scripted:
    """Scores by (rung, seed); a missing one is a failure of the given status."""

    def __init__(self, scores: dict[tuple[int, int], float], status: Status) -> None:
        self.scores, self.status = scores, status
        self.requests: list[TrialRequest] = []

    def train(self, request: TrialRequest) -> Trial:
        self.requests.append(request)
        score = self.scores.get((request.rung, request.seed))
        if score is None:
            return Trial(self.status, None, (), {}, "why")
        return Trial(Status.OK, score, ((10, 0.5),), {}, "")


def _climb(
    scores: dict[tuple[int, int], float],
    rivals: tuple[float, ...] = (),
    allowance: int = 9,
    status: Status = Status.CRASHED,
    first: int = 0,
    **settings: int,
) -> tuple[Ascent, Scripted]:
    trainer = Scripted(scores, status)
    reached: list[tuple[int, Rung]] = []
    ascent = Climb(SPEC, RunSettings(**settings), trainer, FLOORS).climb(
        Climber("1", "t", "", Recipe(), 1),
        allowance,
        lambda _: rivals,
        lambda rung, shown: reached.append((rung, shown)),
        first,
    )
    assert dict(reached) == ascent.rungs
    return ascent, trainer


def test_a_clear_gain_climbs_on_one_seed() -> None:
    ascent, trainer = _climb({(0, 0): 90.0, (1, 0): 99.0})
    assert ascent.end is CandidateStatus.PROMOTED
    assert [(r.rung, r.seed) for r in trainer.requests] == [(0, 0), (1, 0)]
    assert [r.gain for r in ascent.rungs.values()] == [10.0, 9.0]


def test_it_starts_at_the_rung_that_it_is_given() -> None:
    ascent, trainer = _climb({(1, 0): 99.0}, first=1)
    assert [(r.rung, r.seed) for r in trainer.requests] == [(1, 0)]
    assert {rung: shown.gain for rung, shown in ascent.rungs.items()} == {1: 9.0}
    assert ascent.end is CandidateStatus.TRAINED


def test_a_clear_loss_stops_on_one_seed() -> None:
    ascent, trainer = _climb({(0, 0): 70.0})
    assert ascent.end is CandidateStatus.TRAINED
    assert len(trainer.requests) == ascent.trials == 1


def test_a_close_decision_gets_a_second_seed_paired_with_the_baselines() -> None:
    ascent, trainer = _climb({(0, 0): 80.5, (0, 1): 90.0, (1, 0): 70.0})
    assert [(r.rung, r.seed) for r in trainer.requests] == [(0, 0), (0, 1), (1, 0)]
    first = ascent.rungs[0]
    assert first.score == pytest.approx(85.25)
    assert first.gain == pytest.approx(((80.5 - 80.0) + (90.0 - 81.0)) / 2)
    assert first.seeds == 2


@pytest.mark.parametrize(("score", "climbs"), [(95.0, True), (85.0, False)])
def test_the_top_third_of_the_rivals_climbs(score: float, climbs: bool) -> None:
    ascent, _ = _climb(
        {(0, 0): score, (1, 0): 95.0}, rivals=(0.0, 2.0, 8.0, 11.0, 12.0, 1.0), search_seeds=1
    )
    assert (ascent.end is CandidateStatus.PROMOTED) == climbs


def test_the_allowance_is_never_passed() -> None:
    ascent, trainer = _climb({(0, 0): 80.5, (0, 1): 90.0, (1, 0): 95.0}, allowance=2)
    assert len(trainer.requests) == ascent.trials == 2
    assert len(ascent.rungs) == 1


def test_a_crash_ends_it_and_counts() -> None:
    ascent, _ = _climb({(0, 0): 90.0})
    assert ascent.end is CandidateStatus.CRASHED
    assert ascent.reason == "crashed: why"
    assert ascent.trials == 2
    assert len(ascent.rungs) == 1


def test_what_was_stopped_early_is_no_crash() -> None:
    ascent, trainer = _climb({}, status=Status.KILLED)
    assert (ascent.end, ascent.reason) == (CandidateStatus.TRAINED, "why")
    assert trainer.requests[0].ceiling == (5, 1.0)


def _tried(id_: str, parents: tuple[str, ...], *gains: float) -> Tried:
    rungs = {n: Rung(0.0, g, 1, ()) for n, g in enumerate(gains)}
    return Tried(id_, "", "", "", parents, 0, rungs, 0)


def test_drafts_are_compared_with_drafts_and_variations_with_their_parent() -> None:
    tried = [
        *(_tried("1", (), 1.0, 2.0, 3.0), _tried("2", (), 4.0), _tried("3", ())),
        *(_tried("4", ("1",), 5.0, 6.0, 7.0), _tried("5", ("2",), 8.0, 9.0)),
    ]
    assert rivals_at(0, 2, (), tried) == [1.0, 4.0]
    assert rivals_at(1, 2, (), tried) == [2.0]
    assert rivals_at(0, 2, ("4", "1"), tried) == [5.0]
    # The second parent does not count, nor does a first one that did not climb from the rung.
    assert rivals_at(1, 2, ("5", "4"), tried) == [2.0, 6.0, 9.0]
    assert rivals_at(0, 2, ("baseline",), tried) == [1.0, 4.0, 5.0, 8.0]
    assert rivals_at(2, 2, (), tried) == rivals_at(2, 2, ("1",), tried) == [3.0, 7.0]
    # What started higher has shown nothing below.
    higher = replace(tried[0], id="6", rungs={1: Rung(0.0, 10.0, 1, ())})
    assert rivals_at(0, 2, (), [*tried, higher]) == [1.0, 4.0]
    assert rivals_at(1, 2, (), [*tried, higher]) == [2.0, 10.0]
