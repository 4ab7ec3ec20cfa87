"""A metric: how predictions are scored, and in which direction a score is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from archwright.core.objectives.losses import Targets
from archwright.core.objectives.measures import Measure

if TYPE_CHECKING:
    from archwright.core.objectives.scorer import Scorer
    from archwright.core.task import Problem

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How predictions are scored: an entry of the harness's list, or the task's own code."""

    name: str
    direction: Direction
    unit: str
    lowest: float = 0.0
    """The smallest possible score."""
    highest: float = math.inf
    """The largest possible score."""
    targets: tuple[Targets, ...] = ()
    """What labels it takes, the usual ones first; empty where it takes any."""
    loss: str = ""
    """What is trained on where the task does not say; empty where it must."""
    measure: Measure | None = field(default=None, repr=False, compare=False)
    """How it is measured; None where it is only known by name, as in an old journal."""

    def clamp(self, interval: tuple[float, float]) -> tuple[float, float]:
        """An interval of scores, within what a score can be."""
        return max(self.lowest, interval[0]), min(self.highest, interval[1])

    @property
    def ideal(self) -> float:
        """The best possible score, infinite where there is none."""
        return self.highest if self.direction == "maximize" else self.lowest

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` is better than score `b`."""
        return a > b if self.direction == "maximize" else a < b

    def gain(self, score: float, over: float) -> float:
        """`score - over` with the sign turned so that positive is an improvement."""
        return score - over if self.direction == "maximize" else over - score

    def scorer(self, problem: Problem) -> Scorer:
        """What scores the predictions on one split of a problem."""
        from archwright.core.objectives.scorer import Scorer

        return Scorer(self, problem)

    def to_json(self) -> dict[str, Any]:
        """What a journal keeps of it, as plain data; a bound that is not there is None."""
        bounds = {"lowest": self.lowest, "highest": self.highest}
        finite = {name: v if math.isfinite(v) else None for name, v in bounds.items()}
        return {"name": self.name, "direction": self.direction, "unit": self.unit, **finite}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The metric that `to_json` gave, to show scores and compare them, not to measure."""
        lowest, highest = document["lowest"], document["highest"]
        return cls(
            document["name"],
            document["direction"],
            document["unit"],
            -math.inf if lowest is None else lowest,
            math.inf if highest is None else highest,
        )
