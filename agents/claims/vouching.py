"""Which cells of a table are claimed: the paper's own, each under one name, with its row as quote.

What cannot be vouched for is told with the reason.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from archwright.agents.claims.owners import Names, is_reference_point
from archwright.agents.claims.quotes import quote_rows
from archwright.agents.claims.tables import MeasuredCell, ReadTable, row_label
from archwright.agents.claims.words import plain
from archwright.agents.plans import Claim, Grid, MissingPart, PaperQuestion

_DOUBTS_AT_MOST: Final = 8
_NEARBY_AT_MOST: Final = 1500


def read_table(table: Grid, question: PaperQuestion, names: Names) -> ReadTable:
    """A table with the sentences of the paper that are about it."""
    near = " ".join(_about(table.label, question)) if table.label else ""
    return ReadTable(table, names, near[:_NEARBY_AT_MOST])


def _about(label: str, question: PaperQuestion) -> Iterator[str]:
    """The sentences that name a label; its caption is none."""
    named = re.compile(rf"\b{re.escape(label)}\b(?!\s*[:.])")
    for section in question.sections:
        for match in named.finditer(section.text):
            start = max(section.text.rfind(mark, 0, match.start()) for mark in (".", "\n\n"))
            end = section.text.find(".", match.end())
            yield section.text[start + 1 : end + 1 if end >= 0 else None]


def table_claims(table: ReadTable, text: str) -> tuple[list[Claim], list[MissingPart]]:
    """The claims of one table, and what of it is in doubt.

    Args:
        text: of the section that the table stands in, for the quotes.
    """
    quotes = quote_rows(table.table, text)
    entries = list(table.entries())
    own = [e for e in entries if e.owner == "own"]
    doubts: list[tuple[str, str]] = []
    if table.layout is None:
        if table.table.rows:
            doubts.append(("the table", "its columns cannot be told apart"))
    else:
        doubts += [
            (name, "its row has other columns than the header") for name in table.layout.ragged
        ]
    if entries and not own:
        doubts.append(("the table", "no row or column of it is known to be the paper's own"))
    ablations = dict.fromkeys(e.method for e in entries if e.owner == "ablation")
    if ablations:
        doubts.append((", ".join(ablations), "without a part of the method: an ablation"))
    claims = []
    for entry in _told_apart(table, own):
        fault = entry.fault or ("" if entry.line.place in quotes else "its row is not in the text")
        if fault or entry.metric is None:
            doubts.append((f"{row_label(table, entry)}, column {table.head(entry.column)}", fault))
            continue
        claims.append(_claim(table, entry, entries, quotes[entry.line.place]))
    return claims, list(_missing(table.table.label or "a table", doubts))


def _claim(
    table: ReadTable, entry: MeasuredCell, entries: Sequence[MeasuredCell], quote: str
) -> Claim:
    metric = entry.metric
    assert metric is not None
    best = _best_other(entry, entries)
    return Claim(
        metric=metric.name,
        value=entry.reading.value,
        unit=entry.reading.unit,
        direction=metric.direction,
        data_set=entry.data_set,
        method=entry.method,
        baseline=best.method if best else "",
        baseline_value=best.reading.value if best else None,
        table=table.table.label,
        row=row_label(table, entry),
        column=table.head(entry.column),
        quote=quote,
    )


def _best_other(entry: MeasuredCell, entries: Sequence[MeasuredCell]) -> MeasuredCell | None:
    """The best of others' values of the same metric on the same data."""
    rivals = [
        e
        for e in entries
        if not e.fault
        and e.owner in ("other", "")
        and not is_reference_point(e.method)
        and (e.metric, e.data_set) == (entry.metric, entry.data_set)
    ]
    # Those under the same headings before the others.
    rivals = [e for e in rivals if e.line.group == entry.line.group] or rivals
    rivals = [e for e in rivals if e.column == entry.column or e.line == entry.line] or rivals
    if not rivals or entry.metric is None or not entry.metric.direction:
        return None
    chosen = max if entry.metric.direction == "higher" else min
    return chosen(rivals, key=lambda e: e.reading.value)


def _told_apart(table: ReadTable, own: Iterable[MeasuredCell]) -> Iterator[MeasuredCell]:
    """The entries, those that share a name with the words that tell them apart: a setting's column,
    or the heading above the row."""
    entries = list(own)
    by_name = defaultdict(list)
    for entry in entries:
        by_name[_subject(entry)].append(entry)
    rows: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        rows[entry.method].add(entry.line.place)
    for entry in entries:
        if len(by_name[_subject(entry)]) == 1:
            yield entry
            continue
        rivals = {e.line.place: e.line for e in by_name[_subject(entry)]}
        said = table.difference(entry.line, list(rivals.values()))
        if len(rivals) > 1 and said:
            yield replace(entry, method=f"{entry.method} ({said})")
        else:
            yield replace(entry, fault="several cells have these headings")


def _subject(entry: MeasuredCell) -> tuple[str, ...]:
    return (entry.metric.name if entry.metric else "", entry.data_set, entry.method)


def _missing(label: str, doubts: Sequence[tuple[str, str]]) -> Iterator[MissingPart]:
    """The doubts, those of one reason in one line."""
    by_reason = defaultdict(list)
    for what, reason in doubts:
        by_reason[reason].append(plain(what))
    for reason, whats in by_reason.items():
        more = f" and {len(whats) - _DOUBTS_AT_MOST} more" if len(whats) > _DOUBTS_AT_MOST else ""
        yield MissingPart(
            what=f"{label}: {'; '.join(whats[:_DOUBTS_AT_MOST])}{more}", reason=reason
        )
