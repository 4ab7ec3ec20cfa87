"""Searches of a table by policies and rivals, on several processes: what each had chosen when."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from archwright.benchmarks.dedup.workers import end_with
from archwright.benchmarks.tabular.rivals import RIVALS, Searcher
from archwright.benchmarks.tabular.tables import (
    AGAIN,
    Row,
    SearchTable,
    TableSpace,
    name_of,
    row_of,
)
from archwright.cli.output import say
from archwright.core import Array, Candidate, CandidateStatus, InputError, Measurement
from archwright.search.policies import DEFAULT, POLICIES, Choice, Policy, open_policy
from archwright.search.policies.guided import PARTS, Guided

WITHOUT: Final = " without "
PROPOSALS: Final = 20
"""A search that proposes only what is known already is stopped after so many an evaluation."""


class PolicySearch:
    """A policy of ours, asked and told as in a run."""

    def __init__(self, open_: Callable[[Any, int], Policy], table: SearchTable, seed: int) -> None:
        self._table, self._space = table, TableSpace(table)
        self._policy = open_(self._space, seed)
        self._number = 0
        self._choice = Choice("draft", (), 0)

    def next(self) -> Row:
        """See `Searcher.next`."""
        self._number += 1
        self._choice = self._policy.ask(self._number)
        return self._space.make(self._choice)

    def tell(self, row: Row, validation: float, again: bool) -> None:
        """See `Searcher.tell`."""
        name = f"{name_of(row)}{AGAIN}{self._number}" if again else name_of(row)
        self._policy.tell(
            Candidate(
                id=name,
                sequence=1000 * self._number,
                operator=self._choice.operator,
                parents=self._choice.parents,
                parameters=self._table.rows[row].parameters,
                rungs={} if again else {0: Measurement(0.0, validation)},
                status=CandidateStatus.DUPLICATE if again else CandidateStatus.TRAINED,
            )
        )

    def best(self) -> Row | None:
        """See `Searcher.best`."""
        best = self._policy.best()
        return None if best is None else row_of(best)


def names_of(wanted: str | None, default: Sequence[str], ablate: bool) -> list[str]:
    """Names with commas as a list, with the default policy's parts taken away one by one if so
    asked.

    Raises:
        InputError: there is no such policy or rival.
    """
    names = wanted.split(",") if wanted else list(default)
    for name in names:
        if name not in POLICIES and name not in RIVALS:
            there = ", ".join([*POLICIES, *RIVALS])
            raise InputError(f"there is no policy {name!r}; there are {there}")
    return names + [f"{DEFAULT}{WITHOUT}{part}" for part in PARTS if ablate]


def open_searcher(name: str, islands: int, table: SearchTable, seed: int) -> Searcher:
    """A search by the name of a rival, a policy, or the default without a part."""
    if name in RIVALS:
        searcher: Searcher = RIVALS[name](table, seed)
        return searcher
    base, _, part = name.partition(WITHOUT)
    if part:
        return PolicySearch(partial(Guided, without=part), table, seed)  # type: ignore[arg-type]
    return PolicySearch(lambda space, seed: open_policy(base, space, seed, islands), table, seed)


def search(table: SearchTable, searcher: Searcher, marks: Sequence[int]) -> Array:
    """One search: validation and test scores `(marks, 1 + tests)` of what it held to be the best
    after so many evaluations each. A known architecture is not evaluated again."""
    known: set[str] = set()
    chosen: list[tuple[float, ...]] = []
    last = min(marks[-1], table.architectures)
    for _ in range(PROPOSALS * last):
        row = searcher.next()
        if row is None:
            break
        measured = table.rows[row]
        again = measured.key in known
        known.add(measured.key)
        searcher.tell(row, measured.validation, again)
        if not again and len(known) in marks:
            chosen.append(_scores(table, searcher))
        if len(known) == last:
            break
    chosen += [_scores(table, searcher)] * (len(marks) - len(chosen))  # It ran out of rows.
    return np.array(chosen)


def _scores(table: SearchTable, searcher: Searcher) -> tuple[float, ...]:
    """Of what it holds to be the best."""
    best = searcher.best()
    assert best is not None
    return table.rows[best].validation, *table.rows[best].tests


def measure(
    table: SearchTable,
    names: Sequence[str],
    seeds: range,
    marks: Sequence[int],
    islands: int = 1,
    workers: int | None = None,
) -> dict[str, Array]:
    """For each name what its searches had chosen: `(seeds, marks, 1 + tests)`, see `search`."""
    for name in names:
        open_searcher(name, islands, table, 0)  # What it needs is there, or one line says so.
    jobs = [(name, islands, seed, tuple(marks)) for name in names for seed in seeds]
    processes = min(workers or os.cpu_count() or 1, len(jobs))
    chosen: list[Array] = []
    # Forked where that is possible: the table is shared, not sent.
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    with context.Pool(processes, _begin, (table, os.getpid())) as pool:
        for curve in pool.imap(_search, jobs, chunksize=4):
            chosen.append(curve)
            if len(chosen) % len(seeds) == 0:
                say(f"{names[len(chosen) // len(seeds) - 1]}: {len(seeds)} searches done")
    curves = np.array(chosen).reshape(len(names), len(seeds), len(marks), -1)
    return dict(zip(names, curves, strict=True))


_held: dict[str, SearchTable] = {}


def _begin(table: SearchTable, parent: int) -> None:
    end_with(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # The pool ends them so, and nobody is told.
    _held["table"] = table


def _search(job: tuple[str, int, int, tuple[int, ...]]) -> Array:
    name, islands, seed, marks = job
    table = _held["table"]
    return search(table, open_searcher(name, islands, table, seed), marks)


def standard_error(values: Array) -> float:
    """Of the mean of `(n,)`; 0 where there is but one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def check_at_least_one(options: Mapping[str, int]) -> None:
    """Refuse options below 1.

    Raises:
        InputError: the first of them.
    """
    for name, value in options.items():
        if value < 1:
            raise InputError(f"--{name} must be at least 1")
