"""Renders the page from a run's journal, and writes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from archwright.runs.journal import Journal
from archwright.runs.results import headline
from archwright.runs.results.branches import usage
from archwright.runs.results.evidence import Evidence, gather_evidence
from archwright.runs.results.page.chart import Chart, csv_link
from archwright.runs.results.page.lineage import fold_lineage, trace_lineage
from archwright.runs.results.page.scorecard import score_run
from archwright.runs.results.page.search_charts import (
    best_chart,
    flops_chart,
    funnel_chart,
    gains_chart,
    latency_chart,
    parameters_chart,
)
from archwright.runs.results.page.verdict_charts import compute_chart, curve_charts, verdict_chart
from archwright.runs.results.saving import fill_page, save_page
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import (
    TOP_COUNT,
    examples_used,
    failures,
    gain_over_baseline,
    next_steps,
    ranked,
    verdicts_best_first,
)
from archwright.runs.results.wording import (
    STATEMENT,
    clean,
    duration_text,
    forced_words,
    gain_text,
    gives_words,
    interval_text,
    look_words,
    reached_words,
    score_text,
    steer_words,
)

PAGE_NAME: Final = "report.html"

_GROUPS: Final[tuple[tuple[str, Any], ...]] = (
    ("search", (best_chart, gains_chart, compute_chart, funnel_chart)),
    ("cost", (parameters_chart, flops_chart, latency_chart)),
)


def write_page(
    journal: Journal, snapshot: Snapshot, path: Path | None = None, workspace: str = "."
) -> Path:
    """Write the report of a run to `path`, whole or not at all, and return where it went.

    Args:
        journal: the run's, for what a snapshot does not hold.
        snapshot: the run at one moment.
        path: of the HTML file, `report.html` beside the journal unless given; what is there is
            replaced.
        workspace: the folder that the commands on the page name.

    Raises:
        RunError: the file cannot be written.
    """
    path = path or journal.paths.root / PAGE_NAME
    page = render_page(snapshot, gather_evidence(journal, snapshot), workspace)
    save_page(page, path)
    return path


def render_page(snapshot: Snapshot, evidence: Evidence, workspace: str = ".") -> str:
    """The report as HTML; see `fill_page`."""
    fields = {**_wording(snapshot), **_context(snapshot, evidence, workspace)}
    return fill_page("archwright.runs.results.page", fields)


def _wording(snapshot: Snapshot) -> Mapping[str, Any]:
    """How values are written, for the template."""
    metric = snapshot.metric
    return {
        "clean": clean,
        "statement": STATEMENT,
        "duration": duration_text,
        "score": partial(score_text, metric),
        "gain": partial(gain_text, metric),
        "interval": partial(interval_text, metric),
        "forced": partial(forced_words, metric),
        "gives": partial(gives_words, metric),
        "look": look_words,
        "over_baseline": partial(gain_over_baseline, snapshot),
        "verdict_words": headline.verdict_words,
        "reached": partial(reached_words, metric),
        "usage_words": usage.WORDS,
    }


def _context(snapshot: Snapshot, evidence: Evidence, workspace: str) -> dict[str, Any]:
    found = failures(snapshot)
    return {
        "run": snapshot,
        "title": headline.title_of(snapshot),
        "state": headline.state_of(snapshot),
        "sentences": list(headline.tell(snapshot)),
        "verdicts": verdicts_best_first(snapshot),
        "verdict_charts": _drawn([verdict_chart(snapshot, evidence)]),
        "charts": {
            group: _drawn([make(snapshot, evidence) for make in makers])
            for group, makers in _GROUPS
        },
        "curves": _drawn(list(curve_charts(snapshot, evidence))),
        "lineage": fold_lineage(trace_lineage(snapshot, evidence)),
        "top": ranked(snapshot)[:TOP_COUNT],
        "all_link": _all_candidates(snapshot),
        "failures": found,
        "failures_link": _failures_link(found),
        "most_failures": max((f["count"] for f in found), default=1),
        "examples": examples_used(snapshot),
        "criteria": score_run(snapshot, evidence),
        "calls": evidence.calls,
        "test_evaluations": evidence.test_evaluations,
        "memo": snapshot.memo.splitlines(),
        "steer": list(steer_words(snapshot.steer, snapshot.seeds)),
        "steps": next_steps(snapshot, workspace),
    }


def _drawn(charts: list[Chart | None]) -> list[dict[str, Any]]:
    """Charts for the template; their SVG and links are ours and need no escaping."""
    return [
        {
            "name": chart.name,
            "title": chart.title,
            "caption": chart.caption,
            "svg": Markup(chart.svg),
            "link": chart.csv_link,
        }
        for chart in charts
        if chart is not None
    ]


def _failures_link(found: list[dict[str, Any]]) -> str:
    columns = ("end", "cause", "count", "candidate")
    return csv_link(columns, [[item[name] for name in columns] for item in found])


def _all_candidates(snapshot: Snapshot) -> str:
    """Every candidate with its end, as the address of a CSV file."""
    columns = (
        *("candidate", "title", "operator", "parents", "arm", "end", "reason", "rung"),
        *("score", "gain", "seeds", "parameters", "flops", "latency_ms", "measured_ms", "int8"),
    )
    rows = [
        (
            *(row.id, clean(row.title), row.operator, " ".join(row.parents), row.arm),
            *(str(row.status), clean(row.reason), row.rung),
            *(row.score, row.gain, row.seeds, row.parameters, row.flops),
            *(row.latency_ms, row.measured_ms, row.int8),
        )
        for row in snapshot.candidates
    ]
    return csv_link(columns, rows)
