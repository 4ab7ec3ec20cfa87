"""A run that goes on under other conditions: with more budget, other models, its task or the shared
knowledge base elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from archwright.agents.backends.opening import check_backend
from archwright.core import InputError, Json, TaskError
from archwright.core.settings import RunSettings
from archwright.runs.budget.allocation import Grants
from archwright.runs.budget.legs import Leg, close_round, is_closed, read_legs, record_leg
from archwright.runs.journal import Facts, Journal, Phase, Spend
from archwright.runs.starting import LIMITS, check_unchanged, durable, root_of, task_of
from archwright.runs.verification import rounds_so_far
from archwright.runs.workspace.control import hold
from archwright.runs.workspace.knowing import check_place, knowledge_of
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.executors.opening import check_executor
from archwright.tasks.loading import Task, load_task

NEARLY: Final = 0.95
"""A limit of which so large a share is used up counts as used up."""


def amend(paths: RunPaths, changes: Mapping[str, Any], task_name: str | Path | None = None) -> None:
    """Let a run go on under other limits, with another model, other workers or another sandbox, or
    with its task, or the knowledge base that it shares, at another place.

    A limit is on all of the run. One that gives a run more than it has used lets it go on, also
    after its verification; another limit that is used up by then is lifted.

    Raises:
        RunError: another process holds it, or there is no such run.
        InputError: what is changed does not fit, or gives the run no more than it has used.
        KnowledgeError: that knowledge base cannot be reached or written.
        TaskError: that task is not the run's; or the run's own is gone, broken or has changed.
    """
    if not changes and task_name is None:
        return
    with hold(paths), Journal.open(paths) as journal:
        facts = journal.facts
        if task_name is not None:
            _check_same(load_task(task_name), paths, facts)
            journal.note(task_from=durable(task_name), workspace=str(root_of(paths)))
        if not changes:
            return
        if task_name is None:  # refused here, it leaves the run as it was
            check_unchanged(task_of(paths), paths, facts)
        before = RunSettings(**facts.settings)
        settings = before.changed(**changes)
        more = _more(before, settings, changes, journal.spend())
        settings = settings.changed(**dict.fromkeys(_used_up(settings, changes, journal.spend())))
        check_backend(settings)
        check_executor(settings)
        if settings.knowledge != before.knowledge:
            _check_moved(paths, facts, before.knowledge, settings.knowledge)
        limits = {name: getattr(settings, name) for name in LIMITS}
        budget = {k: v for k, v in limits.items() if v is not None}
        journal.note(settings=settings.to_json(), budget=budget)
        if more:
            _extend(journal)


def _more(before: RunSettings, after: RunSettings, changes: Json, spend: Spend) -> bool:
    """Whether a run is given more than it had.

    Raises:
        InputError: a limit that is given is used up already.
    """
    used = {
        "max_trials": spend.trials,
        "hours": spend.seconds / 3600,
        "max_usd": spend.usd,
        "max_tokens": spend.tokens,
    }
    given = [name for name in used if changes.get(name) is not None]
    for name in given:
        if changes[name] <= used[name] and used[name] > 0:
            option = f"--{name.replace('_', '-')}"
            raise InputError(
                f"{option} {changes[name]:g} is a limit on all of the run, which has used "
                f"{used[name]:.4g} already: give it more than that"
            )
    had = {name: getattr(before, name) for name in given}
    return any(old is None or getattr(after, name) > old for name, old in had.items())


def _used_up(settings: RunSettings, changes: Json, spend: Spend) -> Iterator[str]:
    """Limits that are used up, where a run is given more of the other kind."""
    shares = {
        "max_trials": (spend.trials, settings.max_trials, "hours"),
        "hours": (spend.seconds / 3600, settings.hours, "max_trials"),
    }
    for name, (used, limit, other) in shares.items():
        given = changes.get(other) is not None and changes.get(name) is None
        if given and limit is not None and used >= NEARLY * limit:
            yield name


def _extend(journal: Journal) -> None:
    """A run has more from its next leg on. One that was over goes on."""
    facts, grants = journal.facts, len(Grants(journal))
    if facts.phase is Phase.DONE:
        if not read_legs(journal):  # an earlier version carried it out
            record_leg(journal, 0, lambda: Leg(grants, round=0))
        if not is_closed(journal, read_legs(journal)[-1].round or 0):
            floor = sum(len(measured.scores) for measured in facts.noise)
            close_round(journal, 0, sum(c.trials for c in journal.each_candidate()), floor)
        journal.note(phase=Phase.SEARCH, state="stopped")
    journal.note(looks_before=rounds_so_far(journal), extended_at=len(read_legs(journal)))


def _check_moved(paths: RunPaths, facts: Facts, before: str, after: str) -> None:
    """Raises:
    InputError: the shared knowledge base at an address is not the run's.
    """
    if not (before and after):
        whose, fix = "the workspace's own", f"`archwright knowledge copy own {after}` hands it on"
        if before:
            whose, fix = "a shared", "say where that is now"
        raise InputError(
            f"{paths.name} began with {whose} knowledge base, and continues with it: {fix}"
        )
    with knowledge_of(Workspace.open(root_of(paths)), after) as knowledge:
        check_place(paths.name, facts.place, knowledge, after)


def _check_same(task: Task, paths: RunPaths, facts: Facts) -> None:
    if task.digest() != facts.task_digest:
        raise TaskError(
            f"task {task.spec.name} in {task.spec.folder} is not the one that {paths.name} began "
            "with: its files or its data differ"
        )
