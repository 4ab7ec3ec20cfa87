"""`archwright status`: look at a run, also while it goes on in another process."""

from __future__ import annotations

import argparse
import threading
import time

from archwright.cli.choosing import add_run_arguments, chosen_run
from archwright.cli.consoles import attend, show
from archwright.cli.live import render
from archwright.cli.output import emit
from archwright.runs.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import report_document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright status`."""
    add_run_arguments(parser)
    parser.add_argument("--watch", action="store_true", help="go on looking until the run ends")
    parser.add_argument("--plain", action="store_true", help="with --watch: lines, no live view")


def run(args: argparse.Namespace) -> int:
    """Print where a run stands. Exit code 0 whatever the run's state."""
    with Journal.open(chosen_run(args)) as journal:
        if args.watch:
            _watch(journal, args.plain, keep=not args.json)
        snapshot = observe(journal)
    if args.json or not args.watch:
        document = report_document(snapshot, args.workspace)
        emit(args, document, lambda: show(render(snapshot, time.time())))
    return 0


def _watch(journal: Journal, plain: bool, keep: bool) -> None:
    ended = threading.Event()

    def take() -> Snapshot:
        snapshot = observe(journal)
        if snapshot.state != "running":
            ended.set()
        return snapshot

    attend(take, ended, plain, keep)
