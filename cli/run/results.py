"""`archwright report` and `pareto`: what a run found, in the terminal and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from archwright.cli.options import HERE, AsJson, Folder, RunName, chosen_run
from archwright.cli.output import emit, say, write_page
from archwright.cli.run.consoles import show
from archwright.core import read_objectives
from archwright.papers.facts import is_reproduction
from archwright.runs.journal import Journal
from archwright.runs.results.guesses import guess_words, judge_guesses
from archwright.runs.results.observing import observe
from archwright.runs.results.report import front_table, render_report, report_document
from archwright.runs.results.result import result_of
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.tradeoffs import (
    front_document,
    front_of,
    objectives_of,
    predict_latencies,
)
from archwright.runs.results.wording import aim_words
from archwright.runs.workspace.device import device_of
from archwright.runs.workspace.workspace import Workspace


def report(
    run: RunName = "latest",
    /,
    *,
    html: Path | None = None,
    open_: Annotated[bool, Parameter("--open")] = False,
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Print the report of a run in any state, and write its page.

    Args:
        html: Where the page goes (default: report.html beside the run's journal).
        open_: Open the page in a browser.
    """
    # Drawing takes a moment to load, and only the report itself needs it.
    from archwright.runs.results.page import write_page as write

    asked = html is not None or open_
    paths = chosen_run(run, workspace)
    if is_reproduction(paths):
        from archwright.cli.paper.working import report_paper

        page = report_paper(paths, html, json, asked)
    else:
        with Journal.open(paths) as journal:
            snapshot = observe(journal)
            page, said = write_page(lambda: write(journal, snapshot, html, workspace), asked)
            guesses = judge_guesses(journal)
        document = {
            **report_document(snapshot, workspace),
            "guesses": guesses,
            "page": page and str(page),
        }
        emit(json, document, lambda: show(render_report(snapshot, workspace)))
        if guesses is not None:
            say(f"training-free guesses: {guess_words(guesses)}")
        say(said)
    if open_ and page is not None:
        _open(page)


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.as_uri()):
        say(f"no browser was found here: open {page.as_uri()} in yours")


# --- pareto --------------------------------------------------------------------------------------


def pareto(
    run: RunName = "latest",
    /,
    *,
    objective: str = "",
    workspace: Folder = HERE,
    json: AsJson = False,
) -> None:
    """Print the Pareto front of a run in any state.

    Args:
        objective: Quality and any of parameters, flops, latency, int8 (default: those of the run).
    """
    asked = read_objectives(objective.split(",")) if objective else None
    with Journal.open(chosen_run(run, workspace)) as journal:
        snapshot = observe(journal)
        objectives = asked or objectives_of(snapshot)
        if "latency" in objectives:
            device = device_of(Workspace.open(Path(workspace), writes=False).paths)
            snapshot = predict_latencies(journal, snapshot, device)
    emit(json, _document(snapshot, objectives), lambda: _print(snapshot, objectives))


def _document(snapshot: Snapshot, objectives: tuple[str, ...]) -> dict[str, Any]:
    base = snapshot.baseline
    keys = ("mean", "parameters", "flops", "latency_ms", "measured_ms", "int8", "int8_bytes")
    return {
        "run": snapshot.run,
        "task": snapshot.task,
        "objectives": list(objectives),
        "aim": result_of(snapshot)["aim"],
        "baseline": None if base is None else {key: getattr(base, key) for key in keys},
        "front": front_document(snapshot, objectives),
    }


def _print(snapshot: Snapshot, objectives: tuple[str, ...]) -> None:
    front = front_of(snapshot, objectives)
    if snapshot.aim is not None:
        for words in aim_words(snapshot.aim):
            say(words)
    if not front:
        print(f"{snapshot.run} has no candidate at the top rung that the baseline does not beat")
        return
    show(front_table(snapshot, front))
