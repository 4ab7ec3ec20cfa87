"""Claims in tables: each value of the paper's own with the metric, the data set and the method that
its headings name, beside the best of the others in the same table.

A table is resolved cell by cell. What a heading does not say is looked for in the caption; what
neither tells is no claim but a doubt, with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from archwright.agents.claims.cells import CellReading, read_cell
from archwright.agents.claims.headings import (
    AVERAGE,
    DEVIATION,
    SIZE,
    is_partition,
    is_scaled,
    is_setting,
    rest_of,
)
from archwright.agents.claims.layout import (
    BodyRow,
    TableLayout,
    is_cited,
    lay_out,
    without_citation,
)
from archwright.agents.claims.owners import OURS, Names, Owner, owner_of
from archwright.agents.claims.words import (
    NamedMetric,
    data_set_of_caption,
    is_changed,
    is_quantity,
    is_suite,
    known_data_sets,
    mentions,
    metric_in,
    plain,
    split_in,
)
from archwright.agents.plans import Grid

_OWN_VARIANTS: Final = re.compile(
    r"\b(?:variations?|variants?|configurations?|versions?|sizes) (?:on|of|in) (?:the |our )?"
    r"(.{1,40})",
    re.IGNORECASE,
)
_DEFAULT: Final = re.compile(r"\b(?:other|rest|remaining|all)\b", re.IGNORECASE)
_NOBODY: Final[Owner] = ""


@dataclass(frozen=True, slots=True)
class MeasuredCell:
    """A cell with what it is a value of. `fault` says why it is none; it is empty for a value."""

    line: BodyRow
    column: int
    reading: CellReading
    metric: NamedMetric | None
    data_set: str
    method: str
    owner: Owner
    fault: str = ""


class ReadTable:
    """A table whose cells are resolved."""

    def __init__(self, table: Grid, names: Names, nearby: str = "") -> None:
        """Read the table.

        Args:
            names: what the paper calls its own.
            nearby: sentences of the text that are about this table.
        """
        self.table = table
        self._names = names
        self._nearby = nearby
        self.layout = lay_out(table)
        self.caption = plain(f"{table.caption} {self.layout.title if self.layout else ''}")

    def column_metric(self, column: int) -> NamedMetric | None:
        """The metric that the headings of a column name, the nearest first."""
        if self.layout is None:
            return None
        for part in reversed(self.layout.heads[column]):
            if is_quantity(part):
                return None
            if found := metric_in(plain(part)):
                return found
        return None

    def is_other_quantity(self, column: int) -> bool:
        """Whether a column is about a size, a cost or a setting."""
        if self.layout is None:
            return False
        for part in reversed(self.layout.heads[column]):
            if is_quantity(part):
                return True
            if metric_in(plain(part)):
                return False
        return False

    def entries(self) -> Iterator[MeasuredCell]:
        """Every cell that may be a value."""
        layout = self.layout
        if layout is None:
            return
        across = self._methods_across(layout)
        rows = self._row_owners(layout)
        told = any(self.column_metric(c) for c in layout.values)
        for line in layout.lines:
            label = row_name(layout, line)
            for column in layout.values:
                reading = read_cell(line.cells[column])
                if reading.kind in ("empty", "words") or self.is_other_quantity(column):
                    continue
                measured = " ".join(line.cells[c] for c in layout.metrics) or label
                if across and is_quantity(measured):
                    continue
                entry = self._resolve(layout, line, column, reading, told, across)
                yield entry if across else replace(entry, owner=rows[line.place])

    def head(self, column: int) -> str:
        """The headings over a column, as they are shown."""
        return self.layout.head(column) if self.layout else ""

    def difference(self, line: BodyRow, lines: Sequence[BodyRow]) -> str:
        """What tells a row from others of its name: the heading over it, or the cell of a column of
        settings; empty where nothing does."""
        layout = self.layout
        if layout is None:
            return ""
        measured = {c for c in layout.values if not self.is_other_quantity(c)}
        free = [c for c in range(len(layout.heads)) if c not in (*measured, *layout.names)]
        words = [c for c in free if c not in layout.values]
        columns = [*words, *(c for c in free if c in layout.values and is_setting(layout.head(c)))]
        for tells in (_group, *((lambda row, c=c: plain(row.cells[c])) for c in columns)):
            said = [tells(row) for row in lines]
            if len(set(said)) == len(said) and all(said):
                return tells(line)
        return ""

    # --- whose ------------------------------------------------------------------------------------

    def _methods_across(self, layout: TableLayout) -> bool:
        """Whether methods stand in the header and what is measured in the rows."""
        if any(
            owner_of(part, self._names) == "own" for c in layout.values for part in layout.heads[c]
        ):
            return True
        if any(self._owner(layout, line) == "own" for line in layout.lines):
            return False
        labels = [row_name(layout, line) for line in layout.lines]
        measured = sum(bool(metric_in(t) or known_data_sets(t)) for t in labels)
        heads = [" ".join(layout.heads[c]) for c in layout.values]
        return 2 * measured > len(labels) and not any(
            metric_in(plain(h)) or known_data_sets(h) for h in heads
        )

    def _owner(self, layout: TableLayout, line: BodyRow) -> Owner:
        label = " ".join(line.cells[c] for c in layout.names)
        by_label = owner_of(label, self._names)
        if by_label or not line.group or is_cited(line.group):
            return by_label
        return "own" if OURS.search(line.group) else ""

    def _row_owners(self, layout: TableLayout) -> Mapping[int, Owner]:
        """By place of the row; where names tell nothing, what stands last and uncited is the
        paper's own, as are all variants of what the caption says."""
        found = {line.place: self._owner(layout, line) for line in layout.lines}
        if "own" in found.values():
            return found
        variants = _OWN_VARIANTS.search(self.caption)
        if variants and (OURS.search(self.caption) or self._names.named_in(variants[1])):
            return {place: owner or "own" for place, owner in found.items()}
        tail = []
        for line in reversed(layout.lines):
            if found[line.place]:
                break
            tail.append(line.place)
        unknown = [line for line in layout.lines if not found[line.place]]
        alone = len(layout.lines) == 1
        last = [line.place for line in unknown] == tail[::-1] and len(unknown) < len(found)
        if unknown and (alone or (last and _is_family(row_name(layout, u) for u in unknown))):
            return {place: owner or "own" for place, owner in found.items()}
        return found

    # --- of what ----------------------------------------------------------------------------------

    def _resolve(
        self,
        layout: TableLayout,
        line: BodyRow,
        column: int,
        reading: CellReading,
        told: bool,
        across: bool,
    ) -> MeasuredCell:
        label = row_name(layout, line)
        path = tuple(map(plain, layout.heads[column]))
        own_metric = self.column_metric(column)
        in_row = " ".join(plain(line.cells[c]) for c in layout.metrics) or (label if across else "")
        metric = own_metric or metric_in(in_row)
        rest = [rest_of(part) for part in path]
        method, owner = without_citation(label), _NOBODY
        if across:
            method, owner = self._across(layout, line, column)
            rest = [rest_of(label)] if self._rows_are_data(layout) else []
        if self._has_deviations(layout):
            rest = [r for r in rest if not AVERAGE.fullmatch(r)]
        sizes = [r for r in rest if SIZE.fullmatch(r)]
        rest = [r for r in rest if r not in sizes]
        if sizes and not any(rest):
            method = f"{method} ({', '.join(sizes)})"
        here = [r for r in (*rest, *(plain(line.cells[c]) for c in layout.data_sets)) if r]
        texts = (line.group, *path, in_row)
        split = next((s for part in reversed(texts) if (s := split_in(part))), "")
        part = next((r for r in here if is_partition(r, split, self.caption)), "")
        here = [r for r in here if r != part]
        fault = ""
        if metric is None and not told:
            metric, fault = self._metric_of_caption(" ".join(here) or label)
        elif metric is None:
            fault = f"the heading {layout.head(column)!r} names no metric that is known"
        if own_metric and here and not known_data_sets(here[-1]) and self._data_set_is_told():
            # "RetinaNet 1x" over AP, in a table about COCO, is not a data set but a condition.
            method = f"{method} ({here.pop()})"
        data_set, unsure = self._data_set(here, line.group)
        if not re.search(r"[^\W_]{2}", method):
            fault = fault or "its row has no name"
        fault = fault or unsure or _fault(reading, metric, split)
        if (
            metric
            and not fault
            and is_scaled((*layout.heads[column], in_row), self.table.caption, metric.name)
        ):
            fault = "its heading or the caption multiplies it"
        within = "-".join(filter(None, (split if split != "train" else "", part)))
        named = " ".join(filter(None, (data_set, within)))
        unit = reading.unit or ("%" if any("%" in part for part in path) else "")
        return MeasuredCell(
            line, column, replace(reading, unit=unit), metric, named, method, owner, fault
        )  # fmt: skip

    def _across(self, layout: TableLayout, line: BodyRow, column: int) -> tuple[str, Owner]:
        """The method that a column's headings name, and whose it is."""
        parts = [
            plain(part)
            for part in layout.heads[column]
            if not metric_in(plain(part)) and not split_in(part) and not is_quantity(part)
        ]
        owners = [owner_of(part, self._names) for part in layout.heads[column]]
        name = without_citation(" ".join(parts))
        if not self._rows_are_data(layout) and not metric_in(row_name(layout, line)):
            name = f"{name} ({without_citation(row_name(layout, line))})"
        for owner in ("other", "ablation", "own"):
            if owner in owners:
                return name, owner
        return name, "other" if "own" in self._column_owners(layout) else ""

    def _has_deviations(self, layout: TableLayout) -> bool:
        """Whether a mean in the header is one over runs."""
        return any(DEVIATION.fullmatch(plain(h)) for heads in layout.heads for h in heads)

    def _column_owners(self, layout: TableLayout) -> set[Owner]:
        return {owner_of(p, self._names) for c in layout.values for p in layout.heads[c]}

    def _rows_are_data(self, layout: TableLayout) -> bool:
        """Whether rows of a table with methods in its header are data sets, and not networks that
        the methods are applied to."""
        labels = [row_name(layout, line) for line in layout.lines]
        if any(known_data_sets(label) for label in labels):
            return True
        cited = any(is_cited(line.cells[c]) for line in layout.lines for c in layout.names)
        return not cited and not known_data_sets(self.caption)

    def _metric_of_caption(self, heading: str) -> tuple[NamedMetric | None, str]:
        """The metric that the caption gives to a heading: "F1 is reported for QQP, accuracy for the
        others"; else its only one; else the only one of the text about the table."""
        named = list(mentions(self.caption))
        found = [m for m in named if not is_changed(self.caption, m)]
        if named and not found:
            return None, "the caption is about a change of a metric, or what it costs"
        if not found:
            near = metric_in(self._nearby)
            return near, "" if near else "neither heading nor caption names a metric"
        if len({mention.metric.name for mention in found}) == 1:
            return found[0].metric, ""
        if AVERAGE.fullmatch(heading):
            return None, "it is an average over several metrics"
        by_default: NamedMetric | None = None
        ends = [mention.start for mention in found[1:]] + [len(self.caption)]
        for mention, end in zip(found, ends, strict=True):
            said = re.match(
                r"[^.;]*?\b(?:for|on)\b(?P<what>[^.;]*)", self.caption[mention.end : end]
            )
            if said and re.search(rf"\b{re.escape(heading)}\b", said["what"]):
                return mention.metric, ""
            if said and _DEFAULT.search(said["what"]):
                by_default = mention.metric
        return by_default, "" if by_default else "the caption names several metrics"

    def _data_set_is_told(self) -> bool:
        """Whether the caption names one data set that everybody knows."""
        known = known_data_sets(self.caption)
        return len(known) == 1 and not is_suite(known[0])

    def _data_set(self, here: Sequence[str], group: str) -> tuple[str, str]:
        """The data set of a cell: of the nearest heading, the group, the caption or the text."""
        for part in reversed(here):
            if AVERAGE.fullmatch(part):
                return "average", ""
            if known := known_data_sets(part):
                return part if part.startswith(known[0]) else known[0], ""
            if re.match(r"[A-Z\d]", part):
                return part, ""
            return "", f"it is unclear what {part!r} means in its heading"
        for text in (group, self.caption):
            known = known_data_sets(text)
            if len({re.sub(r"\W", "", name).lower() for name in known}) > 1:
                if text is self.caption and len(set(known)) == 2 and _same_data(*known[:2]):
                    return known[0], ""
                return "", "several data sets are named"
            if known:
                return known[0], ""
        return data_set_of_caption(self.caption) or next(
            iter(known_data_sets(self._nearby)), ""
        ), ""


def _is_family(names: Iterable[str]) -> bool:
    """Whether names differ in sizes and letters alone: `117M` and `345M`, `R-34 A` and `R-50`."""
    return len({re.sub(r"[\d.,]+[kMBT]?\b|\b[A-Z]\b|\W", "", name) for name in names}) == 1


def _same_data(a: str, b: str) -> bool:
    """Whether two names may be one data: a pair of languages and the year of its test."""
    return "-to-" in a and b.startswith("newstest")


def row_label(table: ReadTable, entry: MeasuredCell) -> str:
    """What an entry's row is called."""
    return row_name(table.layout, entry.line) if table.layout else ""


def _group(line: BodyRow) -> str:
    return plain(line.group)


def row_name(layout: TableLayout, line: BodyRow) -> str:
    """What a row is called."""
    said = dict.fromkeys(plain(line.cells[c]) for c in layout.names if line.cells[c].strip())
    return ", ".join(said)


def _fault(reading: CellReading, metric: NamedMetric | None, split: str) -> str:
    if reading.kind == "doubt":
        return reading.reason
    if split == "train":
        return "it is measured on the training data"
    if metric and metric.most and not -metric.most <= reading.value <= metric.most:
        return f"{reading.value:g} is not a value of {metric.name}"
    return ""
