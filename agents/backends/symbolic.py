"""The symbolic backend: answers the roles by grammar, syntax-tree operators and rules. No LLM.

Free, offline, and deterministic per request seed. It answers from the structured context and never
reads the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from archwright.agents.backends import Reply, Request
from archwright.agents.backends.extraction import extract_plan
from archwright.agents.plans import PaperPlan, PaperQuestion
from archwright.agents.questions import (
    Assessment,
    CodeAnswer,
    CodeQuestion,
    EvaluationQuestion,
    Idea,
    Repair,
    RepairQuestion,
    ResearchQuestion,
    Review,
    ReviewQuestion,
    ShownCandidate,
    Typed,
    problem_of,
)
from archwright.agents.roles import CODER, DEBUGGER, EVALUATOR, READER, RESEARCHER, REVIEWER, ROLES
from archwright.core import AnswerError, BackendError, Check, CheckReport, Status
from archwright.knowledge.retrieval import shared_words
from archwright.search.operators import OPERATORS, NotApplicable, edit_of
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


# --- researcher and coder ------------------------------------------------------------------------


def _research(question: ResearchQuestion, seed: int) -> Idea:
    """The first operator that applies: the one asked for, then any other, then a draft.

    An edit that came back as known is not made again; a draft of the same title is another one.
    """
    rng = Random(seed)
    others = [n for n, info in OPERATORS.items() if info.parents and n != question.operator]
    rng.shuffle(others)
    for operator in (question.operator, *others, "draft"):
        works = _starting_points(operator, question)
        if works is None:
            continue
        drawn = rng.getrandbits(32)
        if operator == question.operator and not question.rejected and question.seed is not None:
            drawn = question.seed
        try:
            change = edit_of(operator, _sources(works), problem_of(question.brief), drawn)
        except NotApplicable:
            continue
        if works and any(said.startswith(f"{change.title}: ") for said in question.rejected):
            continue
        return Idea(
            operator=operator,
            title=change.title,
            rationale=" ".join([change.rationale, *map(_evidence, works)]),
            evidence=tuple(w.id for w in works),
            parents=tuple(w.id for w in works),
            citations=_cite(f"{change.title} {change.rationale}", question),
            plan={"seed": drawn},
        )
    raise BackendError("no operator applies, not even a draft")


def _cite(words: str, question: ResearchQuestion) -> tuple[str, ...]:
    """The passages shown that speak of what the change is about."""
    return tuple(p.id for p in question.passages if shared_words(words, p.text))


def _starting_points(operator: str, question: ResearchQuestion) -> Sequence[ShownCandidate] | None:
    """The works that an operator starts from: the parents, and where one is missing an example."""
    needed = OPERATORS[operator].parents
    known = {w.id: w for w in (*question.parents, *question.examples)}
    works = list(known.values())[:needed]
    return works if len(works) == needed else None


def _evidence(work: ShownCandidate) -> str:
    if work.gain is None:
        return f"It starts from {work.id}, which was not measured."
    return f"It starts from {work.id}, at {work.gain:+.1f} noise standard deviations."


def _code(question: CodeQuestion, seed: int) -> CodeAnswer:
    """The edit that the researcher had in mind, by the seed in its plan.

    Raises:
        AnswerError: the idea is another backend's, and its operator does not apply.
    """
    idea = question.idea
    seed = int(idea.plan.get("seed", seed))
    problem = problem_of(question.brief)
    try:
        made = edit_of(idea.operator, _sources(question.works), problem, seed)
    except NotApplicable as error:
        raise AnswerError(str(error)) from None
    return CodeAnswer(source=made.source)


def _sources(works: Sequence[ShownCandidate]) -> tuple[str, ...]:
    return tuple(w.source for w in works)


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


def _evaluate(question: EvaluationQuestion, _seed: int) -> Assessment:
    shape = _read_curve([loss for _, loss in question.curve])
    against = f"{question.gain:+.1f} noise standard deviations against the baseline"
    if question.parent_score is not None:
        change = question.score - question.parent_score
        against += f", {change:+.3g} {question.brief.unit} against its parent"
    verdict = _verdict_words(question.gain)
    return Assessment(
        explanation=f"{verdict} after {question.steps} steps: {against}. {shape}",
        lesson=f"{question.title}: {verdict.lower()} ({question.gain:+.1f} sd). {shape}",
    )


def _verdict_words(gain: float) -> str:
    if gain > 2:
        return "Above the noise"
    return "Below the noise" if gain < -2 else "Within the noise"


def _read_curve(losses: Sequence[float]) -> str:
    """What the training loss tells, in one sentence."""
    if len(losses) < 4:
        return "The curve is too short to read."
    quarter = max(1, len(losses) // 4)
    last, before = losses[-quarter:], losses[-2 * quarter : -quarter]
    drop = losses[0] - min(losses)
    if drop <= 0.02 * abs(losses[0]):
        return "The training loss hardly moved: it does not learn at this rate."
    late = sum(before) / len(before) - sum(last) / len(last)
    if late < -0.1 * drop:
        return "The training loss rose again at the end: training is unstable."
    if late > 0.1 * drop:
        return "The training loss was still falling at the end: it would use more steps."
    if losses[-1] < 0.05 * losses[0]:
        return "The training data are fitted: only generalisation is left to gain."
    return "The training loss flattened before the end."


# --- reviewer ------------------------------------------------------------------------------------


def _review(question: ReviewQuestion, _seed: int) -> Review:
    suspicions = tuple(_suspect(question))
    numbers = question.verdict
    if numbers is None:
        summary = f"{question.title} was not verified."
    else:
        summary = f"{question.title}: {_measured(question)}; verdict: {numbers['verdict']}."
    return Review(
        suspicions=suspicions,
        summary=f"{summary} {_novelty(question)}",
        consequences=_consequences(question),
    )


def _measured(question: ReviewQuestion) -> str:
    numbers = question.verdict or {}
    if numbers.get("effect") is None:
        return str(numbers.get("reason"))
    low, high = numbers["interval"]
    unit = "points" if question.brief.unit == "%" else question.brief.unit
    split = "validation" if numbers.get("test_gain") is None else "the sealed test split"
    return (
        f"mean gain {numbers['effect']:+.3g} {unit} over the hardest control on {split} with "
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
    if changed and "recipe" not in beaten:
        words = ", ".join(f"{k} = {v}" for k, v in changed.items())
        found.append(f"Its recipe differs ({words}): part of the gain may be the recipe's.")
    if numbers.get("test_gain") is not None and numbers["test_gain"] <= 0:
        found.append("The gain does not hold on the test split.")
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
    RESEARCHER.name: _research,
    CODER.name: _code,
    DEBUGGER.name: _repair,
    EVALUATOR.name: _evaluate,
    REVIEWER.name: _review,
    READER.name: _read,
}
"""Who answers which role."""
