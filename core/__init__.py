"""The words of Archwright as types: the ground floor, which all may import.

It imports the standard library and numpy alone, so that it costs next to nothing to import.
"""

from __future__ import annotations

from archwright.core.arrays import (
    Array,
    Json,
)
from archwright.core.candidate import (
    End,
    Fingerprint,
)
from archwright.core.errors import (
    AnswerError,
    ArchwrightError,
    BackendError,
    InputError,
    RunError,
    SandboxError,
    SourceError,
    Stopped,
    TaskError,
    WorkspaceError,
)
from archwright.core.objective import (
    METRICS,
    Direction,
    Loss,
    Metric,
    score,
    score_samples,
)
from archwright.core.recipe import (
    OPTIMIZERS,
    RECIPE_BOUNDS,
    RECIPE_KEYS,
    SCHEDULES,
    Recipe,
)
from archwright.core.task import (
    Backbone,
    Entry,
    Problem,
    TaskSpec,
)
from archwright.core.trial import (
    Check,
    CheckReport,
    Limitation,
    Outcome,
    Resources,
    Stage,
    Status,
    TrialJob,
)

__all__ = [
    "METRICS",
    "OPTIMIZERS",
    "RECIPE_BOUNDS",
    "RECIPE_KEYS",
    "SCHEDULES",
    "AnswerError",
    "ArchwrightError",
    "Array",
    "Backbone",
    "BackendError",
    "Check",
    "CheckReport",
    "Direction",
    "End",
    "Entry",
    "Fingerprint",
    "InputError",
    "Json",
    "Limitation",
    "Loss",
    "Metric",
    "Outcome",
    "Problem",
    "Recipe",
    "Resources",
    "RunError",
    "SandboxError",
    "SourceError",
    "Stage",
    "Status",
    "Stopped",
    "TaskError",
    "TaskSpec",
    "TrialJob",
    "WorkspaceError",
    "score",
    "score_samples",
]
