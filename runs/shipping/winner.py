"""From what a person types to the candidate that is meant, with its task and its evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from archwright.core import (
    Candidate,
    InputError,
    Recipe,
    RunError,
    SourceError,
    Verdict,
)
from archwright.runs.journal import Journal
from archwright.runs.results.branches.branches import SCRIPT_FOLDER
from archwright.runs.results.dossier import candidate_of
from archwright.runs.starting import task_of
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import Task, is_built_in, load_task

BRANCHES: Final = "archwright/"
HOW: Final = "name a candidate as RUN CANDIDATE, or as a branch archwright/RUN/NAME"

IS_SCRIPT: Final = (
    "is a training script, which trains itself and leaves predictions alone: run it as its task "
    "says, with a larger budget, or `archwright try FOLDER --task TASK`"
)


@dataclass(frozen=True, slots=True)
class Winner:
    """A candidate that is taken out of its run."""

    run: str
    candidate: str
    title: str
    source: str
    recipe: Recipe
    task: Task
    task_from: str
    branch: str = ""
    evidence: Mapping[str, Any] | None = None
    """What the run measured of it, as its branch's `results.json` has it."""
    changed: bool = False
    """Whether somebody changed it on its branch, so that nothing was measured of it."""
    task_digest: str = ""
    """Of the task as it was when the run began; "" where another one is asked for."""

    @property
    def is_task_changed(self) -> bool:
        """Whether the task has changed since, so that nothing new compares with the run."""
        return self.task_digest not in ("", self.task.digest())


def find_winner(words: Sequence[str], workspace: Workspace, task: str | None = None) -> Winner:
    """The candidate that `words` mean: RUN CANDIDATE, or a branch.

    Args:
        task: where the task is now; by default, where the run says.

    Raises:
        InputError: there is no such candidate, or the words mean none.
        RunError: there is no such run.
        TaskError: its task is gone or broken.
    """
    match list(words):
        case [branch] if branch.startswith(BRANCHES):
            found = _of_branch(branch, workspace, task)
        case [run, candidate]:
            found = _of_run(run, candidate, workspace, task)
        case [one]:
            raise InputError(f"{one} is not a branch archwright/RUN/NAME: {HOW}")
        case _:
            raise InputError(HOW)
    if found.task.spec.members:
        names = ", ".join(member.name for member in found.task.spec.members)
        raise InputError(
            f"{found.task.spec.name} is a suite: say with --task which of its problems it is for, "
            f"such as --task {found.task.spec.folder / found.task.spec.members[-1].name} ({names})"
        )
    if found.task.spec.problem.script is not None:
        raise InputError(
            f"candidate {found.candidate} of {found.run} is a training script: it trains and keeps "
            "its weights itself, run its own command"
        )
    return found


def default_folder(winner: Winner, workspace: Workspace) -> Path:
    """Where its weights are kept where no other folder is named."""
    return workspace.paths.trained / winner.run / winner.candidate


def _of_run(name: str, candidate: str, workspace: Workspace, task: str | None) -> Winner:
    paths = find_run(workspace, name)
    with Journal.open(paths) as journal:
        found, facts = candidate_of(journal, candidate), journal.facts
        verdict = next((v for v in journal.verdicts() if v.candidate == found.id), None)
    if not found.source:
        raise InputError(f"candidate {found.id} of {paths.name} has no source: choose another")
    loaded = task_of(paths) if task is None else load_task(task)
    if loaded.spec.problem.script is not None:
        raise InputError(f"candidate {found.id} of {paths.name} {IS_SCRIPT}")
    return Winner(
        run=paths.name,
        candidate=found.id,
        title=found.title,
        source=found.source,
        recipe=found.recipe,
        task=loaded,
        task_from=task or facts.task_from,
        branch=(verdict.branch or "") if verdict else "",
        evidence=_evidence(found, verdict, facts.rungs),
        task_digest="" if task else facts.task_digest,
    )


def _evidence(candidate: Candidate, verdict: Verdict | None, rungs: Sequence[int]) -> Any:
    rung = candidate.rung
    known: dict[str, Any] = {
        "score": candidate.score,
        "rung_steps": None if rung is None or rung >= len(rungs) else rungs[rung],
        "seeds": candidate.seeds,
        "parameters": candidate.parameters,
    }
    if verdict is not None:
        known |= {"verification": verdict.numbers(), "reproduce": dict(verdict.reproduce)}
    return known


def _of_branch(branch: str, workspace: Workspace, task: str | None) -> Winner:
    tip = workspace.ask("rev-parse", "--quiet", "--verify", f"refs/heads/{branch}^{{commit}}")
    if tip is None:
        raise InputError(f"no branch {branch} in {workspace.root}: `git branch` lists them")
    landed, folder = _landed(branch, workspace, tip)
    source = _text(workspace, f"{tip}:{folder}/architecture.py")
    try:
        results = json.loads(_text(workspace, f"{tip}:{folder}/results.json"))
        run, candidate, name = (str(results[key]) for key in ("run", "candidate", "task"))
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{branch} has no sound {folder}/results.json: restore it") from None
    loaded, task_from, began_with = _task(run, name, workspace, task)
    spec = loaded.spec
    try:
        recipe = read_source(source, spec.problem, spec.recipe).recipe
    except SourceError as error:
        raise InputError(f"{folder}/architecture.py of {branch}: {error}") from None
    title = workspace.git("log", "-1", "--format=%s", tip).decode(errors="replace")
    changed = source != _text(workspace, f"{landed}:{folder}/architecture.py")
    if changed:  # It is another one, of which the run measured nothing, and its weights lie apart.
        digest = hashlib.sha256(source.encode()).hexdigest()
        candidate, results = f"{candidate}-changed-{digest[:8]}", {}
    return Winner(
        *(run, candidate, title, source, recipe, loaded, task_from, branch, results, changed),
        task_digest=began_with,
    )


def _landed(branch: str, workspace: Workspace, tip: str) -> tuple[str, str]:
    """The commit with which the discovery that the branch is about landed, and its folder: the last
    commit with results."""
    log = workspace.git(
        *("log", "-1", "--format=%H", "--name-only", "--diff-merges=first-parent", "--root", tip),
        *("--", "discoveries/*/results.json"),
    )
    landed, *paths = log.decode(errors="replace").split("\n")
    found = next((path.rpartition("/")[0] for path in paths if path), "")
    held = workspace.git("ls-tree", "--name-only", f"{tip}:{found}").decode() if found else ""
    if SCRIPT_FOLDER in held.split("\n"):
        raise InputError(f"{branch} {IS_SCRIPT}")
    if "architecture.py" not in held.split("\n"):
        raise InputError(f"{branch} holds no discoveries/TASK/architecture.py: {HOW}")
    return landed, found


def _text(workspace: Workspace, name: str) -> str:
    return workspace.git("cat-file", "blob", name).decode("utf-8", "replace") + "\n"


def _task(run: str, name: str, workspace: Workspace, task: str | None) -> tuple[Task, str, str]:
    """The task of a branch, whose run may be on another machine; where it is from, and its digest
    when the run began."""
    if task is not None:
        return load_task(task), task, ""
    try:
        paths = find_run(workspace, run)
        with Journal.open(paths) as journal:
            facts = journal.facts
    except RunError:
        if is_built_in(name):
            return load_task(name), name, ""
        raise InputError(
            f"run {run} is not in this workspace: say where its task {name} is with --task DIR"
        ) from None
    return task_of(paths), facts.task_from, facts.task_digest
