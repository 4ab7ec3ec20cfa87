"""The first question to each role about a task, as the first candidate of a run would ask it.

What only a run can measure is left out, and what only a role can say is `UNKNOWN`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from archwright.agents.memo import MemoQuestion
from archwright.agents.proposers.campaign import (
    CampaignQuestion,
    LedgerRow,
    ShownWork,
    Suggestion,
)
from archwright.agents.questions import (
    Brief,
    CodeQuestion,
    Idea,
    RepairQuestion,
    ReviewQuestion,
    ShownCandidate,
)
from archwright.core import BASELINE, Candidate, TaskSpec
from archwright.search.operators import OPERATORS

UNKNOWN: Final = "(not said yet)"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins: the baseline is the only work so far."""

    spec: TaskSpec
    count: int = 4
    """Proposals of a call."""
    examples: tuple[ShownCandidate, ...] = ()
    lessons: tuple[str, ...] = ()

    @property
    def brief(self) -> Brief:
        """The task, as the roles are told it."""
        return Brief.of(self.spec)

    @property
    def parents(self) -> tuple[ShownCandidate, ...]:
        """The baseline."""
        source = self.spec.baseline
        return (
            ShownCandidate(id=BASELINE, title="the baseline", source=source, score=None, gain=None),
        )


def first_research(start: Start) -> CampaignQuestion:
    """To the researcher."""
    return CampaignQuestion(
        brief=start.brief,
        number=1,
        count=start.count,
        baseline=ShownWork(**start.parents[0].model_dump(), why="the baseline"),
        examples=start.examples,
        lessons=start.lessons,
        ledger=(LedgerRow.of(Candidate(BASELINE, "the baseline"), start.spec.rungs),),
        suggestion=Suggestion(operator="draft", about=OPERATORS["draft"].summary),
    )


def first_code(start: Start) -> CodeQuestion:
    """To the coder."""
    idea = Idea(operator="mutate", title=UNKNOWN, rationale=UNKNOWN)
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


def first_memo(start: Start) -> MemoQuestion:
    """To the evaluator."""
    return MemoQuestion(brief=start.brief, noise=(), ledger=())


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
