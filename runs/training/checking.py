"""The checks of a candidate against all problems of its task."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from archwright.core import CheckReport, Problem, Status, TaskSpec
from archwright.sandbox import Sandbox

DEEPEST: Final = 4
LONGEST: Final = 512
"""A network around mixers that is deeper, or whose sequences are longer, is checked in part."""
LAYERS: Final = 2
LENGTH: Final = 256


def check_all(sandbox: Sandbox, source: str, spec: TaskSpec, proxies: bool = False) -> CheckReport:
    """The checks before training, of a suite on each problem that builds the candidate in its own
    way: what is counted is that of the first, and the first failure is the whole's.

    A mixer for sequences of any length is checked once, at several lengths, for it is the same in
    every problem with the same backbone; in a large one in two layers of it.
    """
    first = _check(sandbox, source, spec.problem, proxies)
    known = [spec.problem]
    for member in spec.members[1:]:
        problem = member.spec.problem
        if first.status is not Status.OK:
            break
        if any(_builds_alike(problem, other) for other in known):
            continue
        known.append(problem)
        report = _check(sandbox, source, problem)
        if report.status is not Status.OK:
            return replace(report, error=f"on {member.name}: {report.error}")
    return first


def _check(sandbox: Sandbox, source: str, problem: Problem, proxies: bool = False) -> CheckReport:
    """The checks of one problem; the costs are those of the whole network."""
    part = _part_of(problem)
    report = sandbox.check(source, part, proxies=proxies)
    if part == problem or report.status is not Status.OK:
        return report
    whole = sandbox.check(source, problem, outline=0)
    if whole.status is not Status.OK:
        return replace(report, status=whole.status, error=whole.error)
    return replace(
        report,
        parameters=whole.parameters,
        flops=whole.flops,
        layers=whole.layers,
        int8_bytes=whole.int8_bytes,
    )


def _part_of(problem: Problem) -> Problem:
    """Of a large network around mixers of any length, two layers at a short length."""
    backbone = problem.backbone
    if backbone is None or not problem.any_length:
        return problem
    length = problem.input_shape[0]
    if backbone.layers <= DEEPEST and length <= LONGEST:
        return problem
    short, output = min(length, LENGTH), problem.output_shape
    return replace(
        problem,
        input_shape=(short, *problem.input_shape[1:]),
        output_shape=(short, *output[1:]) if len(output) > 1 else output,
        backbone=replace(backbone, layers=min(backbone.layers, LAYERS)),
        max_flops=None,
    )


def _builds_alike(one: Problem, other: Problem) -> bool:
    if one.any_length and other.any_length:
        return (one.backbone, one.packages) == (other.backbone, other.packages)
    return one == other
