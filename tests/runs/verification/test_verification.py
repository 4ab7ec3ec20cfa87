"""Verification as a whole, on trainings that are drawn around a known truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from archwright.benchmarks.search.simulation import BASE, SPEC
from archwright.core import (
    BASELINE,
    Candidate,
    CandidateStatus,
    Floor,
    Measurement,
    SplitScores,
    Status,
    Trial,
    TrialSpec,
    Verdict,
)
from archwright.core.settings import RunSettings
from archwright.runs.context import RunContext
from archwright.runs.journal import Journal
from archwright.runs.verification import Account, Verification, fresh_seed, rounds_so_far
from archwright.runs.verification.statistics import ALPHA
from archwright.runs.workspace.paths import RunPaths
from archwright.sandbox.in_process import InProcessSandbox

TOP = len(SPEC.rungs) - 1
SETTINGS = RunSettings(workers=1, screen_seeds=4, deciding_seeds=6, finalists=3)


@dataclass
class DrawnTrainer:
    """Scores around `gains` by candidate, with a noise of 1; around `test` on the sealed split."""

    gains: Mapping[str, float]
    test: Mapping[str, float] = field(default_factory=dict)
    lost: Mapping[str, Status] = field(default_factory=dict)
    """Whose trainings on fresh seeds measure nothing, on the second of them and on the last."""
    trained: list[tuple[str, int]] = field(default_factory=list)
    sealed_split: str = "the split"

    def train(self, spec: TrialSpec) -> Trial:
        id_ = spec.candidate.id
        asked = (id_, spec.purpose, spec.rung, SPEC.rungs[spec.rung], spec.seed)
        lost = self.lost.get(id_) if spec.seed in (fresh_seed(0, 1), fresh_seed(0, 3)) else None
        if lost is not None:
            return Trial(*asked, status=lost, error="it took too long")
        score = 90.0 + self.gains.get(id_, 0.0) + self._noise(id_, spec.seed)
        return Trial(*asked, status=Status.OK, score=score)

    def train_sealed(self, spec: TrialSpec) -> Trial:
        self.trained.append((spec.candidate.id, spec.seed))
        return self.train(spec)

    def open_sealed(self, spec: TrialSpec) -> SplitScores:
        id_ = spec.candidate.id
        gain = self.test.get(id_, self.gains.get(id_, 0.0))
        return SplitScores(90.0 + gain + self._noise(id_, spec.seed, 1) + np.zeros(50))

    def _noise(self, *parts: object) -> float:
        seed = [ord(c) for c in "/".join(map(str, parts))]
        return float(np.random.default_rng(seed).normal())


@dataclass
class Scene:
    """A run with candidates at the top rung, whose verification can be played."""

    context: RunContext
    account: Account

    def enter(self, id_: str, gain: float, **more: object) -> None:
        entered = Candidate(
            id_, f"idea {id_}", sequence=1000 * int(id_), operator="draw", parameters=10,
            rungs={TOP: Measurement(90.0 + gain, gain, 2)}, status=CandidateStatus.TRAINED,
        )  # fmt: skip
        entered = replace(entered, **more)  # type: ignore[arg-type]
        self.context.journal.propose(entered)
        self.context.journal.update(entered)

    def verify(
        self, trainer: DrawnTrainer, allowance: int | None = None, round_: int = 0
    ) -> dict[str, Verdict]:
        self.context.trainer = trainer
        found = Verification(self.context, self.account, allowance, round_).verify(3)
        return {verdict.candidate: verdict for verdict in found}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    floors = [Floor(steps, 90.0, 1.0, (89.0, 90.0, 91.0, 90.0), 10) for steps in SPEC.rungs]
    folder = tmp_path / "run"
    folder.mkdir()
    with Journal.create(RunPaths(folder), {"settings": SETTINGS.to_json()}) as journal:
        trainer = DrawnTrainer({})
        context = RunContext(SPEC, SETTINGS, journal, InProcessSandbox(), trainer, BASE, floors)
        yield Scene(context, Account(tmp_path / "looks.json"))


def test_the_best_is_found_and_one_look_is_paid(scene: Scene) -> None:
    gains = {"1": 0.0, "2": 5.0, "3": -1.0, "4": 0.2}
    for id_, gain in gains.items():
        scene.enter(id_, gain)
    trainer = DrawnTrainer(gains)
    verdicts = scene.verify(trainer)
    assert [i for i, v in verdicts.items() if v.verdict == "discovery"] == ["2"]
    found = verdicts["2"]
    assert (found.look, found.seeds) == (1, 6)
    assert found.level == pytest.approx(ALPHA / 2)
    (look,) = scene.account.looks("the split")
    assert (look.run, look.discoveries) == ("run", 1)
    assert rounds_so_far(scene.context.journal) == 1


def test_what_decides_was_seen_by_no_choice(scene: Scene) -> None:
    scene.enter("1", 5.0)
    trainer = DrawnTrainer({"1": 5.0})
    found = scene.verify(trainer)["1"]
    screened = {fresh_seed(0, n) for n in range(SETTINGS.screen_seeds)}
    own = {seed for id_, seed in trainer.trained if id_ == "1"}
    assert {s for i, s in trainer.trained if i == BASELINE} == own
    assert len(own - screened) == SETTINGS.deciding_seeds == found.seeds == len(found.own_scores)


def test_a_gain_of_validation_alone_is_none(scene: Scene) -> None:
    scene.enter("1", 5.0)
    verdict = scene.verify(DrawnTrainer({"1": 5.0}, test={"1": -1.0}))["1"]
    assert verdict.verdict == "no gain"
    assert verdict.validation_gain is not None
    assert verdict.validation_gain > 2.0
    assert [look.discoveries for look in scene.account.looks()] == [0]


def test_with_nothing_to_find_the_split_stays_sealed(scene: Scene) -> None:
    for id_ in "1234":
        scene.enter(id_, 1.0)  # it looked better than it is
    verdicts = scene.verify(DrawnTrainer(dict.fromkeys("1234", -3.0)))
    assert not any(v.verdict == "discovery" for v in verdicts.values())
    assert scene.account.looks() == []


@pytest.mark.parametrize("whose", ["1", BASELINE])
def test_trainings_that_measured_nothing_leave_it_undecided(scene: Scene, whose: str) -> None:
    scene.enter("1", 5.0)
    lost = {whose: Status.TIMEOUT}
    verdict = scene.verify(DrawnTrainer({"1": 5.0}, lost=lost))["1"]
    assert (verdict.verdict, verdict.gain) == ("undecided", None)
    assert "timed out on 2 of 4 fresh seeds" in verdict.reason
    assert scene.account.looks() == []


def test_the_play_off_goes_on_without_what_measured_nothing(scene: Scene) -> None:
    for id_ in "12":
        scene.enter(id_, 5.0)

    class Busy(DrawnTrainer):
        def train(self, spec: TrialSpec) -> Trial:
            trial = super().train(spec)
            busy = spec.candidate.id == "1" and 2 <= spec.seed < 1000
            return replace(trial, status=Status.TIMEOUT, score=None) if busy else trial

    assert set(scene.verify(Busy({"1": 5.0, "2": 5.0}))) == {"1", "2"}


def test_an_allowance_is_kept_and_decides_on_fewer_seeds(scene: Scene) -> None:
    scene.enter("1", 5.0)
    trainer = DrawnTrainer({"1": 5.0})
    verdict = scene.verify(trainer, allowance=24)["1"]
    assert verdict.verdict == "discovery"
    assert 4 <= verdict.seeds <= 6
    assert len(trainer.trained) <= 24

    few = DrawnTrainer({"1": 5.0})
    verdict = scene.verify(few, allowance=14, round_=1)["1"]
    assert verdict.verdict == "undecided"
    assert "too few trainings were left to decide" in verdict.reason
    assert "`archwright verify`" in verdict.needs


def test_the_screen_takes_fewer_seeds_where_else_nothing_were_decided(scene: Scene) -> None:
    scene.enter("1", 5.0)
    trainer = DrawnTrainer({"1": 5.0})
    verdict = scene.verify(trainer, allowance=18)["1"]
    assert (verdict.verdict, verdict.seeds) == ("discovery", 4)
    seeds = {seed - fresh_seed(0) for _, seed in trainer.trained}
    assert seeds == {0, 1, 2, 4, 5, 6, 7}, "those that decide screen nothing"


def test_a_later_round_has_seeds_and_a_look_of_its_own(scene: Scene) -> None:
    scene.enter("1", 5.0)
    first, second = DrawnTrainer({"1": 5.0}), DrawnTrainer({"1": 5.0})
    scene.verify(first)
    again = scene.verify(second, round_=1)["1"]
    assert not set(first.trained) & set(second.trained)
    assert (again.round, again.look) == (1, 2)
    assert again.level == pytest.approx(2 * ALPHA / 6)
    # The same round, gone on with, pays nothing more and says the same.
    assert scene.verify(DrawnTrainer({"1": 5.0}), round_=1)["1"] == again
    assert len(scene.account.looks()) == 2


def test_a_recipe_of_its_own_is_compared_with_the_baseline_in_it(scene: Scene) -> None:
    recipe = replace(BASE.recipe, learning_rate=0.02)
    scene.enter("1", 5.0, recipe=recipe)
    control = f"{BASELINE}-recipe-of-1"
    verdict = scene.verify(DrawnTrainer({"1": 5.0, control: 5.5}))["1"]
    assert verdict.verdict != "discovery"
    assert {c.kind for c in verdict.comparisons} == {"baseline", "recipe"}
