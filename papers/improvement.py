"""A discovery run from a reproduced architecture: what it finds must beat the reproduction."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Final

from archwright.core import InputError, JournalError
from archwright.core.settings import RunSettings
from archwright.papers.experiment import Arm, Experiment
from archwright.runs.journal import Journal
from archwright.runs.starting import begin
from archwright.runs.workspace.finding import list_runs
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import Task

TWEAKS: Final = 3


def begin_improvement(
    workspace: Workspace, task: Task, task_name: str | Path, settings: RunSettings, paper_id: str
) -> tuple[RunPaths, Task]:
    """A run whose baseline is the method that was reproduced, and the task with that baseline.

    Verification compares with the baseline at equal steps and seeds, and at the finalist's size;
    what a run from another baseline knows of gains is left aside.

    Raises:
        InputError: the paper was not reproduced on this task, or its method is no architecture.
        RunError: the budget leaves nothing to search with.
    """
    run, arm = _reproduced(workspace, task, paper_id)
    if arm.before is not None:
        raise InputError(
            f"{arm.title} is a procedure, and a run searches architectures: improve a paper whose "
            "first claim is about an architecture"
        )
    task = Task(replace(task.spec, baseline=arm.source))
    digest = hashlib.sha256(arm.source.encode()).hexdigest()[:8]
    facts = {
        "baseline_source": arm.source,
        "task_key": f"{task.key}+{digest}",
        "improves": {"paper": paper_id, "run": run, "arm": arm.id},
    }
    tweaks = settings.tweaks or TWEAKS
    return begin(workspace, task, settings.changed(tweaks=tweaks), task_name, facts), task


def _reproduced(workspace: Workspace, task: Task, paper_id: str) -> tuple[str, Arm]:
    """The latest finished reproduction of a paper on a task: its run, and the first claim's
    method."""
    for paths in reversed(list_runs(workspace)):
        try:
            with Journal.open(paths) as journal:
                facts = journal.facts
        except JournalError:
            continue  # One that cannot be read must not hide the others.
        result = facts.reproduction
        if not result or (facts.paper or {}).get("id") != paper_id:
            continue
        if facts.task_digest != task.digest() or facts.experiment is None:
            continue
        experiment = Experiment.from_json(facts.experiment)
        if result["claims"][0]["method"]["mean"] is not None:
            return paths.name, experiment.arm(experiment.claims[0].method)
    raise InputError(
        f"paper {paper_id} was not reproduced on {task.spec.name} here: "
        f"`archwright paper reproduce {paper_id} --task {task.spec.name}` first"
    )
