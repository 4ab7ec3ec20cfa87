"""A new run: its folder and its journal. Nothing is spent yet."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from archwright.agents.backends.opening import REPLAY, check_backend
from archwright.core import InputError, Json, RunError
from archwright.core.settings import RunSettings
from archwright.knowledge.store import Knowledge
from archwright.runs.allocation import Plan
from archwright.runs.backends import copy_choices, recorded_facts, recorded_settings
from archwright.runs.journal import Journal
from archwright.runs.workspace.control import hold
from archwright.runs.workspace.device import device_of, known_device
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.search.policies import POLICIES
from archwright.tasks.loading import Task, built_in_names, load_task

LIMITS: Final = ("max_trials", "max_candidates", "hours", "max_usd", "max_tokens")


def begin(
    workspace: Workspace,
    task: Task,
    settings: RunSettings,
    task_name: str | Path,
    more: Json = MappingProxyType({}),
) -> RunPaths:
    """A new run with its journal; nothing is spent yet.

    Args:
        more: facts of a run of another kind, or from another baseline.

    Raises:
        RunError: the budget leaves nothing to search with, the folder cannot be written, or a
            recorded run is to be replayed that is not there.
        InputError: the backend is not available, or there is no such policy.
    """
    if settings.backend.startswith(REPLAY):
        settings = recorded_settings(settings, workspace.paths)
    check_backend(settings)
    if settings.policy not in POLICIES:
        raise InputError(f"policy must be one of {', '.join(POLICIES)}, not {settings.policy!r}")
    device = (device_of if settings.wants_latency else known_device)(workspace.paths)
    paths = _new_folder(workspace, task.spec.name)
    plan = Plan.of(settings, len(task.spec.rungs))
    if plan.search == 0:
        least = plan.baseline + plan.verification + 1
        paths.root.rmdir()
        raise RunError(
            f"--max-trials {settings.max_trials} leaves nothing to search with: "
            f"task {task.spec.name} needs at least {least}"
        )
    limits = {name: getattr(settings, name) for name in LIMITS}
    with Knowledge(workspace.paths.knowledge) as knowledge:
        known_until = knowledge.high_water()
    facts = {
        "settings": settings.to_json(),
        "task": task.spec.name,
        "task_from": _durable(task_name),
        "task_digest": task.digest(),
        "task_key": task.key,
        "metric": task.spec.metric.name,
        "rungs": task.spec.rungs,
        "budget": {k: v for k, v in limits.items() if v is not None},
        "created": time.time(),
        "head": workspace.head(),
        "known_until": known_until,
        "device": device.to_json() if device else None,
        **recorded_facts(settings, workspace.paths),
        "state": "running",
        "phase": "baseline",
        **more,
    }
    with Journal.create(paths, facts) as journal:
        if plan.finalists < settings.finalists:
            journal.notice(_thin_verification(plan, settings))
        copy_choices(settings, workspace.paths, journal)
    return paths


def amend(paths: RunPaths, changes: Mapping[str, Any]) -> None:
    """Let a run go on under other limits, or with another model.

    Raises:
        RunError: another process holds it, or there is no such run.
        InputError: what is changed does not fit.
    """
    if not changes:
        return
    with hold(paths), Journal.open(paths) as journal:
        settings = RunSettings(**journal.facts.settings).changed(**changes)
        check_backend(settings)
        limits = {name: getattr(settings, name) for name in LIMITS}
        budget = {k: v for k, v in limits.items() if v is not None}
        journal.note(settings=settings.to_json(), budget=budget)


def _durable(task_name: str | Path) -> str:
    """The name of a built-in task, or the full path of a folder."""
    if task_name in built_in_names():
        return str(task_name)
    return str(Path(task_name).expanduser().resolve())


def task_of(paths: RunPaths) -> Task:
    """The task that a run is about, with the baseline and the rungs that it has there.

    Raises:
        TaskError: its folder is gone or broken.
    """
    with Journal.open(paths) as journal:
        facts = journal.facts
    spec = load_task(facts.task_from).spec
    baseline = spec.baseline if facts.baseline_source is None else facts.baseline_source
    return Task(replace(spec, baseline=baseline, rungs=facts.rungs or spec.rungs))


def _thin_verification(plan: Plan, settings: RunSettings) -> str:
    if plan.finalists == 0:
        return (
            f"{settings.max_trials} trials are too few to verify a finalist on "
            f"{settings.screen_seeds} seeds: no gain of this run can become a discovery"
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
            "free space or fix its rights"
        ) from error
