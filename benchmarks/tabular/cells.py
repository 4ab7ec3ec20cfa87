"""NAS-Bench-201: its table of cells, and what is known of each for free.

Dong and Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search".
A cell has four nodes and an operation on each of its six edges.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from archwright.benchmarks.tabular.tables import Measured, SearchTable, read_csv
from archwright.core import Array, InputError

Cell = tuple[int, ...]
"""An index into `OPERATIONS` for each of `EDGES`."""

OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, CONV1, CONV3, POOL = range(5)
EDGES: Final = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
PATHS: Final = tuple(
    tuple(EDGES.index(edge) for edge in pairwise(nodes))
    for nodes in ((0, 1, 3), (0, 2, 3), (0, 3), (0, 1, 2, 3))
)
COLUMNS: Final = ("arch", "c10_val12", "c10_cost12_s", "c10_test", "c100_test", "im120_test")
SIZE: Final = len(OPERATIONS) ** len(EDGES)
STAGES: Final = (16, 32, 64)
"""Channels of the three stages of the network, which holds `CELLS_A_STAGE` cells in each."""
CELLS_A_STAGE: Final = 5


def read_cells(file: Path) -> SearchTable:
    """The table of all cells, from a CSV file that may be gzipped. Tests are CIFAR-10, CIFAR-100
    and ImageNet16-120.

    Raises:
        InputError: no such file, not the columns or the number of lines of the table, or a line
            that does not parse.
    """
    header, lines = read_csv(file)
    if tuple(header) != COLUMNS:
        raise InputError(f"{file} must have the columns {', '.join(COLUMNS)}")
    rows = dict(_read_line(file, number, line) for number, line in enumerate(lines, 2))
    if len(rows) != SIZE:
        raise InputError(f"{file} holds {len(rows)} cells; the whole table has {SIZE}")
    return SearchTable(rows)


def _read_line(file: Path, number: int, line: list[str]) -> tuple[Cell, Measured]:
    try:
        validation, _, *tests = map(float, line[1:])
        c10, c100, im120 = tests
        words = [w.split("~")[0] for w in line[0].replace("+", "|").split("|") if w]
        cell = tuple(OPERATIONS.index(w) for w in words)
        if len(cell) != len(EDGES):
            raise ValueError(f"{len(cell)} edges")
    except (ValueError, IndexError) as error:
        raise InputError(f"{file}, line {number} is not a cell with its values: {error}") from None
    known = describe(cell), count_parameters(cell), graph_key(cell), family(cell)
    return cell, Measured(validation, (c10, c100, im120), *known)


# --- what is known of a cell for free ------------------------------------------------------------


def live_paths(cell: Cell) -> list[tuple[int, ...]]:
    """Operations along each path from input to output that is not cut by a `none`."""
    paths = [tuple(cell[edge] for edge in path) for path in PATHS]
    return [path for path in paths if NONE not in path]


def live_operations(cell: Cell) -> list[int]:
    """Operations of all edges that lie on a live path."""
    edges = {e for path in PATHS if all(cell[e] != NONE for e in path) for e in path}
    return [cell[e] for e in sorted(edges)]


def count_parameters(cell: Cell) -> int:
    """Weights of the convolutions of all cells of the network that reach its output."""
    operations = live_operations(cell)
    each = 9 * operations.count(CONV3) + operations.count(CONV1)
    return CELLS_A_STAGE * each * sum(channels**2 for channels in STAGES)


def family(cell: Cell) -> str:
    """`residual` when something passes unchanged, else `plain`; `empty` when nothing passes."""
    paths = live_paths(cell)
    if not paths:
        return "empty"
    return "residual" if any(set(path) == {SKIP} for path in paths) else "plain"


def graph_key(cell: Cell) -> str:
    """Equal for cells that compute the same function: what does not reach the output is left out,
    a skip stands for what it passes on, and sums have no order. There are 4,930 such functions."""
    nodes: list[list[str]] = [["x"]]
    for node in range(1, EDGES[-1][1] + 1):
        terms: list[str] = []
        for (start, end), operation in zip(EDGES, cell, strict=True):
            if end == node and operation == SKIP:
                terms += nodes[start]
            elif end == node and operation != NONE and nodes[start]:
                terms.append(f"{operation}({'+'.join(nodes[start])})")
        nodes.append(sorted(terms))
    return "+".join(nodes[-1])


def describe(cell: Cell) -> Array:
    """Features of the cell's graph: operations by edge and in all, those along each path, depth,
    branches, parameters. Shape `(63,)`."""
    by_edge = np.zeros((len(EDGES), len(OPERATIONS)))
    by_edge[np.arange(len(EDGES)), cell] = 1
    along = []
    for path in PATHS:
        passed = [cell[e] for e in path]
        counts = [sum(o in kinds for o in passed) for kinds in ((CONV1, CONV3), (CONV3,), (POOL,))]
        along += [1, *counts] if NONE not in passed else [0, 0, 0, 0]
    convolutions = [sum(o in (CONV1, CONV3) for o in path) for path in live_paths(cell)]
    deep = [path.count(CONV3) for path in live_paths(cell)]
    live = live_operations(cell)
    depths = [len(deep), max(convolutions, default=-1), min(convolutions, default=-1)]
    return np.array(
        [
            *by_edge.ravel(),
            *along,
            *(live.count(o) for o in range(1, len(OPERATIONS))),
            *depths,
            *(max(deep, default=-1), sum(deep), sum(convolutions)),
            *(sum(POOL in path for path in live_paths(cell)), count_parameters(cell)),
            *(cell.count(o) for o in range(len(OPERATIONS))),
        ]
    )
