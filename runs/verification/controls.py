"""What a finalist must beat: the baseline, one of its size, with its recipe, in its wrapper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from archwright.core import BASELINE, Candidate, Status
from archwright.runs.context import RunContext
from archwright.source.widths import scale_width

EQUAL_PARAMETERS: Final = 0.05
"""Sizes that differ by so large a share count as equal."""

UNCONTROLLED: Final = (
    "finalists are scripts, compared with the baseline's files alone: neither size nor recipe nor "
    "wrapper of a script can be told, so no control holds them equal"
)

Kind = Literal["baseline", "size", "recipe", "wrapper"]
Controls = Mapping[Kind, Candidate]


def make_controls(context: RunContext, finalist: Candidate) -> Controls:
    """The controls of a finalist, by kind."""
    baseline = context.baseline
    controls: dict[Kind, Candidate] = {"baseline": baseline}
    if context.spec.problem.script is not None:
        context.journal.notice(UNCONTROLLED)
        return controls
    if finalist.parameters > baseline.parameters * (1 + EQUAL_PARAMETERS):
        scaled = _scaled_baseline(context, finalist)
        if scaled is not None:
            controls["size"] = scaled
    if finalist.recipe != baseline.recipe:
        base = controls.get("size", baseline)
        controls["recipe"] = replace(
            base,
            id=f"{base.id}-recipe-of-{finalist.id}",
            title=f"{base.title} with its recipe",
            recipe=finalist.recipe,
        )
    wrapper = _wrapper_of(context, finalist)
    if wrapper and wrapper != _wrapper_of(context, baseline):
        base = controls.get("recipe", controls.get("size", baseline))
        controls["wrapper"] = replace(
            base,
            id=f"{base.id}-in-wrapper-of-{finalist.id}",
            title=f"{base.title} in its wrapper",
            wrapper=finalist.source,
        )
    return controls


def _wrapper_of(context: RunContext, candidate: Candidate) -> str:
    """What a candidate does to its input beside its architecture, as the checks found it."""

    def look() -> dict[str, Any]:
        report = context.sandbox.check(candidate.source, context.spec.problem)
        if not report.checks:
            context.journal.notice(
                f"whether {candidate.id} has a wrapper is unknown: {report.error or report.status}"
            )
        return {"wrapper": report.wrapper}

    found: str = context.journal.once("wrapper", candidate.id, candidate.id, {}, look)["wrapper"]
    return found


def _scaled_baseline(context: RunContext, finalist: Candidate) -> Candidate | None:
    """The baseline at the finalist's size, where its widths can be scaled to it.

    A finalist that is smaller than the baseline is compared with it as it is: the harder test.
    """
    done = context.journal.once(
        "matched", finalist.id, finalist.id, {}, lambda: _scale(context, finalist.parameters)
    )
    if done["source"] is None:
        made = done["largest"] is not None
        context.journal.notice(
            f"no baseline of {finalist.id}'s size ({finalist.parameters} parameters) could be "
            f"made: it is compared with {'the largest possible' if made else 'the baseline itself'}"
        )
        if not made:
            return None
        done = {"source": done["largest"], "parameters": done["largest_parameters"]}
    size = done["parameters"]
    return replace(
        context.baseline,
        id=f"{BASELINE}-{size}",
        title=f"the baseline scaled to {size} parameters",
        source=done["source"],
        parameters=size,
    )


def _scale(context: RunContext, target: int) -> dict[str, Any]:
    """Bisect the width factor until parameters are within 5 % of `target`."""
    low, high = 1.0, 2.0 + 2.0 * target / context.baseline.parameters
    nearest: tuple[float, str | None, int] = (EQUAL_PARAMETERS, None, 0)
    largest: tuple[int, str | None] = (0, None)
    unlimited = replace(context.spec.problem, max_params=10**9, max_flops=None)
    for _ in range(14):
        factor = (low + high) / 2
        source = scale_width(context.baseline.source, factor)
        report = context.sandbox.check(source, unlimited)
        if report.status is not Status.OK:
            high = factor
            continue
        off = report.parameters / target - 1
        if abs(off) <= nearest[0]:
            nearest = (abs(off), source, report.parameters)
        if off <= 0 and report.parameters > largest[0]:
            largest = (report.parameters, source)
        low, high = (factor, high) if off < 0 else (low, factor)
    return {
        "source": nearest[1],
        "parameters": nearest[2],
        "largest": largest[1],
        "largest_parameters": largest[0],
    }
