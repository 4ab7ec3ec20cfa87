"""Histories of a status: the latest day counts, whichever end of the list it stands at."""

# ruff: noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.knowledge.decisions.folder import parse, with_status
from archwright.knowledge.decisions.language.dates import latest

BODY = "\n\n## Context\n\nWe need it.\n\n## Decision\n\nWe do it.\n"
DAYS = [
    ("2023-07-09", "2022-11-30"), ("2023/7/9", "2022/12/1"), ("2023.07.09", "2023.07.08"),
    ("20230709", "20221130"), ("9 Jul 2023", "30 November 2022"), ("9th of July 2023", "1st May 2023"),
    ("July 9, 2023", "Nov 30th, 2022"), ("Jul 2023", "Mar 2023"), ("9.7.2023", "30.11.2022"),
    ("9. Juli 2023", "30. März 2023"), ("9 juillet 2023", "1er août 2022"),
    ("9 de julio de 2023", "30 de enero de 2023"), ("9 июля 2023", "30 ноября 2022"),
    ("2023年7月9日", "2022年11月30日"), ("2023-07", "2022-11"), ("2023", "2022"),
    ("25/07/2023", "30/11/2022"), ("07/25/2023", "11/30/2022"), ("9-Jul-2023", "30-Nov-2022"),
    ("2023-07-09T10:00Z", "2022-11-30T12:00Z"),
]  # fmt: skip
FORMS = {
    "table, day first": "| Date | Status |\n|---|---|\n| {a} | {A} |\n| {b} | {B} |\n",
    "table, status first": "| Status | Date | By |\n|---|---|---|\n| {A} | {a} | me |\n| {B} | {b} | me |\n",
    "bullets": "* {A} ({a})\n* {B} ({b})\n",
    "days first": "- {a}: {A}\n- {b}: {B}\n",
    "lines": "{A} on {a}\n\n{B} on {b}\n",
}


def status_of(status: str) -> str:
    return parse(f"# A\n\n## Status\n\n{status}{BODY}", Path("0001-a.md")).status


@pytest.mark.parametrize(("late", "early"), DAYS)
@pytest.mark.parametrize("form", FORMS)
def test_the_latest_day_counts_in_either_order(form: str, late: str, early: str) -> None:
    newest_first = FORMS[form].format(a=late, A="Deprecated", b=early, B="Accepted")
    newest_last = FORMS[form].format(a=early, A="Accepted", b=late, B="Deprecated")
    assert [status_of(newest_first), status_of(newest_last)] == ["deprecated"] * 2


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("* Rejected (2023)\n* Accepted\n", "accepted"),  # not all have a day: the last
        ("* Accepted 1/2/2023\n* Rejected 2/1/2023\n", "rejected"),  # either may be the later
        ("* Rejected 3/1/2023\n* Accepted 2/1/2023\n", "rejected"),
        ("* Rejected 2023-01-02\n* Accepted 2023-01-02\n* Proposed 2022-12-12\n", "rejected"),
        ("* Proposed 2022-12-12\n* Accepted 2023-01-02\n* Rejected 2023-01-02\n", "rejected"),
        ("* Accepted 2023-01-02\n* Superseded by ADR-7 2022-01-01\n", "accepted"),
        ("* Superseded by ADR-7\n* Accepted 2023-01-02\n", "superseded by ADR-0007"),
    ],
)
def test_where_days_do_not_decide_the_order_does(lines: str, status: str) -> None:
    assert status_of(lines) == status


def test_words_that_begin_like_a_month_are_none() -> None:
    assert latest(["Decided 2023", "Decided 30 March 2023"]) == 1
    assert latest(["Accepted", "Rejected 1.1.2023"]) is None


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_latest_line_is_the_one_that_changes(newest_first: bool) -> None:
    lines = ["* Accepted (1 Mar 2022)\n", "* Proposed (3 Jan 2021)\n"]
    text = f"# A\n\n## Status\n\n{''.join(lines if newest_first else lines[::-1])}{BODY}"
    changed = with_status(text, "deprecated", day="2024-05-06")
    said = "Deprecated (2024-05-06)" if newest_first else "Deprecated"
    assert changed == text.replace("Accepted (1 Mar 2022)", said)
    table = f"# A\n\n## Status\n\n{FORMS['table, day first']}{BODY}"
    text = table.format(a="2022-03-01", A="Accepted", b="2021-01-03", B="Proposed")
    assert with_status(text, "rejected") == text.replace("Accepted", "Rejected")
