"""A first question to each role about a task, as the first candidate of a run would ask it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from archwright.agents.questions import (
    Brief,
    CodeQuestion,
    EvaluationQuestion,
    Idea,
    RepairQuestion,
    ResearchQuestion,
    ReviewQuestion,
    Typed,
    Work,
)
from archwright.core import InputError, TaskSpec

UNKNOWN: Final = "(not said yet)"
BASELINE: Final = "baseline"


def sample(
    role: str,
    spec: TaskSpec,
    operator: str,
    examples: Sequence[Work] = (),
    lessons: Sequence[str] = (),
) -> Typed:
    """The question to a role where the baseline is the only work so far.

    What only a run can measure or a role can say is NaN or `UNKNOWN`.

    Raises:
        InputError: there is no such role.
    """
    brief = Brief.of(spec)
    baseline = Work(id=BASELINE, title="the baseline", source=spec.baseline, score=None, gain=None)
    parents = () if operator == "draft" else (baseline,)
    idea = Idea(operator=operator, title=UNKNOWN, rationale=UNKNOWN)
    unmeasured = math.nan
    questions: dict[str, Typed] = {
        "researcher": ResearchQuestion(
            brief=brief,
            operator=operator,
            parents=parents,
            examples=tuple(examples),
            lessons=tuple(lessons),
            rejected=(),
        ),
        "coder": CodeQuestion(brief=brief, idea=idea, works=parents),
        "debugger": RepairQuestion(
            brief=brief,
            title=UNKNOWN,
            source=spec.baseline,
            report={"error": UNKNOWN, "checks": []},
            attempt=1,
        ),
        "evaluator": EvaluationQuestion(
            brief=brief,
            title=UNKNOWN,
            source=spec.baseline,
            steps=spec.rungs[0],
            curve=(),
            score=unmeasured,
            baseline_mean=unmeasured,
            baseline_sd=unmeasured,
            gain=unmeasured,
            parent_score=None,
            promoted=False,
        ),
        "reviewer": ReviewQuestion(
            brief=brief,
            title=UNKNOWN,
            rationale=UNKNOWN,
            source=spec.baseline,
            parameters=0,
            baseline_parameters=0,
            recipe=spec.recipe.to_json(),
            parent_titles=("the baseline",),
            similar=(),
            verdict=None,
        ),
    }
    if role not in questions:
        raise InputError(f"there is no role {role!r}; there are {', '.join(questions)}")
    return questions[role]
