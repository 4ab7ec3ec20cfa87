"""`archwright paper improve`: a discovery run from what was reproduced."""

from __future__ import annotations

import argparse

from archwright.cli.models import (
    add_model_arguments,
    confirm_cost,
    describe_backend,
    model_settings,
)
from archwright.cli.output import say
from archwright.cli.paper_reproduce import fetch, task_for
from archwright.runs.settings import DEFAULT_MAX_TRIALS, RunSettings
from archwright.runs.workspace.workspace import Workspace
from archwright.tasks.loading import load_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright paper improve`."""
    parser.add_argument("id", metavar="ID|NAME", help="a paper that was reproduced here")
    parser.add_argument("--task", metavar="TASK", help="default: the task the paper is written for")
    parser.add_argument("--hours", type=float, metavar="H", help="wall-clock time in all")
    parser.add_argument(
        "--max-trials",
        type=int,
        metavar="N",
        help=f"trainings in all (default: {DEFAULT_MAX_TRIALS}, unless --hours is given)",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="trainings at a time")
    parser.add_argument("--sandbox", choices=("auto", "docker", "process"))
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the whole run")
    add_model_arguments(parser)
    parser.add_argument("--plain", action="store_true", help="plain lines, no live view")


def act(args: argparse.Namespace, workspace: Workspace) -> int:
    """Start the run and see it through."""
    # What carries out a run takes a moment to load, and the other actions have no need of it.
    from archwright.cli.running import work_on
    from archwright.papers.improvement import begin_improvement
    from archwright.runs.phases import discover as discover_run

    kept = fetch(args.id, workspace)
    task_name = task_for(kept, args.task)
    names = ("hours", "max_trials", "workers", "sandbox", "seed")
    given = {name: getattr(args, name) for name in names} | model_settings(args)
    settings = RunSettings.load(workspace.paths.settings, given)
    task = load_task(task_name)
    confirm_cost(settings, workspace, task, args.yes)
    paths, task = begin_improvement(workspace, task, task_name, settings, kept.id)
    say(f"run {paths.name} from {kept.paper.title}, {describe_backend(settings)}")
    return work_on(args, workspace, task, paths, discover_run)
