"""The run that a command is about: its arguments, and how it is found."""

from __future__ import annotations

import argparse
from pathlib import Path

from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace


def add_workspace_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--workspace`."""
    parser.add_argument(
        "--workspace", default=".", metavar="DIR", help="the workspace (default: this folder)"
    )


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add RUN, `--workspace` and `--json`."""
    parser.add_argument(
        "name",
        nargs="?",
        default="latest",
        metavar="RUN",
        help="a run's name or how it begins (default: the latest)",
    )
    add_workspace_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def chosen_run(args: argparse.Namespace) -> RunPaths:
    """The run that the arguments name.

    Raises:
        WorkspaceError: the workspace is none.
        RunError: no run, or several, are called so.
    """
    return find_run(Workspace.open(Path(args.workspace)), args.name)
