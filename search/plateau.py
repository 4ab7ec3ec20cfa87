"""Where a search stands: whether there is more to be gained, and what the task says if not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from archwright.core import Candidate, Floor, Metric, TaskSpec

PLATEAU: Final = 24
"""So many candidates in a row without a gain on the best are a plateau."""

PlateauStage = Literal["search", "broaden", "cost", "stop"]


def stage_of(
    measured: Sequence[Candidate], floors: Sequence[Floor], spec: TaskSpec
) -> PlateauStage:
    """`search`, or at the metric's ceiling and on a plateau what the task wants then.

    Args:
        measured: candidates with a score, in the order in which they were proposed; those of the
            control arm are passed over.
        floors: the noise floor by rung; looked at only once something was measured at the top.
        spec: the task, with the rungs that the run has.
    """
    top = len(spec.rungs) - 1
    reached = [c for c in measured if top in c.rungs and not c.is_control]
    done = bool(reached) and (is_at_ceiling(reached, floors[top], spec.metric) or is_level(reached))
    return spec.plateau if done else "search"


def is_at_ceiling(reached: Sequence[Candidate], floor: Floor, metric: Metric) -> bool:
    """Whether the best score lies within a noise standard deviation of the best possible one.

    Args:
        reached: candidates whose highest rung is the floor's.
    """
    scores = (c.score for c in reached if c.score is not None)
    return any(abs(metric.ideal - score) <= floor.sd for score in scores)


def is_level(reached: Sequence[Candidate]) -> bool:
    """Whether the last `PLATEAU` together have not gained a noise standard deviation over the best
    before them, the baseline included. One whose gain is not known does not count.

    Args:
        reached: candidates in order, whose highest rung is the top one.
    """
    gains = [c.gain for c in reached if c.gain is not None]
    if len(gains) < PLATEAU:
        return False
    return max(gains[-PLATEAU:]) <= max((0.0, *gains[:-PLATEAU])) + 1.0
