"""What the roles are asked and what they answer, as typed, JSON-able values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, TypeAdapter

from archwright.core import Candidate, CheckReport, Problem, SuiteProblem, TaskSpec
from archwright.source.counting import own_limit


class Typed(BaseModel):
    """Frozen, and strict about what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def shortened(self) -> Self | None:
        """The same question with less in it; None where there is nothing to leave out."""
        return None


class Brief(Typed):
    """The task, as every role is told it. The stable part of each question."""

    task: str
    summary: str
    metric: str
    direction: str
    unit: str
    contract: str
    rungs: tuple[int, ...]
    recipe: Mapping[str, Any]
    problem: Mapping[str, Any]
    own_limit: int = 0
    """Most parameters that the candidate's own class may have: less than the problem's limit where
    the harness puts it into a network."""
    problems: tuple[Mapping[str, Any], ...] = ()
    """Of a suite, of each problem: its shape of an input, batch_size, and by rung the steps, what
    the reference scores, and the noise of that."""

    @property
    def script(self) -> Mapping[str, Any] | None:
        """How the script is run, where the task is one."""
        return self.problem.get("script")

    @classmethod
    def of(cls, spec: TaskSpec) -> Brief:
        """The brief of a task."""
        return cls(
            task=spec.name,
            summary=spec.summary,
            metric=spec.metric.name,
            direction=spec.metric.direction,
            unit=spec.metric.unit,
            contract=spec.contract,
            rungs=spec.rungs,
            recipe=spec.recipe.to_json(),
            problem=spec.problem.to_json(),
            own_limit=own_limit(spec.problem),
            problems=tuple(map(_problem, spec.members)),
        )


def _problem(member: SuiteProblem) -> dict[str, Any]:
    spec = member.spec
    return {
        "name": member.name,
        "summary": spec.summary,
        "shape": spec.problem.input_shape,
        "batch_size": spec.recipe.batch_size,
        "unit": spec.metric.unit,
        "rungs": list(zip(spec.rungs, member.reference, member.sd, strict=False)),
    }


class ShownCandidate(Typed):
    """What a prompt shows of a candidate, a projection of it: a parent, or an example from the
    knowledge base."""

    id: str
    title: str
    source: str
    score: float | None
    gain: float | None
    """Gain over the baseline in its noise standard deviations."""
    parameters: int = 0
    steps: int = 0
    """Optimizer steps that it was trained for when it was measured; 0 where nobody says."""

    @classmethod
    def of(cls, candidate: Candidate) -> ShownCandidate:
        """What a prompt shows of a candidate."""
        return cls.model_validate(candidate, from_attributes=True)


class Passage(Typed):
    """A piece of a paper, or a note, that bears on the question; `title` names paper and section.
    A note has its equation as `code`."""

    id: str
    title: str
    text: str
    code: str = ""

    @property
    def citation(self) -> str:
        """How a record cites it: the paper's id, its title and the section."""
        return f"{self.id} ({self.title})"


class Idea(Typed):
    """To the coder: one change, and why it should help."""

    operator: str
    title: str
    rationale: str


class CodeQuestion(Typed):
    """To the coder: write this idea as one file that keeps the contract."""

    brief: Brief
    idea: Idea
    works: tuple[ShownCandidate, ...]
    """The idea's parents, in its order."""


class CodeAnswer(Typed):
    """From the coder and the debugger: a whole file."""

    source: str
    notes: str = ""


class PastRepair(Typed):
    """A failure of the same kind that was fixed before."""

    error: str
    diff: str
    """What the fix changed, as a unified diff."""


class RepairQuestion(Typed):
    """To the debugger: this source failed this way; fix it and keep its idea."""

    brief: Brief
    title: str
    source: str
    report: Mapping[str, Any]
    """A `CheckReport` as plain data."""
    attempt: int
    past: tuple[PastRepair, ...] = ()
    """How this kind of failure was fixed before, in this run first, then in earlier ones."""


class Repair(Typed):
    """From the debugger: the fixed file, or no source when it knows no fix."""

    source: str | None
    notes: str = ""


class ReviewQuestion(Typed):
    """To the reviewer: what could make this gain invalid, and what should the record say?"""

    brief: Brief
    title: str
    rationale: str
    source: str
    parameters: int
    baseline_parameters: int
    recipe: Mapping[str, Any]
    parent_titles: tuple[str, ...]
    similar: tuple[ShownCandidate, ...]
    verdict: Mapping[str, Any] | None
    """The verification's numbers; None when the candidate was not verified."""


class Review(Typed):
    """From the reviewer: suspicions, and the words of the decision record."""

    suspicions: tuple[str, ...]
    summary: str
    consequences: tuple[str, ...] = ()


# --- of a drafter -----------------------------------------------------------------------------


class DraftQuestion(Typed):
    """To the drafter: what should be decided in this situation?"""

    context: str
    records: tuple[str, ...]
    """Accepted decision records that are most like it, best first."""


class DraftOption(Typed):
    """An option, and what speaks for or against it."""

    name: str
    why: str = ""


class DecisionDraft(Typed):
    """From the drafter: a decision, to be checked and then reviewed by a person."""

    title: str
    options: tuple[DraftOption, ...]
    chosen: str
    because: str
    consequences: tuple[str, ...] = ()


# --- plain data -------------------------------------------------------------------------------


def report_to_json(report: CheckReport) -> dict[str, Any]:
    """A check report as plain data, without the graph."""
    return {
        "status": report.status.value,
        "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in report.checks],
        "parameters": report.parameters,
        "flops": report.flops,
        "error": report.error,
        "layers": [list(row) for row in report.layers],
        "int8_bytes": report.int8_bytes,
    }


def problem_of(brief: Brief) -> Problem:
    """The problem that a brief tells of."""
    return _problems().validate_python(brief.problem)


@cache
def _problems() -> TypeAdapter[Problem]:
    return TypeAdapter(Problem)
