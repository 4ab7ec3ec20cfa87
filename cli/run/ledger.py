"""`archwright ledger`: the campaign as a table, a line for each candidate."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from archwright.agents.proposers.campaign import LedgerRow
from archwright.cli.options import HERE, AsJson, Folder, RunName, chosen_run
from archwright.cli.output import emit, say
from archwright.cli.run.consoles import show
from archwright.core import Metric
from archwright.runs.journal import Journal
from archwright.runs.results.ledger import best_of, ledger_of
from archwright.runs.results.observing import observe
from archwright.runs.results.report import stretching_table
from archwright.runs.results.wording import clean, printable

PARENTS_CHARACTERS: Final = 9


def ledger(run: RunName = "latest", /, *, workspace: Folder = HERE, json: AsJson = False) -> None:
    """Print every candidate of a run in any state, repaired ones included, in the order of their
    proposal: id, parents, idea, parameters, mean score at each training budget, seeds, status."""
    with Journal.open(chosen_run(run, workspace)) as journal:
        rows, facts, standing = ledger_of(journal), journal.facts, observe(journal).aim
    document = [row.model_dump(mode="json") for row in rows]
    smallest = standing.smallest if standing else None
    best = best_of(rows) if smallest is None else smallest.id
    emit(json, document, lambda: _print(rows, facts.rungs, facts.metric, best))
    if not json:
        what = "best" if smallest is None else "smallest at the floor"
        say(
            f"* the {what} so far; `archwright show {clean(journal.run)} CANDIDATE` shows one whole"
        )


def _print(rows: list[LedgerRow], rungs: tuple[int, ...], metric: Metric, best: str) -> None:
    table = stretching_table(
        *("id", "from", "idea", "params", *map(str, rungs), "n", "status"), stretched="idea"
    )
    for row in rows:
        mark = "*" if row.candidate == best else ""
        cells = (
            f"{clean(row.candidate, 20)}{mark}",
            printable(",".join(row.parents))[:PARENTS_CHARACTERS],
            clean(row.title),
            f"{row.parameters:,}" if row.parameters else "",
            *(_score(metric, row.scores.get(str(steps))) for steps in rungs),
            str(row.seeds or ""),
            row.status,
        )
        table.add_row(*map(Text, cells), style="bold" if mark else "")
    show(table)


def _score(metric: Metric, score: float | None) -> str:
    """A score without its unit, which is the same in all of the table."""
    if score is None:
        return ""
    return f"{score:.2f}" if metric.unit == "%" else f"{score:.4g}"
