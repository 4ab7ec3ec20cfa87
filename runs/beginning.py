"""A new run: its folder and its journal. Nothing is spent yet."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from archwright.domain import RunError
from archwright.knowledge.store import Knowledge
from archwright.runs.budget import Plan
from archwright.runs.journal import Journal
from archwright.runs.paths import RunPaths
from archwright.runs.settings import RunSettings
from archwright.runs.workspace import Workspace
from archwright.tasks.loading import Task, built_in_names, load_task


def begin(
    workspace: Workspace, task: Task, settings: RunSettings, task_name: str | Path
) -> RunPaths:
    """A new run with its journal; nothing is spent yet.

    Raises:
        RunError: the budget leaves nothing to search with, or the folder cannot be written.
    """
    paths = _new_folder(workspace, task.spec.name)
    plan = Plan.of(settings, len(task.spec.rungs))
    if plan.search == 0:
        least = plan.baseline + plan.verification + 1
        paths.root.rmdir()
        raise RunError(
            f"--max-trials {settings.max_trials} leaves nothing to search with: "
            f"task {task.spec.name} needs at least {least}"
        )
    limits = {"max_trials": settings.max_trials, "hours": settings.hours}
    with Knowledge(workspace.paths.knowledge) as knowledge:
        known_until = knowledge.high_water()
    facts = {
        "settings": settings.to_json(),
        "task": task.spec.name,
        "task_from": _durable(task_name),
        "task_digest": task.digest(),
        "metric": task.spec.metric.name,
        "rungs": task.spec.rungs,
        "budget": {k: v for k, v in limits.items() if v is not None},
        "created": time.time(),
        "head": workspace.head(),
        "known_until": known_until,
        "state": "running",
        "phase": "baseline",
    }
    with Journal.create(paths, facts) as journal:
        if plan.finalists < settings.finalists:
            journal.notice(_thin_verification(plan, settings))
    return paths


def _durable(task_name: str | Path) -> str:
    """The name of a built-in task, or the full path of a folder."""
    if task_name in built_in_names():
        return str(task_name)
    return str(Path(task_name).expanduser().resolve())


def task_of(paths: RunPaths) -> Task:
    """The task that a run is about.

    Raises:
        TaskError: its folder is gone or broken.
    """
    with Journal.open(paths, readonly=True) as journal:
        return load_task(journal.fact("task_from"))


def _thin_verification(plan: Plan, settings: RunSettings) -> str:
    if plan.finalists == 0:
        return (
            f"{settings.max_trials} trials are too few to verify a finalist on "
            f"{settings.verify_seeds} seeds: no gain of this run can become a discovery"
        )
    return f"{settings.max_trials} trials verify {plan.finalists} of {settings.finalists} finalists"


def _new_folder(workspace: Workspace, task: str) -> RunPaths:
    """A folder of its own for a run, also when two start in the same second."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name = f"{task}-{stamp}"
    try:
        workspace.paths.runs.mkdir(exist_ok=True)
        while True:
            try:
                (workspace.paths.runs / name).mkdir()
                return workspace.paths.run(name)
            except FileExistsError:
                name = f"{task}-{stamp}-{secrets.token_hex(2)}"
    except OSError as error:
        raise RunError(
            f"{workspace.paths.runs} cannot be written ({error.strerror}): "
            "free space or mend its rights"
        ) from error
