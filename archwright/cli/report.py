"""`archwright report`: what a run found, and what it cost."""

from __future__ import annotations

import argparse

from archwright.cli.choosing import add_run_arguments, chosen_run
from archwright.cli.consoles import show
from archwright.cli.output import emit
from archwright.runs.journal import Journal
from archwright.runs.observing import observe
from archwright.runs.report import render_report, report_document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright report`."""
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the report of a run in any state."""
    with Journal.open(chosen_run(args), readonly=True) as journal:
        snapshot = observe(journal)
    document = report_document(snapshot, args.workspace)
    emit(args, document, lambda: show(render_report(snapshot, args.workspace)))
    return 0
