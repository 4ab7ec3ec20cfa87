"""The symbolic backend: answers by rule the roles that a run asks. No LLM.

Free, offline, and deterministic per request seed. It answers from the structured context and never
reads the prompt. What is proposed without a model is `archwright.agents.proposers.symbolic`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from archwright.agents.backends import Reply, Request
from archwright.agents.backends.extraction import extract_plan
from archwright.agents.memo import Memo, MemoQuestion, memo_by_rule
from archwright.agents.plans import PaperPlan, PaperQuestion
from archwright.agents.questions import (
    Repair,
    RepairQuestion,
    Review,
    ReviewQuestion,
    Typed,
    problem_of,
)
from archwright.agents.roles import DEBUGGER, EVALUATOR, READER, REVIEWER, ROLES
from archwright.core import BackendError, Check, CheckReport, Status
from archwright.search.operators.repair import repair

_NUMBER: Final = re.compile(r"\b\d[\d_.]*(?:e-?\d+)?\b")


class SymbolicBackend:
    """Answers every role from the request's context."""

    name = "symbolic"

    def answer(self, request: Request) -> Reply:
        """One answer; the same request gives the same answer.

        Raises:
            BackendError: a role that it does not know.
        """
        answer = _ANSWERS.get(request.role)
        if answer is None:
            raise BackendError(f"the symbolic backend knows no role {request.role!r}")
        question = ROLES[request.role].question.model_validate(request.context)
        return Reply(answer(question, request.seed).model_dump(mode="json"), self.name)


# --- debugger ------------------------------------------------------------------------------------


def _repair(question: RepairQuestion, seed: int) -> Repair:
    report = CheckReport(
        status=Status(question.report["status"]),
        checks=tuple(Check(**c) for c in question.report["checks"]),
        parameters=question.report["parameters"],
        flops=question.report["flops"],
        error=question.report["error"],
    )
    change = repair(question.source, problem_of(question.brief), report, Random(seed))
    if change is None:
        return Repair(source=None, notes="no rule fixes this failure")
    return Repair(source=change.source, notes=change.title)


# --- evaluator -----------------------------------------------------------------------------------


def _evaluate(question: MemoQuestion, _seed: int) -> Memo:
    return memo_by_rule(question)


# --- reviewer ------------------------------------------------------------------------------------


def _review(question: ReviewQuestion, _seed: int) -> Review:
    suspicions = tuple(_suspect(question))
    numbers = question.verdict
    if numbers is None:
        summary = f"{question.title} was not verified."
    else:
        said = numbers["verdict"] if numbers.get("aim") is None else _AIMED[numbers["verdict"]]
        summary = f"{question.title}: {_measured(question)}; verdict: {said}."
    return Review(
        suspicions=suspicions,
        summary=f"{summary} {_novelty(question)}",
        consequences=_consequences(question),
    )


_AIMED: Final = {
    "discovery": "at the floor beyond noise; this is not a gain in quality",
    "no gain": "not at the floor",
    "undecided": "undecided",
}
"""Verdicts where the aim is a cost."""


def _measured(question: ReviewQuestion) -> str:
    numbers = question.verdict or {}
    if numbers.get("effect") is None:
        return str(numbers.get("reason"))
    low, high = numbers["interval"]
    unit = "points" if question.brief.unit == "%" else question.brief.unit
    split = "validation" if numbers.get("test_gain") is None else "the sealed test split"
    aimed = numbers.get("aim") is not None
    what, over = ("margin", "floor of the aim") if aimed else ("gain", "hardest control")
    return (
        f"mean {what} {numbers['effect']:+.3g} {unit} over the {over} on {split} with "
        f"{numbers['seeds']} fresh seeds ({low:+.3g} to {high:+.3g}, p = {numbers['p']:.2g})"
    )


def _suspect(question: ReviewQuestion) -> list[str]:
    found = []
    numbers: dict[str, Any] = dict(question.verdict or {})
    # What a control was trained for is measured, and no suspicion any more.
    beaten = {c.get("kind") for c in numbers.get("comparisons", ())}
    if "size" not in beaten and question.parameters > 1.05 * question.baseline_parameters:
        found.append(
            f"It has {question.parameters} parameters, the baseline {question.baseline_parameters}."
        )
    changed = {k: v for k, v in question.recipe.items() if question.brief.recipe.get(k) != v}
    if changed and "recipe" not in beaten and numbers.get("aim") is None:
        words = ", ".join(f"{k} = {v}" for k, v in changed.items())
        found.append(f"Its recipe differs ({words}): part of the gain may be the recipe's.")
    if numbers.get("test_gain") is not None and numbers["test_gain"] <= 0:
        what = "margin over the floor" if numbers.get("aim") else "gain"
        found.append(f"The {what} does not hold on the test split.")
    found += [
        f"It differs from {known.id} ({known.title}), which is known already, in numbers alone."
        for known in question.similar
        if _without_numbers(known.source) == _without_numbers(question.source)
    ]
    return found


def _without_numbers(source: str) -> str:
    return " ".join(_NUMBER.sub("#", source).split())


def _novelty(question: ReviewQuestion) -> str:
    """What of all that was known is most like it, in one sentence."""
    if not question.similar:
        return "Nothing that was known before the run resembles it."
    known = question.similar[0]
    return f"Of what was known before the run, {known.id} ({known.title}) is most like it."


def _consequences(question: ReviewQuestion) -> tuple[str, ...]:
    change = question.parameters / max(1, question.baseline_parameters) - 1
    return (f"Parameters change by {100 * change:+.0f} % against the baseline.",)


# --- reader --------------------------------------------------------------------------------------


def _read(question: PaperQuestion, _seed: int) -> PaperPlan:
    return extract_plan(question)


_ANSWERS: Final[Mapping[str, Callable[[Any, int], Typed]]] = {
    DEBUGGER.name: _repair,
    EVALUATOR.name: _evaluate,
    REVIEWER.name: _review,
    READER.name: _read,
}
"""Who answers which role."""
