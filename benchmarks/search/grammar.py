"""`archwright bench grammar`: how many drawn architectures pass the checks."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from archwright.cli.options import AsJson, ManyTasks
from archwright.cli.output import emit, say
from archwright.core import CheckReport, InputError, Problem, Status

if TYPE_CHECKING:
    from archwright.sandbox import Sandbox
    from archwright.search.grammar import Drawing

PROGRESS_EVERY: Final = 100


def run(*, task: ManyTasks = None, count: int = 1000, seed: int = 0, json: AsJson = False) -> None:
    """Draw, check in a sandbox, and print the pass rate of each task.

    Args:
        task: Tasks (default: all built-in).
        count: Draws for each task.
        seed: Seed of the draws.
    """
    from archwright.sandbox.opening import open_sandbox
    from archwright.tasks.loading import built_in_names, load_task

    if count < 1:
        raise InputError("--count must be at least 1")
    names = task or built_in_names()
    problems = {name: load_task(name).spec.problem for name in names}
    with open_sandbox("process", workers=2) as sandbox:
        document = {
            name: measure(name, problem, sandbox, count, seed) for name, problem in problems.items()
        }
    emit(json, document, lambda: _render(document))


def measure(name: str, problem: Problem, sandbox: Sandbox, count: int, seed: int) -> dict[str, Any]:
    """Pass rate, distinct share, families and causes of failure of `count` draws."""
    from archwright.search.grammar import draw

    rng, started = Random(seed), perf_counter()
    drafts = [draw(problem, rng) for _ in range(count)]
    drawn_seconds = perf_counter() - started
    reports: list[CheckReport] = []
    with ThreadPoolExecutor(max_workers=2) as threads:
        for report in threads.map(lambda d: sandbox.check(d.source, problem), drafts):
            reports.append(report)
            if len(reports) % PROGRESS_EVERY == 0:
                say(f"{name}: {len(reports)} of {count} checked")
    return _summarise(drafts, reports, drawn_seconds)


def _summarise(
    drafts: list[Drawing], reports: list[CheckReport], drawn_seconds: float
) -> dict[str, Any]:
    count = len(drafts)
    passed = [r for r in reports if r.status is Status.OK]
    graphs = {r.graph for r in passed}
    sizes = sorted(r.parameters for r in passed)
    return {
        "drawn": count,
        "passed": len(passed),
        "pass_rate": len(passed) / count,
        "distinct_sources": len({d.source for d in drafts}) / count,
        "distinct_graphs": len(graphs) / max(1, len(passed)),
        "families": dict(Counter(d.family for d in drafts).most_common()),
        "median_parameters": sizes[len(sizes) // 2] if sizes else 0,
        "draw_milliseconds": 1000 * drawn_seconds / count,
        "failures": dict(Counter(_cause(r) for r in reports if r.status is not Status.OK)),
    }


def _cause(report: CheckReport) -> str:
    """The check that failed with the last line of what it said."""
    failed = next((c for c in report.checks if not c.ok), None)
    detail = failed.detail if failed else report.error
    last = detail.strip().split("\n")[-1]
    return f"{failed.name}: {last}" if failed else f"{report.status}: {last}"


def _render(document: dict[str, dict[str, Any]]) -> None:
    for name, row in document.items():
        print(
            f"{name}: {row['passed']} of {row['drawn']} pass ({100 * row['pass_rate']:.1f} %), "
            f"{100 * row['distinct_sources']:.1f} % distinct as text, "
            f"{100 * row['distinct_graphs']:.1f} % as graphs; median "
            f"{row['median_parameters']:,} parameters, {row['draw_milliseconds']:.0f} ms a draw"
        )
        print("  families: " + ", ".join(f"{k} {v}" for k, v in row["families"].items()))
        for cause, times in row["failures"].items():
            print(f"  {times} failed: {cause}")
