"""`archwright bench table FILE`: policies and rivals on any table of measured architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archwright.cli.options import AsJson
from archwright.cli.output import emit, say
from archwright.core import InputError

if TYPE_CHECKING:
    from archwright.benchmarks.tabular.tables import SearchTable
    from archwright.core import Array

COMPARED: Final = ("random", "evolution", "local-search", "tpe", "gp-ei", "guided")


def run(
    file: Path,
    /,
    *,
    at: str = "20,40,100",
    seeds: int = 30,
    first_seed: int = 0,
    policies: str | None = None,
    islands: int = 1,
    ablate: bool = False,
    workers: int | None = None,
    json: AsJson = False,
) -> None:
    """Search a table with each policy and seed, and print how good their choices are.

    Args:
        file: A CSV file, or CSV.gz: integers x0 to xk, validation, test, and where there are
            parameters and key (rows of one key are one architecture). Larger is better.
        at: Evaluations after which a search is looked at, with commas.
        seeds: Searches by each policy.
        first_seed: The lowest seed.
        policies: Their names, with commas, or those of the rivals local-search, tpe (needs the
            extra bench) and gp-ei (default: random, evolution, the rivals
            that are there, and guided).
        islands: Islands of each policy.
        ablate: The default policy without each of its parts, too.
        workers: Processes (default: all cores).
    """
    from archwright.benchmarks.tabular.searching import check_at_least_one, measure, names_of
    from archwright.benchmarks.tabular.tables import read_table

    check_at_least_one({"seeds": seeds, "islands": islands, "workers": workers or 1})
    marks = _marks(at)
    table = read_table(file)
    names = names_of(policies, [] if policies else _there(), ablate)
    chosen = measure(table, names, range(first_seed, first_seed + seeds), marks, islands, workers)
    document = {
        "table": str(file),
        "architectures": table.architectures,
        "best_validation": table.best,
        "random_validation": table.start,
        "policies": {name: _summarise(table, curves, marks) for name, curves in chosen.items()},
    }
    emit(json, document, lambda: _render(document, marks))


def _there() -> list[str]:
    """What is compared where nothing is said, but for a rival whose package is missing."""
    if find_spec("optuna") is not None:
        return list(COMPARED)
    say("tpe is left out: it needs Optuna, pip install 'archwright[bench]'")
    return [name for name in COMPARED if name != "tpe"]


def _marks(at: str) -> list[int]:
    try:
        marks = sorted({int(word) for word in at.split(",")})
    except ValueError:
        marks = [0]
    if marks[0] < 1:
        raise InputError(f"--at must be numbers from 1 up, with commas, not {at!r}")
    return marks


def _summarise(
    table: SearchTable, curves: Array, marks: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """`curves` is `(seeds, marks, 2)`: validation and test of what was chosen."""
    from archwright.benchmarks.tabular.searching import standard_error

    rows = {}
    for i, mark in enumerate(marks):
        validation, test = curves[:, i, 0], curves[:, i, 1]
        closed = table.gap_closed(validation)
        row: dict[str, Any] = {}
        for name, values in (("validation", validation), ("test", test), ("gap_closed", closed)):
            row[name] = round(float(values.mean()), 4)
            row[f"{name}_error"] = round(standard_error(values), 4)
        rows[str(mark)] = row | {"seeds": len(curves)}
    return rows


def _render(document: Mapping[str, Any], marks: Sequence[int]) -> None:
    from rich.console import Console
    from rich.table import Table as Grid

    policies = document["policies"]
    seeds = next(iter(policies.values()))[str(marks[0])]["seeds"]
    grid = Grid(
        title=f"{document['architectures']:,} architectures, {seeds} searches each: what was "
        "chosen after so many evaluations"
    )
    grid.add_column("policy", no_wrap=True)
    for column in ("evaluations", "validation", "test", "gap closed"):
        grid.add_column(column, justify="right")
    for name, by_mark in policies.items():
        for mark, row in by_mark.items():
            scores = [f"{row[k]:.2f} ± {row[f'{k}_error']:.2f}" for k in ("validation", "test")]
            gap = f"{row['gap_closed']:.3f} ± {row['gap_closed_error']:.3f}"
            grid.add_row(name if mark == str(marks[0]) else "", mark, *scores, gap)
    console = Console()
    console.print(grid)
    console.print(
        f"± is one standard error. Gap closed: 0 is the mean best of ten random draws "
        f"({document['random_validation']:.2f}), 1 the best of the table "
        f"({document['best_validation']:.2f})."
    )
