"""Rows of a LaTeX table: cut at what is outside of groups, with spans spread over their cells."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from archwright.knowledge.papers.latex.scanning import Scanner

_MARK = re.compile(
    r"\\\\|\\tabularnewline(?![A-Za-z])|\\cr(?![A-Za-z])|&|[{}]|\\(?:begin|end)\s*\{[^{}]*\}|\\.",
    re.DOTALL,
)
_COLUMNS = re.compile(r"\\multicolumn\s*\{?\s*(\d+)")
_ROWS = re.compile(r"\\multirow(?:cell)?\s*(?:\[[^\]]*\]\s*)?\{?\s*(-?\d+)")
_SET = re.compile(r"\\SetCell\s*\[([^\]]*)\]")
_BLOCK = re.compile(r"\\Block\s*(?:\[[^\]]*\])?\s*\{(\d+)-(\d+)\}")
_PART = re.compile(r"\\end(firsthead|head|foot|lastfoot)(?![A-Za-z])")
_SPAN_AT_MOST: Final = 50

Rows = tuple[tuple[str, ...], ...]


def read_rows(source: str, tell: Callable[[str], str]) -> Rows:
    """The rows of what stands inside a tabular, all of one length.

    The text of a cell that spans columns or rows stands in each of those that it spans.

    Args:
        tell: turns the source of a cell into a line of text.
    """
    rows: list[list[str]] = []
    spans: list[tuple[int, int, int, int]] = []
    for line in _lines(_without_repeated(source)):
        row: list[str] = []
        for cell in line:
            text = tell(cell)
            width = _number(_COLUMNS.search(cell))
            across, down = _spanned(cell, width)
            if text and (down != 1 or across > width):
                spans.append((len(rows), len(row), across, down))
            row += [text] * width
        rows.append(row)
    width = max(map(len, rows), default=0)
    grid = [row + [""] * (width - len(row)) for row in rows]
    for place, column, columns, height in spans:
        _spread(grid, place, column, columns, height)
    return tuple(tuple(row) for row in grid if any(row))


def _without_repeated(source: str) -> str:
    """The rows of a long table without what it says again at each end of a page."""
    place, parts = 0, dict[str, str]()
    for found in _PART.finditer(source):
        parts[found[1]] = source[place : found.start()]
        place = found.end()
    head = parts.get("firsthead", parts.get("head", ""))
    return f"{head} {source[place:]}" if parts else source


def _spanned(cell: str, width: int) -> tuple[int, int]:
    """How many columns and rows a cell spans; those of nicematrix and tabularray leave the cells
    that they span empty."""
    if block := _BLOCK.search(cell):
        return _number(re.match(r"(\d+)", block[2])), _number(re.match(r"(\d+)", block[1]))
    given = _SET.search(cell)
    options = given[1] if given else ""
    across = max(width, _number(re.search(r"c\s*=\s*(\d+)", options)))
    return across, _number(_ROWS.search(cell) or re.search(r"r\s*=\s*(\d+)", options))


def _number(found: re.Match[str] | None) -> int:
    return max(-_SPAN_AT_MOST, min(int(found[1]), _SPAN_AT_MOST)) or 1 if found else 1


def _spread(grid: list[list[str]], row: int, column: int, columns: int, height: int) -> None:
    """Fill the empty cells that one spans, upwards where it counts so."""
    text = grid[row][column]
    for place in range(row, row + height, 1 if height > 0 else -1):
        if not 0 <= place < len(grid):
            break
        for beside in range(column, min(column + columns, len(grid[place]))):
            grid[place][beside] = grid[place][beside] or text


def _lines(source: str) -> list[list[str]]:
    """The sources of the cells of each row."""
    scanner = Scanner(source)
    lines: list[list[str]] = [[]]
    start = depth = 0
    while found := _MARK.search(source, scanner.place):
        mark = found[0]
        scanner.place = found.end()
        if mark == "{" or mark.startswith("\\begin"):
            depth += 1
        elif mark == "}" or (mark.startswith("\\end") and mark.endswith("}")):
            depth = max(0, depth - 1)
        elif depth == 0 and (mark == "&" or mark in ("\\\\", "\\tabularnewline", "\\cr")):
            lines[-1].append(source[start : found.start()])
            if mark != "&":
                scanner.star()
                if scanner.after == "[":
                    scanner.option()
                lines.append([])
            start = scanner.place
    lines[-1].append(source[start:])
    return lines
