"""The words of Archwright as types: the ground floor, which all may import.

It imports the standard library and numpy alone, so that it costs next to nothing to import; what
needs pydantic is asked for by its own name, `archwright.core.settings`.
"""

from __future__ import annotations

from archwright.core.arrays import (
    Array,
    Json,
)
from archwright.core.candidate import (
    ATTEMPTS,
    BASELINE,
    CONTROL,
    Candidate,
    CandidateStatus,
    Curve,
    Fingerprint,
    Measurement,
    candidate_id,
    next_id,
    seed_of,
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
from archwright.core.noise import (
    Floor,
)
from archwright.core.objective import (
    COSTS,
    METRICS,
    OBJECTIVES,
    QUALITY,
    Direction,
    Loss,
    Metric,
    read_objectives,
    score,
    score_samples,
)
from archwright.core.task import (
    OPTIMIZERS,
    RECIPE_BOUNDS,
    RECIPE_KEYS,
    SCHEDULES,
    Backbone,
    Entry,
    Problem,
    Recipe,
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
    Trial,
    TrialJob,
    TrialSpec,
)
from archwright.core.verdict import (
    Comparison,
    LaterVerdict,
    Verdict,
)

__all__ = [
    "ATTEMPTS",
    "BASELINE",
    "CONTROL",
    "COSTS",
    "METRICS",
    "OBJECTIVES",
    "OPTIMIZERS",
    "QUALITY",
    "RECIPE_BOUNDS",
    "RECIPE_KEYS",
    "SCHEDULES",
    "AnswerError",
    "ArchwrightError",
    "Array",
    "Backbone",
    "BackendError",
    "Candidate",
    "CandidateStatus",
    "Check",
    "CheckReport",
    "Comparison",
    "Curve",
    "Direction",
    "Entry",
    "Fingerprint",
    "Floor",
    "InputError",
    "Json",
    "LaterVerdict",
    "Limitation",
    "Loss",
    "Measurement",
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
    "Trial",
    "TrialJob",
    "TrialSpec",
    "Verdict",
    "WorkspaceError",
    "candidate_id",
    "next_id",
    "read_objectives",
    "score",
    "score_samples",
    "seed_of",
]
