"""`archwright report`: what a run found, and what it cost; in the terminal and as a page."""

from __future__ import annotations

import argparse
from pathlib import Path

from archwright.cli.choosing import add_run_arguments, chosen_run
from archwright.cli.consoles import show
from archwright.cli.output import emit, say
from archwright.papers.facts import is_reproduction
from archwright.runs.journal import Journal
from archwright.runs.results.guesses import guess_words, judge_guesses
from archwright.runs.results.observing import observe
from archwright.runs.results.report import render_report, report_document


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright report`."""
    add_run_arguments(parser)
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="where the page goes (default: report.html beside the run's journal)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def run(args: argparse.Namespace) -> int:
    """Print the report of a run in any state, and write its page."""
    # Drawing takes a moment to load, and only the report itself needs it.
    from archwright.runs.results.page import write_page

    paths = chosen_run(args)
    if is_reproduction(paths):
        from archwright.cli.reproducing import report_paper

        page = report_paper(args, paths)
        if args.open:
            _open(page)
        return 0
    with Journal.open(paths) as journal:
        snapshot = observe(journal)
        page = write_page(journal, snapshot, args.html, args.workspace).resolve()
        guesses = judge_guesses(journal)
    document = {**report_document(snapshot, args.workspace), "guesses": guesses, "page": str(page)}
    emit(args, document, lambda: show(render_report(snapshot, args.workspace)))
    if guesses is not None:
        say(f"training-free guesses: {guess_words(guesses)}")
    say(f"page: {page}")
    if args.open:
        _open(page)
    return 0


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.as_uri()):
        say(f"no browser was found here: open {page.as_uri()} in yours")
