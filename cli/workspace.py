"""`archwright init`: make a workspace."""

from __future__ import annotations

import argparse

from archwright.cli.output import emit
from archwright.runs.workspace.workspace import init


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright init`."""
    parser.add_argument(
        "folder", nargs="?", default=".", metavar="DIR", help="the workspace (default: this folder)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Make the folder a git repository and a workspace; what is there already stays."""
    workspace = init(args.folder)
    paths = workspace.paths
    document = {"workspace": str(paths.root), "settings": str(paths.settings)}

    def render() -> None:
        print(f"workspace {paths.root}, settings in {paths.settings.name}")
        print("next: `archwright run digits` in it discovers architectures for a built-in task")

    emit(args, document, render)
    return 0
