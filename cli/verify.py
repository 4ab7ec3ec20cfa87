"""`archwright verify RUN`: verify the top candidates of a run that is over."""

from __future__ import annotations

import argparse
from pathlib import Path

from archwright.cli.choosing import add_workspace_argument
from archwright.cli.running import add_view_arguments, work_on
from archwright.core import RunError
from archwright.papers.facts import is_reproduction
from archwright.runs.phases import verify
from archwright.runs.starting import task_of
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright verify`."""
    parser.add_argument("name", nargs="?", default="latest", metavar="RUN")
    parser.add_argument(
        "--force", action="store_true", help="open the test split again; shown as forced"
    )
    add_workspace_argument(parser)
    add_view_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Verify on fresh seeds; a run ends with this by itself when its budget allows."""
    workspace = Workspace.open(Path(args.workspace))
    paths = find_run(workspace, args.name)
    if is_reproduction(paths):
        raise RunError(
            f"{paths.name} reproduces a paper, and its test split stays sealed: "
            f"see `archwright report {paths.name}`, search on with `archwright paper improve`"
        )
    return work_on(args, workspace, task_of(paths), paths, lambda s: verify(s, args.force))
