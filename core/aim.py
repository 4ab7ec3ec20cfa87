"""An aim at a cost: the least of it at a score that is as good as a floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Final, Protocol, Self

from archwright.core.errors import InputError
from archwright.core.objectives import COSTS, QUALITY, Metric

COST_UNITS: Final[Mapping[str, str]] = {
    "parameters": "parameters",
    "flops": "FLOPs a sample",
    "latency": "ms a sample",
    "int8": "bytes with weights in INT8",
}


class Costly(Protocol):
    """What has costs: a candidate, or the baseline of a snapshot. Counts of nothing are unknown."""

    @property
    def parameters(self) -> int: ...
    @property
    def flops(self) -> int: ...
    @property
    def latency_ms(self) -> float | None: ...
    @property
    def int8_bytes(self) -> int: ...


def cost_of(what: Costly, name: str) -> float | None:
    """A cost by its name in `COSTS`; None where it is not known."""
    values = {
        "parameters": what.parameters or None,
        "flops": what.flops or None,
        "latency": what.latency_ms,
        "int8": what.int8_bytes or None,
    }
    return values[name]


@dataclass(frozen=True, slots=True)
class Aim:
    """The least of one cost among all whose score is as good as `floor`, in the metric's unit."""

    objective: str
    """One of `COSTS`."""
    floor: float
    metric: Metric

    @classmethod
    def of(
        cls,
        objectives: Sequence[str],
        at_least: float | None,
        at_most: float | None,
        metric: Metric,
    ) -> Self | None:
        """The aim that a run's settings state; None where they search for quality.

        Raises:
            InputError: a cost without a floor, a floor without a cost, or one that does not fit
                the metric.
        """
        costs = [name for name in objectives if name != QUALITY]
        right, wrong = ("--at-least", "--at-most")
        floor, other = at_least, at_most
        if metric.direction == "minimize":
            right, wrong, floor, other = wrong, right, other, floor
        if other is not None:
            raise InputError(
                f"{metric.name} is to {metric.direction}: the floor of its aim is {right}, "
                f"not {wrong}"
            )
        if floor is None:
            if QUALITY not in objectives:
                raise InputError(
                    f"--objective {','.join(costs)} needs a floor of quality: add {right} SCORE, "
                    f"or search for --objective {','.join((QUALITY, *costs))}"
                )
            return None
        if len(costs) != 1 or QUALITY in objectives:
            raise InputError(
                f"{right} is the floor of an aim at one cost alone: say --objective with one of "
                f"{', '.join(COSTS)}"
            )
        if metric.gain(floor, metric.ideal) > 0:
            best = f"{metric.ideal:g} {metric.unit}".rstrip()
            raise InputError(f"{right} {floor:g}: no {metric.name} is better than {best}")
        return cls(costs[0], floor, metric)

    def margin(self, score: float) -> float:
        """How much better than the floor a score is, in the metric's unit; negative is worse."""
        return self.metric.gain(score, self.floor)

    def cost(self, what: Costly) -> float:
        """What is to be as small as possible; infinite where it is not known."""
        known = cost_of(what, self.objective)
        return inf if known is None else known

    def cost_text(self, cost: float) -> str:
        """A cost with its unit: `1,234 parameters`."""
        if not isfinite(cost):
            return f"an unknown number of {COST_UNITS[self.objective]}"
        number = f"{cost:.3g}" if self.objective == "latency" else f"{cost:,.0f}"
        return f"{number} {COST_UNITS[self.objective]}"

    def floor_text(self) -> str:
        """The floor with its unit and side: `95 % or more`."""
        side = "more" if self.metric.direction == "maximize" else "less"
        return f"{self.floor:g} {self.metric.unit}".rstrip() + f" or {side}"

    def __str__(self) -> str:
        """The aim in words: `the fewest parameters at 95 % or more`."""
        return f"the fewest {COST_UNITS[self.objective]} at {self.floor_text()}"
