"""`archwright bench nas201`: policies on NAS-Bench-201, where the truth is known."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from archwright.benchmarks.dedup.workers import end_with
from archwright.cli.options import AsJson
from archwright.cli.output import emit, say
from archwright.core import InputError

if TYPE_CHECKING:
    from archwright.benchmarks.search.cells import Table
    from archwright.core import Array
    from archwright.search.policies import Policy

DATASETS: Final = ("c10", "c100", "im120")
WITHOUT: Final = " without "
ASKS_PER_EVALUATION: Final = 20
"""A policy that proposes only what is known already is stopped after so many."""


def run(
    *,
    table: Path,
    seeds: int = 200,
    first_seed: int = 0,
    evaluations: int = 100,
    policies: str | None = None,
    islands: int = 1,
    ablate: bool = False,
    workers: int | None = None,
    json: AsJson = False,
) -> None:
    """Search with each policy and seed, and print the test accuracies of what was chosen.

    Args:
        table: The table of all cells, CSV or CSV.gz.
        seeds: Searches by each policy (default: 200).
        first_seed: The lowest seed.
        evaluations: Cells that a search looks at (default: 100).
        policies: Their names, with commas (default: all).
        islands: Islands of each.
        ablate: The default policy without each of its parts, too.
        workers: Processes (default: all cores).
    """
    from archwright.benchmarks.search.cells import read_table

    for name, value in {"seeds": seeds, "evaluations": evaluations, "islands": islands}.items():
        if value < 1:
            raise InputError(f"--{name} must be at least 1")
    names = _names(policies, ablate)
    cells = read_table(table)
    document = {
        "evaluations": evaluations,
        "seeds": seeds,
        "policies": measure(
            *(cells, names, seeds, evaluations, islands, workers), first_seed=first_seed
        ),
        "optimum": dict(zip(DATASETS, _optimum(cells), strict=True)),
    }
    emit(json, document, lambda: _render(document))


def _names(wanted: str | None, ablate: bool) -> list[str]:
    from archwright.search.policies import DEFAULT, POLICIES
    from archwright.search.policies.guided import PARTS

    names = wanted.split(",") if wanted else list(POLICIES)
    for name in names:
        if name not in POLICIES:
            raise InputError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    return names + [f"{DEFAULT}{WITHOUT}{part}" for part in PARTS if ablate]


def measure(
    table: Table,
    names: Sequence[str],
    seeds: int,
    evaluations: int,
    islands: int = 1,
    workers: int | None = None,
    first_seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """For each policy the mean test accuracies of its choices, with 95 % intervals.

    `curve` holds them at each of `marks`.
    """
    numbers = range(first_seed, first_seed + seeds)
    jobs = [(name, islands, seed, evaluations) for name in names for seed in numbers]
    processes = min(workers or os.cpu_count() or 1, len(jobs))
    chosen: list[Array] = []
    # Forked where that is possible: the table is shared, not sent.
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    with context.Pool(processes, _begin, (table, os.getpid())) as pool:
        for curve in pool.imap(_search, jobs, chunksize=4):
            chosen.append(curve)
            if len(chosen) % seeds == 0:
                say(f"{names[len(chosen) // seeds - 1]}: {seeds} searches done")
    curves = np.array(chosen).reshape(len(names), seeds, -1, len(DATASETS))
    return {name: _summarise(curve, evaluations) for name, curve in zip(names, curves, strict=True)}


_held: dict[str, Table] = {}


def _begin(table: Table, parent: int) -> None:
    end_with(parent)
    _held["table"] = table


def _search(job: tuple[str, int, int, int]) -> Array:
    name, islands, seed, evaluations = job
    return search(_held["table"], _opener(name, islands), seed, evaluations)


def _opener(name: str, islands: int) -> Callable[[Any, int], Policy]:
    from archwright.search.policies import open_policy
    from archwright.search.policies.guided import Guided

    base, _, part = name.partition(WITHOUT)
    if part:
        return partial(Guided, without=part)  # type: ignore[arg-type]
    return lambda space, seed: open_policy(base, space, seed, islands)


def marks(evaluations: int) -> list[int]:
    """After how many evaluations a search is looked at: every ten, and at its end."""
    return [*range(10, evaluations, 10), evaluations]


def search(table: Table, open_: Callable[[Any, int], Policy], seed: int, evaluations: int) -> Array:
    """One search: test accuracies `(marks, 3)` of what the policy held to be the best at each mark.
    A cell of a function that is known already costs nothing, and is not evaluated again."""
    from archwright.benchmarks.search.cells import AGAIN, CellSpace, name_of
    from archwright.core import Candidate, CandidateStatus, Measurement

    space = CellSpace()
    policy = open_(space, seed)
    known: set[str] = set()
    at = marks(evaluations)
    evaluated = 0
    chosen: list[tuple[float, float, float]] = []
    for number in range(1, ASKS_PER_EVALUATION * evaluations):
        choice = policy.ask(number)
        cell, proposal = space.make(choice), space.preview(choice)
        name, old = name_of(cell), proposal.key in known
        known.add(proposal.key)
        told = Candidate(
            id=f"{name}{AGAIN}{number}" if old else name,
            sequence=1000 * number,
            operator=choice.operator,
            parents=choice.parents,
            parameters=proposal.parameters,
            rungs={} if old else {0: Measurement(0.0, table[cell].validation)},
            status=CandidateStatus.DUPLICATE if old else CandidateStatus.TRAINED,
        )
        policy.tell(told)
        evaluated += not old
        if not old and evaluated in at:
            chosen.append(_tests(table, policy))
        if evaluated == evaluations:
            break
    chosen += [_tests(table, policy)] * (len(at) - len(chosen))  # It ran out of cells to propose.
    return np.array(chosen)


def _tests(table: Table, policy: Policy) -> tuple[float, float, float]:
    """Test accuracies of what a policy holds to be the best."""
    from archwright.benchmarks.search.cells import cell_of

    best = policy.best()
    assert best is not None
    return table[cell_of(best)].test


def _summarise(curve: Array, evaluations: int) -> dict[str, Any]:
    """`curve` is `(seeds, marks, datasets)`."""
    seeds = len(curve)
    mean = curve.mean(axis=0)
    half = 1.96 * curve[:, -1].std(axis=0, ddof=1) / np.sqrt(seeds) if seeds > 1 else np.zeros(3)
    last = mean[-1]
    row: dict[str, Any] = {"evaluations": evaluations, "seeds": seeds}
    row |= {d: round(float(last[i]), 3) for i, d in enumerate(DATASETS)}
    row |= {
        f"{d}_interval": [round(float(last[i] + s * half[i]), 3) for s in (-1, 1)]
        for i, d in enumerate(DATASETS)
    }
    row["curve"] = {
        str(mark): [round(float(x), 3) for x in mean[i]]
        for i, mark in enumerate(marks(evaluations))
    }
    return row


def _optimum(table: Table) -> list[float]:
    """The highest test accuracy of any cell, for each data set."""
    tests = np.array([measured.test for measured in table.values()])
    return [float(x) for x in tests.max(axis=0)]


def _render(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table as Grid

    title = f"{document['seeds']} searches of {document['evaluations']} evaluations: test accuracy"
    grid = Grid(title=f"{title}, %, with 95 % intervals")
    for column in ("policy", *DATASETS):
        grid.add_column(column, justify="left" if column == "policy" else "right")
    for name, row in document["policies"].items():
        cells = [f"{row[d]:.2f} ± {row[f'{d}_interval'][1] - row[d]:.2f}" for d in DATASETS]
        grid.add_row(name, *cells)
    grid.add_row("the optimum", *(f"{document['optimum'][d]:.2f}" for d in DATASETS))
    Console().print(grid)
