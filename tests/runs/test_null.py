"""With nothing to find, nothing is found: the baseline under other names, trained for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archwright.agents.backends import Request
from archwright.agents.backends.scripted import ScriptedBackend
from archwright.agents.backends.symbolic import SymbolicBackend
from archwright.core import METRICS
from archwright.core.settings import RunSettings
from archwright.runs.conduct import Conductor
from archwright.runs.foreground import carry_out
from archwright.runs.journal import Journal
from archwright.runs.noise import measure_noise
from archwright.runs.starting import begin, task_of
from archwright.runs.trainer import Trainer, TrialRequest
from archwright.runs.verification.verification import Verification
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.process import ProcessSandbox
from archwright.tasks.loading import Task, load_task

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")


def test_the_baseline_renamed_is_known_and_not_even_trained(workspace: Path) -> None:
    task = load_task("digits")

    def code(request: Request) -> dict[str, Any]:
        name = NAMES[request.seed % len(NAMES)]
        source = task.spec.baseline.replace("features", name).replace("hidden", f"{name}_width")
        return {"source": source}

    place = Workspace.open(workspace)
    settings = RunSettings(max_trials=20, workers=2, patience=6, control=0.0)
    paths = begin(place, task, settings, "digits")
    backend = ScriptedBackend({"coder": code}, otherwise=SymbolicBackend())
    snapshot = carry_out(
        place, task_of(paths), paths, Conductor.conduct, backend=backend, sandbox=ProcessSandbox(2)
    )

    assert {c.end for c in snapshot.candidates} == {"duplicate"}
    assert snapshot.verdicts == ()


def _twin(task: Task, number: int) -> str:
    """The baseline with other initial weights: random numbers are drawn before them."""
    return task.spec.baseline.replace(
        "super().__init__()", f"super().__init__()\n        torch.rand({number})", 1
    ).replace("from torch import nn", "import torch\nfrom torch import nn")


@pytest.mark.slow
def test_twins_of_the_baseline_are_no_discoveries(tmp_path: Path) -> None:
    task, paths = load_task("digits"), RunPaths(tmp_path / "run")
    settings = RunSettings(workers=2, finalists=2)
    metric = METRICS["accuracy"]
    with (
        ProcessSandbox(2) as sandbox,
        Journal.create(paths, {"settings": settings.to_json()}) as journal,
    ):
        trainer = Trainer(task, sandbox, journal, paths)
        size = sandbox.check(task.spec.baseline, task.spec.problem).parameters
        floors = measure_noise(task.spec, trainer, journal, settings, size)
        top = len(task.spec.rungs) - 1
        for number in range(1, 7):
            source, key = _twin(task, number), str(number)
            trial = trainer.train(TrialRequest(key, key, source, task.spec.recipe, top, 0))
            assert trial.score is not None
            gain = metric.gain(trial.score, floors[-1].scores[0]) / floors[-1].sd
            row = {"id": key, "sequence": number * 1000, "title": key, "rationale": ""}
            blank = {"operator": "twin", "created": 0.0, "parents": [], "examples": []}
            journal.propose(
                {**row, **blank, "source": source, "recipe": task.spec.recipe.to_json()}
            )
            numbers = {"score": trial.score, "gain": gain, "seeds": 1, "parameters": size}
            journal.update(key, rung=top, end="trained", **numbers)
        # Gains over one seed are luck: some twins enter, and none may pass.
        verdicts = Verification(task.spec, settings, trainer, sandbox, journal, floors).verify(2)

    assert "discovery" not in {v.verdict for v in verdicts}
