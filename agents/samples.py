"""The first question to each role about a task, as the first candidate of a run would ask it.

What only a run can measure or a role can say is NaN or `UNKNOWN`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from archwright.agents.questions import (
    Brief,
    CodeQuestion,
    EvaluationQuestion,
    Idea,
    RepairQuestion,
    ResearchQuestion,
    ReviewQuestion,
    ShownCandidate,
)
from archwright.core import TaskSpec

UNKNOWN: Final = "(not said yet)"
BASELINE: Final = "baseline"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins: the baseline is the only work so far."""

    spec: TaskSpec
    operator: str
    examples: tuple[ShownCandidate, ...] = ()
    lessons: tuple[str, ...] = ()

    @property
    def brief(self) -> Brief:
        """The task, as the roles are told it."""
        return Brief.of(self.spec)

    @property
    def parents(self) -> tuple[ShownCandidate, ...]:
        """What the operator starts from."""
        if self.operator == "draft":
            return ()
        source = self.spec.baseline
        return (
            ShownCandidate(id=BASELINE, title="the baseline", source=source, score=None, gain=None),
        )


def first_research(start: Start) -> ResearchQuestion:
    """To the researcher."""
    return ResearchQuestion(
        brief=start.brief,
        operator=start.operator,
        parents=start.parents,
        examples=start.examples,
        lessons=start.lessons,
        rejected=(),
    )


def first_code(start: Start) -> CodeQuestion:
    """To the coder."""
    idea = Idea(operator=start.operator, title=UNKNOWN, rationale=UNKNOWN)
    return CodeQuestion(brief=start.brief, idea=idea, works=start.parents)


def first_repair(start: Start) -> RepairQuestion:
    """To the debugger."""
    return RepairQuestion(
        brief=start.brief,
        title=UNKNOWN,
        source=start.spec.baseline,
        report={"error": UNKNOWN, "checks": []},
        attempt=1,
    )


def first_evaluation(start: Start) -> EvaluationQuestion:
    """To the evaluator."""
    return EvaluationQuestion(
        brief=start.brief,
        title=UNKNOWN,
        source=start.spec.baseline,
        steps=start.spec.rungs[0],
        curve=(),
        score=math.nan,
        baseline_mean=math.nan,
        baseline_sd=math.nan,
        gain=math.nan,
        parent_score=None,
        promoted=False,
    )


def first_review(start: Start) -> ReviewQuestion:
    """To the reviewer."""
    return ReviewQuestion(
        brief=start.brief,
        title=UNKNOWN,
        rationale=UNKNOWN,
        source=start.spec.baseline,
        parameters=0,
        baseline_parameters=0,
        recipe=start.spec.recipe.to_json(),
        parent_titles=("the baseline",),
        similar=(),
        verdict=None,
    )
