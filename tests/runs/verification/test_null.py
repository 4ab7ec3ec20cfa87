"""With nothing to find, nothing is found: the baseline under other names, trained for real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from model_runs import SMALL, proposals, scripted

from archwright.core import Candidate, CandidateStatus, Measurement, TrialSpec
from archwright.core.settings import RunSettings
from archwright.runs.context import RunContext, baseline_of
from archwright.runs.journal import Journal
from archwright.runs.noise import measure_noise
from archwright.runs.phases import discover as conduct
from archwright.runs.session import carry_out
from archwright.runs.starting import begin, task_of
from archwright.runs.training.trainer import Trainer
from archwright.runs.verification import Account, Verification
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.process import ProcessSandbox
from archwright.tasks.loading import load_task

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")


def test_the_baseline_renamed_is_known_and_not_even_trained(workspace: Path) -> None:
    task = load_task("digits")

    def renamed(baseline: str, number: int) -> str:
        name = NAMES[number % len(NAMES)]
        return baseline.replace("features", name).replace("hidden", f"{name}_width")

    place = Workspace.open(workspace)
    settings = RunSettings(**SMALL).changed(max_trials=12, workers=2, repairs=0)
    paths = begin(place, task, settings, "digits")
    backend, sandbox = scripted(researcher=proposals(renamed)), ProcessSandbox(2)
    snapshot = carry_out(place, task_of(paths), paths, conduct, backend=backend, sandbox=sandbox)

    assert {c.status for c in snapshot.candidates} == {"duplicate"}
    assert snapshot.verdicts == ()


def _twin(baseline: Candidate, number: int) -> Candidate:
    """The baseline with other initial weights: random numbers are drawn before them."""
    source = baseline.source.replace(
        "super().__init__()", f"super().__init__()\n        nn.Linear({number}, 1)", 1
    )
    return replace(baseline, id=str(number), title=str(number), source=source, operator="twin")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spirals", pytest.param("digits", marks=pytest.mark.nightly)])
def test_twins_of_the_baseline_are_no_discoveries(name: str, spirals: Path, tmp_path: Path) -> None:
    task, paths = load_task(spirals if name == "spirals" else name), RunPaths(tmp_path / "run")
    settings = RunSettings(workers=2, finalists=2)
    facts = {"settings": settings.to_json()}
    with ProcessSandbox(2) as sandbox, Journal.create(paths, facts) as journal:
        trainer, baseline = Trainer(task, sandbox, journal), baseline_of(task.spec)
        size = sandbox.check(baseline.source, task.spec.problem).parameters
        baseline = replace(baseline, parameters=size)
        context = RunContext(task.spec, settings, journal, sandbox, trainer, baseline)
        context.floors = measure_noise(context)
        for number in range(1, 7):
            _measure(context, replace(_twin(baseline, number), sequence=number * 1000))
        # Gains over one seed are luck: some twins enter, and none may pass.
        verdicts = Verification(context, Account(tmp_path / "looks.json")).verify(2)

    assert "discovery" not in {v.verdict for v in verdicts}


def _measure(context: RunContext, twin: Candidate) -> None:
    """Enter a candidate that was trained with one seed at the top rung."""
    context.journal.propose(twin)
    score = context.trainer.train(TrialSpec(twin, context.top, 0)).score
    assert score is not None
    floor = context.floors[-1]
    gain = context.metric.gain(score, floor.scores[0]) / floor.sd
    shown = {context.top: Measurement(score, gain, 1)}
    context.journal.update(replace(twin, rungs=shown).ended(CandidateStatus.TRAINED))
