"""NAS-Bench-201 as a space to search: cells, what is known of them for free, and the table.

Dong and Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search".
A cell has four nodes and an operation on each of its six edges.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from archwright.core import Array, Candidate, InputError
from archwright.search.policies import Choice, Preview

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


@dataclass(frozen=True, slots=True)
class Measured:
    """A line of the table. A search sees `validation` and `cost_seconds`; `test` scores it."""

    validation: float
    cost_seconds: float
    test: tuple[float, float, float]


Table = Mapping[Cell, Measured]


def read_table(file: Path) -> Table:
    """The table of all cells, from a CSV file that may be gzipped.

    Raises:
        InputError: no such file, not the columns or the number of lines of the table, or a line
            that does not parse.
    """
    try:
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream))
    except OSError as error:
        raise InputError(f"cannot read the table {file}: {error.strerror or error}") from None
    except (UnicodeDecodeError, EOFError, csv.Error) as error:
        raise InputError(f"{file} is not a CSV table: {error}") from None
    if not lines or tuple(lines[0]) != COLUMNS:
        raise InputError(f"{file} must have the columns {', '.join(COLUMNS)}")
    table = dict(_read_line(file, number, line) for number, line in enumerate(lines[1:], 2))
    if len(table) != SIZE:
        raise InputError(f"{file} holds {len(table)} cells; the whole table has {SIZE}")
    return table


def _read_line(file: Path, number: int, line: list[str]) -> tuple[Cell, Measured]:
    try:
        validation, cost, *test = map(float, line[1:])
        c10, c100, im120 = test
        words = [w.split("~")[0] for w in line[0].replace("+", "|").split("|") if w]
        cell = tuple(OPERATIONS.index(w) for w in words)
        if len(cell) != len(EDGES):
            raise ValueError(f"{len(cell)} edges")
    except (ValueError, IndexError) as error:
        raise InputError(f"{file}, line {number} is not a cell with its values: {error}") from None
    return cell, Measured(validation, cost, (c10, c100, im120))


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


@cache
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


@cache
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


# --- the space ------------------------------------------------------------------------------------


def name_of(cell: Cell) -> str:
    """A cell's id: its operations as digits."""
    return "".join(map(str, cell))


AGAIN: Final = "/"
"""Between the name of a cell and what tells its repetitions apart."""


def cell_of(name: str) -> Cell:
    """The cell of an id."""
    return tuple(map(int, name))


class CellSpace:
    """All cells, as something to propose from: the ids of parents are `name_of` theirs."""

    operators: Mapping[str, int] = {"draft": 0, "mutate": 1, "mutate_twice": 1, "recombine": 2}
    previews = 100

    def make(self, choice: Choice) -> Cell:
        """A random cell, one with another operation on one edge or two, or edges from either
        parent."""
        rng = Random(choice.seed)
        parents = [cell_of(p) for p in choice.parents]
        match choice.operator:
            case "draft":
                return tuple(rng.randrange(len(OPERATIONS)) for _ in EDGES)
            case "mutate" | "mutate_twice":
                cell = list(parents[0])
                for edge in rng.sample(range(len(EDGES)), 1 + (choice.operator == "mutate_twice")):
                    cell[edge] = (cell[edge] + rng.randrange(1, len(OPERATIONS))) % len(OPERATIONS)
                return tuple(cell)
            case _:
                return tuple(rng.choice(pair) for pair in zip(*parents, strict=True))

    def show(self, candidate: Candidate) -> Preview:
        """What is known of a cell for free; cells of one function are one proposal."""
        return self._describe(cell_of(candidate.id.partition(AGAIN)[0]))

    def preview(self, choice: Choice) -> Preview:
        """See `show`, of the cell that a choice leads to."""
        return self._describe(self.make(choice))

    def _describe(self, cell: Cell) -> Preview:
        return Preview(graph_key(cell), describe(cell), count_parameters(cell), family(cell))
