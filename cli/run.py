"""`archwright run TASK`: discover."""

from __future__ import annotations

import argparse
from pathlib import Path

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.models import (
    add_model_arguments,
    confirm_cost,
    describe_backend,
    model_settings,
)
from archwright.cli.output import say
from archwright.cli.running import add_view_arguments, work_on
from archwright.runs.phases import discover as discover_run
from archwright.runs.settings import DEFAULT_MAX_TRIALS, RunSettings
from archwright.runs.starting import begin
from archwright.runs.workspace.workspace import Workspace
from archwright.search.policies import DEFAULT, POLICIES
from archwright.tasks.loading import load_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright run`."""
    parser.add_argument("task", metavar="TASK", help="a built-in task's name, or a task folder")
    parser.add_argument(
        "--max-trials",
        type=int,
        metavar="N",
        help=f"trainings in all (default: {DEFAULT_MAX_TRIALS}, unless --hours is given)",
    )
    parser.add_argument("--hours", type=float, metavar="H", help="wall-clock time in all")
    parser.add_argument("--workers", type=int, metavar="N", help="trainings at a time")
    parser.add_argument("--sandbox", choices=("auto", "docker", "process"))
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the whole run")
    parser.add_argument(
        "--examples", type=int, metavar="N", help="examples retrieved for each proposal"
    )
    parser.add_argument(
        "--backend",
        metavar="NAME",
        help="what answers the roles: symbolic (default without --model) or replay:RUN",
    )
    parser.add_argument(
        "--policy",
        choices=tuple(POLICIES),
        help=f"what chooses parents and operators (default: {DEFAULT})",
    )
    parser.add_argument(
        "--islands", type=int, metavar="N", help="searches side by side that exchange their best"
    )
    parser.add_argument(
        "--objective",
        metavar="LIST",
        help="what to search for, with commas: quality, and any of parameters, flops, latency",
    )
    parser.add_argument("--max-params", type=int, metavar="N", help="most parameters")
    parser.add_argument("--max-flops", type=int, metavar="N", help="most FLOPs of one sample")
    parser.add_argument(
        "--max-latency-ms",
        type=float,
        metavar="MS",
        help="longest forward pass of one sample, as predicted for this machine",
    )
    parser.add_argument("--max-candidates", type=int, metavar="N", help="candidates in all")
    add_model_arguments(parser)
    add_workspace_argument(parser)
    add_view_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Start a run and see it through."""
    workspace = Workspace.open(Path(args.workspace))
    names = ("max_trials", "max_candidates", "hours", "workers", "sandbox", "seed", "examples")
    limits = ("max_params", "max_flops", "max_latency_ms")
    given = {name: getattr(args, name) for name in (*names, *limits, "backend")}
    given |= {"policy": args.policy, "islands": args.islands} | model_settings(args)
    if args.objective is not None:
        given["objectives"] = tuple(args.objective.split(","))
    settings = RunSettings.load(workspace.paths.settings, given)
    task = load_task(args.task)
    confirm_cost(settings, workspace, task, args.yes)
    paths = begin(workspace, task, settings, args.task)
    who = describe_backend(settings)
    say(f"run {paths.name}, seed {settings.seed}, {settings.workers} workers, {who}")
    return work_on(args, workspace, task, paths, discover_run)
