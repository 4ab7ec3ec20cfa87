"""Whether a claim's number stands in a column of its metric, where it is quoted from a table."""

from __future__ import annotations

from collections.abc import Iterator

from archwright.agents.claims.cells import read_cell
from archwright.agents.claims.headings import is_scaled
from archwright.agents.claims.layout import BodyRow
from archwright.agents.claims.owners import OURS, own_names, owner_of
from archwright.agents.claims.quotes import is_row, quote_rows, squash
from archwright.agents.claims.tables import ReadTable, row_name
from archwright.agents.claims.vouching import read_table
from archwright.agents.claims.words import metric_in
from archwright.agents.plans import Claim, PaperQuestion


class CellCheck:
    """The tables of a paper, each with the lines of text that its rows are."""

    def __init__(self, question: PaperQuestion) -> None:
        self._names = own_names(question)
        self._tables: list[tuple[ReadTable, dict[int, str]]] = []
        for table in question.tables:
            text = question.text_of(table.section)
            read = read_table(table, question, self._names)
            self._tables.append((read, quote_rows(table, text)))

    def fault(self, claim: Claim) -> str:
        """What is wrong with the cell that a claim is quoted from; empty where nothing is, and
        where the quote is no row of a table."""
        faults = [self._fault(claim, table, line) for table, line in self._rows(claim)]
        return "" if "" in faults else next(iter(faults), "")

    def _rows(self, claim: Claim) -> Iterator[tuple[ReadTable, BodyRow]]:
        quote = squash(claim.quote)
        for table, quotes in self._tables:
            for line in table.layout.lines if table.layout else ():
                above = table.table.rows[line.place - 1] if line.place else ()
                said = squash(quotes.get(line.place, ""))
                if quote and (quote == said or is_row(quote, line.cells, above)):
                    yield table, line

    def _fault(self, claim: Claim, table: ReadTable, line: BodyRow) -> str:
        layout = table.layout
        if layout is None or claim.kind != "value":
            return ""
        readings = {c: read_cell(line.cells[c]) for c in range(len(line.cells))}
        columns = [c for c, r in readings.items() if r.kind == "value" and r.value == claim.value]
        if not columns:
            return "its number is a deviation, a rank or a part of a cell, and no value of it"
        others = [c for c in columns if table.is_other_quantity(c)]
        if others == columns:
            return (
                f"its number stands in the column {table.head(columns[0])!r}, which is not a metric"
            )
        if not claim.unit and self._is_scaled(table, columns, claim):
            return f"its number stands under {table.head(columns[0])!r}, which multiplies it"
        told = {c: metric.name for c in columns if (metric := table.column_metric(c))}
        wanted = metric_in(claim.metric)
        names = {claim.metric, wanted.name} if wanted else set()
        if names and len(told) == len(columns) and not names & set(told.values()):
            return f"its number stands in the column {table.head(columns[0])!r}, not {claim.metric}"
        mine = OURS.search(claim.method) or self._names.named_in(claim.method)
        if mine and owner_of(row_name(layout, line), self._names) == "other":
            across = any(self._owns(part) for c in columns for part in layout.heads[c])
            return "" if across else f"its row {row_name(layout, line)!r} is not the paper's own"
        return ""

    def _is_scaled(self, table: ReadTable, columns: list[int], claim: Claim) -> bool:
        heads = table.layout.heads if table.layout else ()
        caption = table.table.caption
        return all(is_scaled(heads[c], caption, claim.metric) for c in columns)

    def _owns(self, heading: str) -> bool:
        return owner_of(heading, self._names) == "own"
