"""A run whose aim is the least cost at a floor of quality: promotion, finalists, verdicts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from parts import enter, put_together
from whole_runs import Discover

from archwright.agents.roles import Prompts
from archwright.benchmarks.search.simulation import BASE, SPEC
from archwright.cli import main
from archwright.core import (
    BASELINE,
    METRICS,
    Aim,
    Candidate,
    CandidateStatus,
    Floor,
    InputError,
    Measurement,
    Reached,
    SplitScores,
    Status,
    Trial,
    TrialSpec,
    Verdict,
)
from archwright.core.settings import RunSettings
from archwright.runs.budget.plan import is_entrant
from archwright.runs.context import RunContext
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.journal import Journal
from archwright.runs.results.headline import verdict_words
from archwright.runs.results.observing import observe
from archwright.runs.results.page import write_page
from archwright.runs.results.wording import reached_words
from archwright.runs.starting import begin
from archwright.runs.steering import Choice, Move
from archwright.runs.verification import Account, Verification
from archwright.runs.verification.suspicion import suspect
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace, init
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task

TOP = len(SPEC.rungs) - 1
SETTINGS = RunSettings(
    workers=1, screen_seeds=4, deciding_seeds=6, finalists=3, objectives=("parameters",),
    at_least=90.0,
)  # fmt: skip
AIM = Aim("parameters", 90.0, METRICS["accuracy"])


# --- promotion ------------------------------------------------------------------------------------

FLOORS = (Floor(10, 80.0, 1.0, (80.0,) * 3, 9, (5, 1.0)), Floor(30, 95.0, 1.0, (95.0,) * 3, 9))


@dataclass
class Fixed:
    """The same score at a rung whatever the seed."""

    scores: Mapping[int, float]
    specs: list[TrialSpec] = field(default_factory=list)

    def train(self, spec: TrialSpec) -> Trial:
        self.specs.append(spec)
        asked = (spec.candidate.id, "search", spec.rung, 10, spec.seed)
        return Trial(*asked, status=Status.OK, score=self.scores[spec.rung])


def climb(scores: Mapping[int, float]) -> tuple[Candidate, Fixed]:
    trainer = Fixed(scores)
    halving = SuccessiveHalving(METRICS["accuracy"], RunSettings(), trainer, FLOORS)
    ended = halving.run(
        Candidate("1", sequence=1000), 9, lambda _: (99.0,), lambda _: None,
        needed={0: 60.0, 1: 90.0}.__getitem__,
    )  # fmt: skip
    return ended, trainer


def test_a_small_one_far_below_its_rivals_is_promoted_while_it_may_reach_the_floor() -> None:
    ended, trainer = climb({0: 63.0, 1: 94.0})
    assert ended.status is CandidateStatus.PROMOTED
    seen = [(s.rung, s.seed, s.ceiling) for s in trainer.specs]
    assert seen == [(0, 0, None), (1, 0, None), (1, 1, None)], "and confirmed there"
    assert ended.gain == -1.0


def test_one_that_cannot_reach_the_floor_stops_and_a_close_one_gets_more_seeds() -> None:
    ended, trainer = climb({0: 55.0})
    assert (ended.status, len(trainer.specs)) == (CandidateStatus.TRAINED, 1)
    # Half a standard deviation above it is within the error of three seeds.
    ended, trainer = climb({0: 70.0, 1: 90.5})
    assert [s.seed for s in trainer.specs if s.rung == 1] == [0, 1, 2]


def test_what_is_at_the_floor_is_kept_for_verification_however_far_below_the_baseline() -> None:
    low = Candidate(
        "1", rungs={1: Measurement(90.5, -4.5, 1)}, status=CandidateStatus.TRAINED
    )  # fmt: skip
    assert is_entrant(low, 1, AIM)
    assert not is_entrant(low, 1)
    assert not is_entrant(replace(low, rungs={1: Measurement(89.9, 3.0, 1)}), 1, AIM)


def test_a_model_is_told_the_aim_and_the_smallest_so_far(spirals: Path, workspace: Path) -> None:
    parts = put_together(workspace, spirals, objectives=("parameters",), at_least=65.0)
    small = enter(parts, "1", gain=-0.5, parameters=40)
    move = Move(Choice("draft", (), 0, target=30))
    question = parts.viewer().for_many(2, move, parts.campaign(small), "")
    assert "The baseline has 82 parameters and reaches that floor" in question.aim
    assert "The smallest at the floor so far is 1 with 40 parameters" in question.aim
    prompt = Prompts().render("researcher", question)
    assert question.aim in prompt
    assert "with 30 parameters at most" in prompt
    assert "top 1/" not in prompt


# --- verification ---------------------------------------------------------------------------------


@dataclass
class Drawn:
    """Scores around `means` by candidate, with a noise of 0.5; around `test` on the sealed
    split."""

    means: Mapping[str, float]
    test: Mapping[str, float] = field(default_factory=dict)
    trained: list[str] = field(default_factory=list)
    sealed_split: str = "the split"

    def train(self, spec: TrialSpec) -> Trial:
        id_ = spec.candidate.id
        self.trained.append(f"{id_}/{spec.purpose}")
        asked = (id_, spec.purpose, spec.rung, SPEC.rungs[spec.rung], spec.seed)
        score = self.means.get(id_, 70.0) + self._noise(id_, spec.seed)
        return Trial(*asked, status=Status.OK, score=score)

    def train_sealed(self, spec: TrialSpec) -> Trial:
        return self.train(spec)

    def open_sealed(self, spec: TrialSpec) -> SplitScores:
        id_ = spec.candidate.id
        mean = self.test.get(id_, self.means.get(id_, 70.0))
        return SplitScores(mean + self._noise(id_, spec.seed, 1) + np.zeros(50))

    def _noise(self, *parts: object) -> float:
        seed = [ord(c) for c in "/".join(map(str, parts))]
        return 0.5 * float(np.random.default_rng(seed).normal())


@dataclass
class Aimed:
    """A run at a cost with candidates at the top rung."""

    context: RunContext
    account: Account

    def enter(self, id_: str, mean: float, parameters: int) -> None:
        entered = Candidate(
            id_, f"idea {id_}", sequence=1000 * int(id_), operator="draw", parameters=parameters,
            rungs={TOP: Measurement(mean, 0.0, 2)}, status=CandidateStatus.TRAINED,
        )  # fmt: skip
        self.context.journal.propose(entered)
        self.context.journal.update(entered)

    def verify(self, trainer: Drawn) -> dict[str, Verdict]:
        self.context.trainer = trainer
        return {v.candidate: v for v in Verification(self.context, self.account).verify(3)}


def aimed(folder: Path, baseline: float) -> Iterator[Aimed]:
    floors = [Floor(steps, baseline, 0.5, (baseline,) * 4, 1000) for steps in SPEC.rungs]
    folder.mkdir()
    base = replace(BASE, parameters=1000)
    with Journal.create(RunPaths(folder), {"settings": SETTINGS.to_json()}) as journal:
        trainer = Drawn({})
        context = RunContext(SPEC, SETTINGS, journal, InProcessSandbox(), trainer, base, floors)
        yield Aimed(context, Account(folder / "looks.json"))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Aimed]:
    yield from aimed(tmp_path / "run", 95.0)


@pytest.fixture
def low_scene(tmp_path: Path) -> Iterator[Aimed]:
    yield from aimed(tmp_path / "run", 80.0)


def test_the_smallest_that_is_clearly_at_the_floor_is_found(scene: Aimed) -> None:
    means = {"1": 96.0, "2": 92.0, "3": 92.0, "4": 85.0, "5": 97.0}
    for (id_, mean), size in zip(means.items(), (600, 300, 100, 20, 2000), strict=True):
        scene.enter(id_, mean, size)
    trainer = Drawn(means)
    verdicts = scene.verify(trainer)
    assert list(verdicts) == ["3", "2", "1"]  # the fourth is below the floor, the fifth larger
    found = verdicts["3"]
    assert found.verdict == "discovery"
    assert found.aim == Reached("parameters", 90.0, 100, 1000, baseline_meets=True)
    assert [c.kind for c in found.comparisons][:1] == ["floor"]
    assert found.comparisons[0].mean == 90.0
    assert found.effect == pytest.approx(2.0, abs=0.6)
    assert not any(t.startswith(f"{BASELINE}/") for t in trainer.trained)
    (look,) = scene.account.looks("the split")
    assert look.discoveries == sum(v.verdict == "discovery" for v in verdicts.values())
    assert Verdict.from_json(asdict(found)).aim == found.aim


def test_one_that_only_looked_as_if_it_were_at_the_floor_is_none(scene: Aimed) -> None:
    scene.enter("1", 91.0, 100)
    verdict = scene.verify(Drawn({"1": 90.0 - 3.0}))
    assert not any(v.verdict == "discovery" for v in verdict.values())
    assert scene.account.looks() == []


def test_the_sealed_split_decides(scene: Aimed) -> None:
    scene.enter("1", 92.0, 100)
    verdict = scene.verify(Drawn({"1": 92.0}, test={"1": 89.0}))["1"]
    assert (verdict.verdict, verdict.look) == ("no gain", 1)
    assert verdict.reason == "on the sealed test split it is below the floor"
    assert verdict_words(verdict) == "Not at the floor"


def test_with_a_baseline_below_the_floor_a_larger_one_is_a_find(low_scene: Aimed) -> None:
    low_scene.enter("1", 94.0, 5000)
    verdict = low_scene.verify(Drawn({"1": 94.0}))["1"]
    assert verdict.verdict == "discovery"
    assert verdict.aim == Reached("parameters", 90.0, 5000, 1000, baseline_meets=False)
    (first, *_) = reached_words(SPEC.metric, verdict)
    assert "is below the floor itself" in first
    assert "not a gain in quality" in first


def test_a_loss_above_the_baselines_is_no_suspicion_at_a_floor(scene: Aimed) -> None:
    scene.enter("1", 92.0, 100)
    verdict = scene.verify(Drawn({"1": 92.0}))["1"]
    floors = scene.context.floors
    assert not list(suspect(SPEC.metric, verdict, {}, (9.0, 1.0), (), floors))
    assert list(suspect(SPEC.metric, replace(verdict, aim=None), {}, (9.0, 1.0), (), floors))


# --- settings -------------------------------------------------------------------------------------


def test_a_cost_without_a_floor_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    workspace, task = init(tmp_path), load_task("digits")
    settings = RunSettings(objectives=("parameters",), max_trials=40)
    with pytest.raises(InputError, match="add --at-least SCORE"):
        begin(workspace, task, settings, "digits")
    assert not workspace.paths.runs.exists() or not list(workspace.paths.runs.iterdir())


def test_a_run_at_a_floor_says_how_small_it_got(
    spirals: Path, workspace: Path, discover: Discover, capsys: pytest.CaptureFixture[str]
) -> None:
    few = "[run]\nscreen_seeds = 2\ndeciding_seeds = 4\nfinalists = 1\nbaseline_seeds = 2\n"
    Workspace.open(workspace).paths.settings.write_text(few)
    result = discover(
        spirals, workspace, max_trials=18, seed=4, objectives=("parameters",), at_least=60.0
    )
    aim = result["aim"]
    assert aim is not None
    assert (aim["objective"], aim["floor"]) == ("parameters", 60.0)
    with Journal.open(find_run(Workspace.open(workspace), result["run"])) as journal:
        shown, page = observe(journal), write_page(journal, observe(journal), None)
        dropped = [c for c in shown.candidates if c.status is CandidateStatus.DROPPED]
    assert shown.baseline is not None
    assert aim["baseline"] == shown.baseline.parameters
    assert aim["baseline_meets"] == (shown.baseline.mean >= 60.0)
    assert all(c.reason.startswith("it has ") for c in dropped)
    smallest = next((c for c in shown.candidates if c.id == aim["candidate"]), None)
    assert aim["cost"] == (smallest and smallest.parameters)
    assert "the fewest parameters at 60 % or more" in page.read_text()
    assert main(["pareto", result["run"], "--workspace", str(workspace), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["aim"], document["objectives"]) == (aim, ["quality", "parameters"])
