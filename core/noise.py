"""The noise floor: what the baseline scores at a rung, and how much that moves with the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from archwright.core.objectives import Metric


@dataclass(frozen=True, slots=True)
class Floor:
    """The baseline at one rung: mean and standard deviation over seeds, in the metric's unit."""

    steps: int
    mean: float
    sd: float
    scores: tuple[float, ...]
    """One per seed, from seed 0."""
    parameters: int
    ceiling: tuple[int, float] | None = None
    """(step, training loss) that a candidate must have passed not to be hopeless."""

    def gain(self, metric: Metric, score: float) -> float:
        """How far `score` lies above the baseline, in noise standard deviations."""
        return metric.gain(score, self.mean) / self.sd

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The floor that `dataclasses.asdict` gave."""
        ceiling = document["ceiling"]
        lists = {
            "scores": tuple(document["scores"]),
            "ceiling": (int(ceiling[0]), float(ceiling[1])) if ceiling else None,
        }
        return cls(**{**document, **lists})
