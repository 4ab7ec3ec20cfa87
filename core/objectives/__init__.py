"""What is optimised: metrics and losses by name, and how predictions are scored by them."""

from __future__ import annotations

from archwright.core.objectives.chunks import Labels, label_shape, rows_of, scored_elements
from archwright.core.objectives.costs import (
    COSTS,
    OBJECTIVES,
    QUALITY,
    known_objectives,
    read_objectives,
)
from archwright.core.objectives.losses import (
    LOSSES,
    OWN,
    Loss,
    LossOptions,
    Targets,
    option_faults,
    read_options,
)
from archwright.core.objectives.measures import Own
from archwright.core.objectives.metric import Direction, Metric
from archwright.core.objectives.resampling import SplitScores, split_scores
from archwright.core.objectives.scorer import Scorer
from archwright.core.objectives.table import METRICS, find_metric, metric_names

__all__ = [
    "COSTS",
    "LOSSES",
    "METRICS",
    "OBJECTIVES",
    "OWN",
    "QUALITY",
    "Direction",
    "Labels",
    "Loss",
    "LossOptions",
    "Metric",
    "Own",
    "Scorer",
    "SplitScores",
    "Targets",
    "find_metric",
    "known_objectives",
    "label_shape",
    "metric_names",
    "option_faults",
    "read_objectives",
    "read_options",
    "rows_of",
    "scored_elements",
    "split_scores",
]
