"""A new run: its folder and its journal. Nothing is spent yet."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from archwright.agents.backends.opening import REPLAY, check_backend
from archwright.core import QUALITY, Aim, InputError, Json, RunError, TaskError
from archwright.core.settings import RunSettings
from archwright.runs.backends import copy_choices, recorded_facts, recorded_settings
from archwright.runs.budget.plan import Plan, affordable_rungs, shortfalls
from archwright.runs.guiding import own_architectures, record_seeds
from archwright.runs.history import MOST_KNOWN
from archwright.runs.journal import Facts, Journal
from archwright.runs.results.branches.branches import landing_base
from archwright.runs.workspace.device import device_of, known_device
from archwright.runs.workspace.knowing import knowledge_of
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.executors.opening import check_executor
from archwright.search.operators.script_edits import settings_of
from archwright.search.policies import POLICIES
from archwright.tasks.loading import Task, is_built_in, load_task

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
        InputError: the backend is not available, there is no such policy, an architecture of the
            person's own cannot be used, a cost and its floor do not fit, or the task asks for a
            GPU that the run was not given.
        WorkspaceError: no branch of the run could be landed.
    """
    if settings.backend.startswith(REPLAY):
        settings = recorded_settings(settings, workspace.paths)
    if task.spec.problem.script is not None:
        _check_script(task, settings)
    if task.spec.training.device == "cuda" and not settings.gpus:
        raise InputError(
            f"task {task.spec.name} is trained on cuda: give the run a GPU (--gpus 0), or leave "
            "device out of its [training]"
        )
    if task.spec.training.compile and settings.sandbox == "process":
        raise InputError(
            f"the networks of task {task.spec.name} are compiled, which only containers allow: "
            "leave out --sandbox process, or compile in its [training]"
        )
    architectures = own_architectures(settings, task.spec)
    check_backend(settings)
    check_executor(settings)
    Aim.of(settings.objectives, settings.at_least, settings.at_most, task.spec.metric)
    if settings.policy not in POLICIES:
        raise InputError(f"policy must be one of {', '.join(POLICIES)}, not {settings.policy!r}")
    device = (device_of if settings.wants_latency else known_device)(workspace.paths)
    rungs = affordable_rungs(settings, task.spec.rungs)
    plan = Plan.of(settings, len(rungs))
    if plan.search == 0:
        least = plan.baseline + plan.verification + 1
        raise RunError(
            f"--max-trials {settings.max_trials} leaves nothing to search with: "
            f"task {task.spec.name} needs at least {least}"
        )
    limits = {name: getattr(settings, name) for name in LIMITS}
    with knowledge_of(workspace, settings.knowledge) as knowledge:
        known_until, known_in = knowledge.high_water(), knowledge.place
    head = landing_base(workspace)
    paths = _new_folder(workspace, task.spec.name, bool(settings.knowledge))
    facts = {
        "settings": settings.to_json(),
        "task": task.spec.name,
        "task_from": durable(task_name),
        "task_digest": task.digest(),
        "task_key": task.key,
        "metric": task.spec.metric.to_json(),
        "workspace": str(workspace.root.resolve()),
        "rungs": rungs,
        "budget": {k: v for k, v in limits.items() if v is not None},
        "created": time.time(),
        "head": head,
        "known_until": known_until,
        "most_known": MOST_KNOWN,
        "place": known_in,
        "device": device.to_json() if device else None,
        **recorded_facts(settings, workspace.paths),
        "state": "running",
        "phase": "baseline",
        **more,
    }
    with Journal.create(paths, facts) as journal:
        for line in _weaker(plan, settings, rungs, task.spec.rungs):
            journal.notice(line)
        copy_choices(settings, workspace.paths, journal)
        if architectures:
            record_seeds(journal, architectures)
    return paths


def _check_script(task: Task, settings: RunSettings) -> None:
    """Refuse what cannot be done where the task is a script.

    Raises:
        InputError: a cost that nobody counts is asked for, or nothing can be proposed.
    """
    name = task.spec.name
    limits = {
        "--max-params": settings.max_params,
        "--max-flops": settings.max_flops,
        "--max-latency-ms": settings.max_latency_ms,
        "--objective": [o for o in settings.objectives if o != QUALITY] or None,
    }
    asked = [option for option, value in limits.items() if value is not None]
    if asked:
        raise InputError(
            f"{name} is a script, whose parameters, FLOPs and latency are not counted: leave out "
            f"{' and '.join(asked)}"
        )
    if not settings.asks_models and not settings_of(task.spec.baseline):
        raise InputError(
            f"{task.spec.baseline_files} has no named number to vary: name a model with --model, "
            "or turn numbers into named constants"
        )


def durable(task_name: str | Path) -> str:
    """The name of a built-in task, or the full path of a folder."""
    if is_built_in(task_name):
        return str(task_name)
    return str(Path(task_name).expanduser().resolve())


def task_of(paths: RunPaths) -> Task:
    """The task that a run is about, with the baseline and the rungs that it has there.

    Raises:
        TaskError: its folder is gone or broken.
    """
    with Journal.open(paths) as journal:
        facts = journal.facts
    place = _place_of(paths, facts)
    try:
        spec = load_task(place).spec
    except TaskError as error:
        if Path(place).is_dir() or is_built_in(place):
            raise
        raise TaskError(
            f"the task of {paths.name} is no longer at {place}: say where it is with "
            f"`archwright resume {paths.name} --task DIR`"
        ) from error
    baseline = spec.baseline if facts.baseline_source is None else facts.baseline_source
    return Task(replace(spec, baseline=baseline, rungs=facts.rungs or spec.rungs))


def check_unchanged(task: Task, paths: RunPaths, facts: Facts) -> None:
    """Raises:
    TaskError: the task has changed since the run began.
    """
    if task.digest() != facts.task_digest:
        raise TaskError(
            f"task {task.spec.name} has changed since {paths.name} began: its results would not be "
            "comparable; start a new run with `archwright run`"
        )


def _place_of(paths: RunPaths, facts: Facts) -> str:
    """Where the task is: one that lies in the workspace moves with it."""
    folder, root = Path(facts.task_from), root_of(paths)
    if facts.workspace and folder.is_relative_to(facts.workspace):
        return str(root / folder.relative_to(facts.workspace))
    return facts.task_from


def root_of(paths: RunPaths) -> Path:
    """The workspace that a run lies in."""
    return paths.root.resolve().parents[2]


def _weaker(
    plan: Plan, settings: RunSettings, rungs: Sequence[int], all_rungs: Sequence[int]
) -> Iterator[str]:
    """What a budget of trials cannot do."""
    if settings.max_trials is None:
        return
    words = f"{settings.max_trials} trials"
    yield from shortfalls(plan, settings, words, lambda trainings: f"{trainings} trials")
    if len(rungs) < len(all_rungs):
        yield (
            f"{words} are too few for {len(all_rungs)} rungs: candidates are trained for "
            f"{' and '.join(map(str, rungs))} steps alone"
        )


def _new_folder(workspace: Workspace, task: str, shared: bool) -> RunPaths:
    """A folder of its own for a run, also when two start in the same second; where other machines
    go by its name, too, no folder tells, so that chance has to."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    name = f"{task}-{stamp}-{secrets.token_hex(4)}" if shared else f"{task}-{stamp}"
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
