"""What a finalist must beat: the baseline, one of its size, with its recipe, in its wrapper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from archwright.core import BASELINE, Candidate, Status
from archwright.runs.context import RunContext
from archwright.source.scaling import scale_width

EQUAL_PARAMETERS: Final = 0.05
"""Sizes that differ by so large a share count as equal."""
NEAR_ENOUGH: Final = 0.01
"""A size that is so near is looked for no further."""

UNCONTROLLED: Final = (
    "finalists are scripts, compared with the baseline's files alone: size, recipe and wrapper of "
    "a script are unknown, so no control holds them equal"
)

ControlKind = Literal["baseline", "size", "recipe", "wrapper"]
Controls = Mapping[ControlKind, Candidate]


def make_controls(context: RunContext, finalist: Candidate) -> Controls:
    """The controls of a finalist, by kind. Where the aim is a cost, the only one is the baseline
    scaled to its size, with its recipe: it shows whether the size alone does it."""
    baseline = context.baseline
    if context.aim is not None:
        scaled = _scaled_baseline(context, finalist)
        if scaled is None:
            return {}
        return {"size": _with_recipe_of(finalist, scaled)}
    controls: dict[ControlKind, Candidate] = {"baseline": baseline}
    if context.spec.problem.script is not None:
        context.journal.notice(UNCONTROLLED)
        return controls
    if finalist.parameters > baseline.parameters * (1 + EQUAL_PARAMETERS):
        scaled = _scaled_baseline(context, finalist)
        if scaled is not None:
            controls["size"] = scaled
    if finalist.recipe != baseline.recipe:
        base = controls.get("size", baseline)
        controls["recipe"] = _with_recipe_of(finalist, base)
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


def _with_recipe_of(finalist: Candidate, control: Candidate) -> Candidate:
    """A control that is trained as the finalist is; itself where it is already."""
    if finalist.recipe == control.recipe:
        return control
    return replace(
        control,
        id=f"{control.id}-recipe-of-{finalist.id}",
        title=f"{control.title} with its recipe",
        recipe=finalist.recipe,
    )


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
    """The baseline at the finalist's size, where its widths can be scaled to it, or the largest
    below that.

    A finalist that is smaller than the baseline is compared with it as it is, the harder test,
    unless the aim is a cost.
    """
    done = context.journal.once(
        "matched", finalist.id, finalist.id, {}, lambda: _scale(context, finalist.parameters)
    )
    if done["source"] is None:
        made = done["largest"] is not None
        context.journal.notice(
            f"no baseline of {finalist.id}'s size ({finalist.parameters} parameters) could be "
            f"made: {_INSTEAD[made, context.aim is None]}"
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


_INSTEAD: Final[Mapping[tuple[bool, bool], str]] = {
    (True, True): "it is compared with the largest possible",
    (True, False): "the nearest below is trained beside it",
    (False, True): "it is compared with the baseline itself",
    (False, False): "none is trained beside it",
}
"""What happens without a baseline of its size: whether a smaller one could be made, and whether
quality is searched for."""


def _scale(context: RunContext, target: int) -> dict[str, Any]:
    """Bisect the width factor for the number of parameters that is nearest to `target`."""
    smaller = target < context.baseline.parameters
    low, high = (0.0, 1.0) if smaller else (1.0, 2.0 + 2.0 * target / context.baseline.parameters)
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
        if abs(off) <= NEAR_ENOUGH:
            break
        if off <= 0 and report.parameters > largest[0]:
            largest = (report.parameters, source)
        low, high = (factor, high) if off < 0 else (low, factor)
    return {
        "source": nearest[1],
        "parameters": nearest[2],
        "largest": largest[1],
        "largest_parameters": largest[0],
    }
