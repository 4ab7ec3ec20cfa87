"""Time: what a training takes, what fits, and a noise floor that is measured beside the search."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from parts import Parts, put_together

from archwright.core import Candidate, CandidateStatus, Floor, RunError, Status, Trial, TrialSpec
from archwright.runs.budget.pace import NO_TIME, Pace, TimedTrainer, is_out_of_time
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.noise import measuring
from archwright.runs.training.trainer import Trainer

HOURS = 0.01
"""36 seconds."""


@pytest.fixture
def timed(spirals: Path, workspace: Path) -> Iterator[Parts]:
    """The parts of a run of 36 seconds on one worker."""
    made = put_together(workspace, spirals, hours=HOURS, max_trials=None)
    with made.knowledge, made.journal:
        yield made


def _took(parts: Parts, steps: int, *seconds: float, status: str = "ok") -> None:
    """As if trainings of so many steps had taken so long."""
    done = len(parts.journal.trials())
    for number, value in enumerate(seconds, done):
        asked = {"candidate": "7", "title": "", "purpose": "search", "rung": 0, "steps": steps}
        result = {"status": status, "score": 1.0, "resources": {"seconds": value}}
        parts.journal.once(
            "trial", f"7/{number}", "7", {**asked, "seed": number}, lambda r=result: r
        )


def _pace(parts: Parts) -> Pace:
    return Pace(parts.journal, parts.context.settings)


def _trainer(parts: Parts) -> TimedTrainer:
    trainer = parts.context.trainer
    assert isinstance(trainer, Trainer)
    return TimedTrainer(trainer, _pace(parts), workers=1)


def test_a_training_takes_what_its_like_took(timed: Parts) -> None:
    assert _pace(timed).seconds(45) == 0.0, "nobody knows yet"
    _took(timed, 15, 2.0, 4.0)
    assert _pace(timed).seconds(15) == pytest.approx(3.0)
    assert _pace(timed).seconds(45) == pytest.approx(9.0)
    _took(timed, 45, 5.0)
    _took(timed, 45, 0.1, 0.1, status="crashed")
    assert _pace(timed).seconds(45) == pytest.approx(5.0)
    assert _pace(timed).takes(6, 45) == pytest.approx(30.0)
    assert _pace(timed).worth(21.0, 45) == 4


def test_a_machine_that_has_become_busy_is_noticed(timed: Parts) -> None:
    _took(timed, 15, *([1.0] * 12))
    _took(timed, 15, *([4.0] * 12))
    # 2.5 on average, and the latest took 4.
    assert _pace(timed).seconds(15) == pytest.approx(4.0)


def test_what_would_pass_the_time_is_not_begun(timed: Parts) -> None:
    _took(timed, 45, 30.0)
    _took(timed, 15, 2.0)
    trainer, baseline = _trainer(timed), timed.context.baseline
    assert trainer.train(TrialSpec(baseline, 1, 0)).status is Status.OK
    _took(timed, 45, 500.0)
    refused = trainer.train(TrialSpec(baseline, 1, 1))
    assert (refused.status, refused.score, refused.error) == (Status.NOT_BEGUN, None, NO_TIME)
    assert timed.journal.running() == ()
    assert [t.seed for t in timed.journal.trials("baseline")] == [0], "nothing was spent"
    assert trainer.train(TrialSpec(baseline, 1, 0)).status is Status.OK, "it is in the journal"


def test_the_search_leaves_verification_its_time(timed: Parts) -> None:
    _took(timed, 15, 5.0)
    trainer, baseline = _trainer(timed), timed.context.baseline
    trainer.kept = lambda: 34.0
    assert trainer.train(TrialSpec(baseline, 0, 0)).status is Status.NOT_BEGUN
    trainer.kept = lambda: 0.0
    assert trainer.train(TrialSpec(baseline, 0, 0)).status is Status.OK


def test_without_a_limit_everything_is_begun(parts: Parts) -> None:
    _took(parts, 15, 1e6)
    assert _trainer(parts).train(TrialSpec(parts.context.baseline, 0, 0)).status is Status.OK


FLOORS = [Floor(15, 80.0, 1.0, (80.0, 80.0), 10), Floor(45, 90.0, 1.0, (90.0, 90.0), 10)]


class _Until:
    """Trains so many times, and has no time for more."""

    def __init__(self, trainings: int) -> None:
        self.left = trainings

    def train(self, spec: TrialSpec) -> Trial:
        asked = (spec.candidate.id, "search", spec.rung, FLOORS[spec.rung].steps, spec.seed)
        if self.left == 0:
            return Trial(*asked, status=Status.NOT_BEGUN, error=NO_TIME)
        self.left -= 1
        return Trial(*asked, status=Status.OK, score=95.0, curve=((10, 0.5),))


@pytest.mark.parametrize("trainings", [0, 1, 2])
def test_a_candidate_ends_with_what_there_was_time_for(parts: Parts, trainings: int) -> None:
    halving = SuccessiveHalving(
        parts.context.metric, parts.context.settings, _Until(trainings), FLOORS
    )
    ended = halving.run(Candidate("1", sequence=1000), 9, lambda _: (), lambda _: None)
    assert ended.trials == len(ended.rungs) == trainings
    assert is_out_of_time(ended) == (trainings == 0)
    assert ended.reason == ("" if trainings == 2 else NO_TIME)
    status = (CandidateStatus.UNMEASURED, CandidateStatus.TRAINED, CandidateStatus.PROMOTED)
    assert ended.status is status[trainings]


# --- the noise floor ------------------------------------------------------------------------------


class _Held:
    """Trains the lower rung at once, and the upper one when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.begun: list[tuple[int, int]] = []

    def train(self, spec: TrialSpec) -> Trial:
        self.begun.append((spec.rung, spec.seed))
        if spec.rung:
            assert self.let.wait(30)
        score = 10.0 * spec.rung + spec.seed
        asked = (spec.candidate.id, spec.purpose, spec.rung, FLOORS[spec.rung].steps, spec.seed)
        return Trial(*asked, status=Status.OK, score=score)

    def train_sealed(self, spec: TrialSpec) -> Trial:
        return self.train(spec)

    def open_sealed(self, spec: TrialSpec) -> Any:
        raise NotImplementedError


def test_a_rung_is_known_before_the_next_one_is_measured(parts: Parts) -> None:
    trainer = _Held()
    parts.context = replace(parts.context, trainer=trainer)
    with measuring(parts.context, (2, 3)) as floors:
        assert len(floors) == 2
        assert floors[0].scores == (0.0, 1.0)
        assert parts.journal.facts.noise == (), "not all of it is measured"
        trainer.let.set()
        assert floors[-1].scores == (10.0, 11.0, 12.0)
    assert parts.journal.facts.noise == tuple(floors)
    assert trainer.begun == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]


def test_a_floor_that_time_cuts_short_has_fewer_seeds(timed: Parts) -> None:
    timed.context = replace(timed.context, trainer=_Last(_Until(5)))
    with measuring(timed.context, (2, 5)) as floors:
        assert [len(floor.scores) for floor in floors] == [2, 3]


def test_time_that_does_not_measure_the_baseline_is_an_error(timed: Parts) -> None:
    timed.context = replace(timed.context, trainer=_Last(_Until(3)))
    with (
        pytest.raises(
            RunError, match=r"not measured at 45 steps: it had no time left .* --hours N"
        ),
        measuring(timed.context, (2, 5)) as floors,
    ):
        list(floors)


class _Last(_Held):
    """Trains as another does."""

    def __init__(self, other: _Until) -> None:
        super().__init__()
        self._other = other

    def train(self, spec: TrialSpec) -> Trial:
        return self._other.train(spec)
