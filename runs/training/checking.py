"""The checks of a candidate against all problems of its task."""

from __future__ import annotations

from dataclasses import replace

from archwright.core import CheckReport, Problem, Status, TaskSpec
from archwright.sandbox import Sandbox


def check_all(sandbox: Sandbox, source: str, spec: TaskSpec, proxies: bool = False) -> CheckReport:
    """The checks before training, of a suite on each problem that builds the candidate in its own
    way: what is counted is that of the first, and the first failure is the whole's.

    A mixer for sequences of any length is checked once, at several lengths, for it is the same in
    every problem with the same backbone.
    """
    first = sandbox.check(source, spec.problem, proxies=proxies)
    known = [spec.problem]
    for member in spec.members[1:]:
        problem = member.spec.problem
        if first.status is not Status.OK:
            break
        if any(_builds_alike(problem, other) for other in known):
            continue
        known.append(problem)
        report = sandbox.check(source, problem)
        if report.status is not Status.OK:
            return replace(report, error=f"on {member.name}: {report.error}")
    return first


def _builds_alike(one: Problem, other: Problem) -> bool:
    if one.any_length and other.any_length:
        return (one.backbone, one.packages) == (other.backbone, other.packages)
    return one == other
