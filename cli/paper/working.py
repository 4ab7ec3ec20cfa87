"""What `paper reproduce`, `resume` and `report` share: a reproduction's view, report and end."""

from __future__ import annotations

from pathlib import Path

from archwright.cli.output import emit, say, write_page
from archwright.cli.run.starting import say_resume, see_through
from archwright.core.settings import RunSettings
from archwright.papers.experiment import Experiment
from archwright.papers.reporting import PAGE_NAME, report_lines, write_report_page
from archwright.papers.reproduction import most_trainings
from archwright.papers.starting import read_result, reproduce
from archwright.runs.journal import Journal
from archwright.runs.session import INTERRUPTED
from archwright.runs.workspace.paths import RunPaths
from archwright.tasks.loading import Task


def work_on_paper(paths: RunPaths, task: Task, workspace: str, plain: bool, as_json: bool) -> int:
    """See a reproduction through and print its report; returns the exit code."""
    say(f"run {paths.name}: {_plan(paths)}")
    ended = see_through(paths, task, reproduce, workspace, plain)
    report_paper(paths, None, as_json)
    if not ended:
        say_resume(paths, workspace)
    return 0 if ended else INTERRUPTED


def report_paper(
    paths: RunPaths, html: Path | None, as_json: bool, asked: bool = False
) -> Path | None:
    """Print the report of a reproduction in any state, write its page, and say where it is; see
    `write_page`."""
    with Journal.open(paths) as journal:
        document = read_result(journal)
    place = html or paths.root / PAGE_NAME
    page, said = write_page(lambda: write_report_page(document, place), asked)
    document["page"] = page and str(page)
    emit(as_json, document, lambda: print("\n".join(report_lines(document))))
    say(said)
    return page


def _plan(paths: RunPaths) -> str:
    with Journal.open(paths) as journal:
        facts = journal.facts
    if facts.experiment is None:
        return "a model writes the method first"
    experiment = Experiment.from_json(facts.experiment)
    most = most_trainings(experiment, RunSettings(**facts.settings))
    return f"{len(experiment.claims)} claims, {len(experiment.arms)} arms, {most} trainings at most"
