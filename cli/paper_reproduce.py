"""`archwright paper reproduce`: try a paper's claims at this machine's scale."""

from __future__ import annotations

import argparse
from typing import Any, Final

from archwright.cli.models import add_model_arguments, model_settings
from archwright.core import InputError
from archwright.knowledge.papers.folder import Kept, PaperFolder
from archwright.knowledge.papers.passages import record_passages
from archwright.knowledge.store import Knowledge
from archwright.runs.settings import RunSettings
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import built_in_names, load_task

LEAST_SEEDS: Final = 3
"""Fewer have no spread to speak of."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright paper reproduce`."""
    parser.add_argument(
        "id", metavar="ID|FILE|NAME", help="a paper of the workspace, a file, or one of the shelf"
    )
    parser.add_argument("--task", metavar="TASK", help="default: the task the paper is written for")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds of the first of three stages")
    parser.add_argument("--workers", type=int, metavar="N", help="trainings at a time")
    parser.add_argument("--sandbox", choices=("auto", "docker", "process"))
    parser.add_argument("--seed", type=int, metavar="N", help="of what a model writes")
    add_model_arguments(parser)
    parser.add_argument("--plain", action="store_true", help="plain lines, no live view")


def act(args: argparse.Namespace, workspace: Workspace) -> int:
    """Begin a reproduction and see it through."""
    # What carries out a run takes a moment to load, and the other actions have no need of it.
    from archwright.cli.reproducing import work_on_paper
    from archwright.papers.starting import begin_reproduction

    if args.seeds is not None and args.seeds < LEAST_SEEDS:
        raise InputError(f"--seeds must be at least {LEAST_SEEDS}, not {args.seeds}")
    kept = fetch(args.id, workspace)
    task_name = task_for(kept, args.task)
    given: dict[str, Any] = {"verify_seeds": args.seeds, **model_settings(args)}
    given |= {name: getattr(args, name) for name in ("workers", "sandbox", "seed")}
    settings = RunSettings.load(workspace.paths.settings, given)
    task = load_task(task_name)
    paths = begin_reproduction(workspace, task, task_name, settings, kept)
    return work_on_paper(args, workspace, task, paths)


def fetch(said: str, workspace: Workspace) -> Kept:
    """The paper that is meant; a new one joins the workspace and its knowledge base.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    from archwright.papers.library import fetch_paper

    kept = fetch_paper(PaperFolder(workspace.paths.papers), said)
    if not kept.known:
        with Knowledge(workspace.paths.knowledge) as knowledge:
            record_passages(knowledge, kept.id, kept.paper)
    return kept


def task_for(kept: Kept, said: str | None) -> str:
    """The task that was asked for, else the built-in one that the paper is written for.

    A task's code is trusted, so that a paper cannot choose a folder: a person has to.

    Raises:
        InputError: no task is said.
    """
    from archwright.papers.experiment import written_for

    if said is not None:
        return said
    named = written_for(kept.paper)
    if named in built_in_names():
        return named
    which = f"is written for {named!r}, no built-in" if named else "does not say which"
    raise InputError(f"the paper {which} task: name the one to use with --task TASK")
