"""`archwright resume RUN`: carry on a run that was stopped or killed."""

from __future__ import annotations

import argparse
from pathlib import Path

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.models import add_model_arguments, model_settings
from archwright.cli.running import add_view_arguments, work_on
from archwright.papers.facts import is_reproduction
from archwright.runs.phases import discover as discover_run
from archwright.runs.starting import amend, task_of
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright resume`."""
    parser.add_argument("name", nargs="?", default="latest", metavar="RUN")
    add_model_arguments(parser)
    add_workspace_argument(parser)
    add_view_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Go on where the journal ends. A finished run stays as it is."""
    workspace = Workspace.open(Path(args.workspace))
    paths = find_run(workspace, args.name)
    if is_reproduction(paths):
        # Its report is of another kind, and takes a moment to load.
        from archwright.cli.reproducing import work_on_paper

        return work_on_paper(args, workspace, task_of(paths), paths)
    amend(paths, {k: v for k, v in model_settings(args).items() if v is not None})
    return work_on(args, workspace, task_of(paths), paths, discover_run)
