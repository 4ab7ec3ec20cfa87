"""How often foreign sources break, as they are and edited once, and what the symbolic repair cures.

    python benchmarks/search/repairs.py FOLDER [--task digits] [--max-params 4000] [--edits 2]

FOLDER holds files with one architecture each, as models or people wrote them. Each is checked in a
process sandbox against the task; what passes is edited so many times by each operator with one
parent, and the edits are checked, too. What fails is repaired up to three times, as in a run.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from archwright.core import Check, CheckReport, Problem, Recipe, SourceError, Status
from archwright.sandbox import Sandbox
from archwright.sandbox.opening import open_sandbox
from archwright.search.operators import OPERATORS, NotApplicable, edit
from archwright.search.operators.repair import repair
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import load_task

REPAIRS = 3


def check(sandbox: Sandbox, source: str, problem: Problem) -> CheckReport:
    """What a run's screening would say of a source."""
    try:
        read_source(source, problem, Recipe())
    except SourceError as error:
        said = str(error)
        return CheckReport(Status.INVALID, (Check("source", False, said),), error=said)
    return sandbox.check(source, problem)


def settle(sandbox: Sandbox, source: str, problem: Problem) -> tuple[bool, list[str], bool]:
    """Whether a source passes, the repairs that were made, and whether it passes then."""
    report = check(sandbox, source, problem)
    passed, made = report.status is Status.OK, list[str]()
    while report.status is Status.INVALID and len(made) < REPAIRS:
        change = repair(source, problem, report, Random(len(made)))
        if change is None:
            break
        made.append(change.title)
        source = change.source
        report = check(sandbox, source, problem)
    return passed, made, report.status is Status.OK


def edits(source: str, problem: Problem, count: int) -> Iterator[str]:
    """The source edited by each operator that needs no other parent; the recipe stays."""
    for name, info in OPERATORS.items():
        for seed in range(count if info.parents == 1 and name != "change_recipe" else 0):
            try:
                yield edit(name, [source], problem, Random(f"{name}{seed}")).source
            except (NotApplicable, SourceError):
                continue


def main() -> None:
    parser = argparse.ArgumentParser(description="what the symbolic repair cures")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--task", default="digits")
    parser.add_argument("--max-params", type=int, default=4000)
    parser.add_argument("--edits", type=int, default=2, help="of each operator")
    args = parser.parse_args()
    problem = replace(load_task(args.task).spec.problem, max_params=args.max_params)
    counts: dict[str, Counter[str]] = {"as they are": Counter(), "edited once": Counter()}
    cures: Counter[str] = Counter()
    with open_sandbox("process", 1) as sandbox:

        def note(kind: str, source: str) -> bool:
            passed, made, passes = settle(sandbox, source, problem)
            cured = passes and not passed
            counts[kind]["checked"] += 1
            counts[kind]["passed"] += passed
            counts[kind]["repaired"] += bool(made)
            counts[kind]["cured"] += cured
            cures.update([" + ".join(made)] if cured else [])
            return passed

        for file in sorted(args.folder.glob("*.py")):
            source = file.read_text(encoding="utf-8")
            if note("as they are", source):
                for edited in edits(source, problem, args.edits):
                    note("edited once", edited)
    for kind, found in counts.items():
        print(f"{kind}: " + ", ".join(f"{found[n]} {n}" for n in found))
    for titles, times in cures.most_common():
        print(f"{times} x {titles}")


if __name__ == "__main__":
    main()
