"""`archwright bench nas201`: policies on NAS-Bench-201, where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from archwright.cli.options import AsJson
from archwright.cli.output import emit

if TYPE_CHECKING:
    from archwright.core import Array

DATASETS: Final = ("c10", "c100", "im120")


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
        seeds: Searches by each policy.
        first_seed: The lowest seed.
        evaluations: Cells that a search looks at.
        policies: Their names, with commas, or those of the rivals local-search, tpe (needs the
            extra bench) and gp-ei (default: all policies).
        islands: Islands of each.
        ablate: The default policy without each of its parts, too.
        workers: Processes (default: all cores).
    """
    from archwright.benchmarks.tabular.cells import read_cells
    from archwright.benchmarks.tabular.searching import check_at_least_one, measure, names_of
    from archwright.search.policies import POLICIES

    check_at_least_one({"seeds": seeds, "evaluations": evaluations, "islands": islands})
    names = names_of(policies, list(POLICIES), ablate)
    cells = read_cells(table)
    marks = [*range(10, evaluations, 10), evaluations]
    chosen = measure(cells, names, range(first_seed, first_seed + seeds), marks, islands, workers)
    best = [max(measured.tests[i] for measured in cells.rows.values()) for i in range(3)]
    document = {
        "evaluations": evaluations,
        "seeds": seeds,
        "policies": {name: _summarise(curve[:, :, 1:], marks) for name, curve in chosen.items()},
        "optimum": dict(zip(DATASETS, best, strict=True)),
    }
    emit(json, document, lambda: _render(document))


def _summarise(curve: Array, marks: Sequence[int]) -> dict[str, Any]:
    """Test accuracies `(seeds, marks, data sets)`: means at the end with 95 % intervals, and
    `curve`, the means at each mark."""
    from archwright.benchmarks.tabular.searching import standard_error

    mean, last = curve.mean(axis=0), curve[:, -1]
    row: dict[str, Any] = {"evaluations": marks[-1], "seeds": len(curve)}
    row |= {d: round(float(mean[-1, i]), 3) for i, d in enumerate(DATASETS)}
    for i, name in enumerate(DATASETS):
        half = 1.96 * standard_error(last[:, i])
        row[f"{name}_interval"] = [round(float(mean[-1, i] + s * half), 3) for s in (-1, 1)]
    each = zip(marks, mean, strict=True)
    row["curve"] = {str(mark): [round(float(x), 3) for x in means] for mark, means in each}
    return row


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
