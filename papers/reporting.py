"""A reproduction's report: lines for the terminal, and a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from archwright.core import Metric
from archwright.runs.results.saving import fill_page, save_page
from archwright.runs.results.wording import (
    clean,
    duration_text,
    gain_text,
    interval_text,
    score_text,
)

PAGE_NAME: Final = "report.html"
_MARKS: Final = {"passed": "ok  ", "failed": "FAIL", "open": "?   "}


def report_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The report, line by line, safe to print.

    Args:
        document: as `archwright.papers.starting.read_result` gives it.
    """
    yield f"{clean(document['paper']['title'])} ({document['paper']['id']}) on {document['task']}"
    if "verdict" not in document:
        yield f"{document['state']}: {document['trials']} trainings so far, no verdict yet"
        return
    yield (
        f"{document['verdict'].upper()}; rubric {document['score']:.2f} of 1; "
        f"{document['trials']} trainings in {duration_text(document['spend']['seconds'])}"
    )
    for claim in document["claims"]:
        yield ""
        yield from _claim_lines(document, claim)
    yield ""
    yield "rubric"
    yield from _rubric_lines(document["rubric"]["items"], 1)
    yield ""
    yield "what was shrunk: a scaled run says nothing about the paper's own numbers"
    for size in document["shrunk"]:
        paper = clean(size["paper"]) or "not said"
        yield f"  {size['what']}: {clean(size['here'])} (paper: {paper})"
    yield ""
    yield f"branch: {document['branch']}"
    for notice in document["notices"]:
        yield f"note: {clean(notice)}"


def _claim_lines(document: Mapping[str, Any], claim: Mapping[str, Any]) -> Iterator[str]:
    metric = _metric(document)
    yield f"claim {claim['id']}: {clean(claim['words'])}: {claim['ruling']}"
    yield f"  {clean(claim['quote'], 500)!r}"
    if claim["conditions"]:
        yield f"  {clean(claim['conditions'], 500)}"
    for arm in (claim["baseline"], claim["method"]):
        mean = "not measured" if arm["mean"] is None else score_text(metric, arm["mean"])
        yield f"  {clean(arm['title'])}: {mean} ({arm['parameters']:,} parameters)"
    if claim["method_mean"] is not None:
        yield (
            f"  difference {gain_text(metric, claim['effect'])} "
            f"({interval_text(metric, claim['interval'])}) on {claim['seeds']} paired seeds"
        )
    yield f"  {clean(claim['reason'])}"


def _metric(document: Mapping[str, Any]) -> Metric:
    """What its scores and differences are written with."""
    return Metric(document.get("metric", ""), "maximize", document.get("unit", ""))


def _rubric_lines(items: list[Mapping[str, Any]], depth: int) -> Iterator[str]:
    for item in items:
        detail = f": {clean(item['detail'])}" if item["detail"] else ""
        weight = f" [{item['weight']:.2f}]" if depth == 1 else ""
        yield f"{'  ' * depth}{_MARKS[item['state']]} {clean(item['name'])}{weight}{detail}"
        passed = item["state"] == "passed" and depth > 1
        yield from () if passed else _rubric_lines(item["items"], depth + 1)


def write_report_page(document: Mapping[str, Any], path: Path) -> Path:
    """Write the report as one self-contained page, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    save_page(_render(document), path)
    return path


def _render(document: Mapping[str, Any]) -> str:
    metric = _metric(document)
    fields = {
        "done": document,
        "clean": clean,
        "duration": duration_text,
        "score": lambda value: "not measured" if value is None else score_text(metric, value),
        "gain": lambda value: gain_text(metric, value),
        "interval": lambda value: interval_text(metric, value),
    }
    return fill_page("archwright.papers", fields)
