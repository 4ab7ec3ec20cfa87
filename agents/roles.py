"""The five roles. Each renders its prompt, asks the backend and types the answer.

Every call goes through a `Recorder`, so that it is in the journal before and after, and a call
that was answered once is never paid again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from archwright.agents.backends import Backend, Reply, Request
from archwright.agents.prompting import Prompts
from archwright.agents.questions import (
    Assessment,
    Code,
    CodeQuestion,
    EvaluationQuestion,
    Idea,
    Repair,
    RepairQuestion,
    ResearchQuestion,
    Review,
    ReviewQuestion,
    Typed,
)
from archwright.domain import BackendError

Recorder = Callable[[str, Request, Callable[[], Reply]], Reply]
"""`record(key, request, ask)` gives the reply: from the journal, or by asking now."""

A = TypeVar("A", bound=Typed)


class Agents:
    """The roles over one backend.

    Args:
        backend: what answers.
        prompts: the templates.
        record: see `Recorder`.
    """

    def __init__(self, backend: Backend, prompts: Prompts, record: Recorder) -> None:
        self._backend = backend
        self._prompts = prompts
        self._record = record

    def research(self, key: str, question: ResearchQuestion, seed: int) -> Idea:
        """The researcher states an idea."""
        return self._ask("researcher", key, question, Idea, seed)

    def code(self, key: str, question: CodeQuestion, seed: int) -> Code:
        """The coder writes an idea as source."""
        return self._ask("coder", key, question, Code, seed)

    def repair(self, key: str, question: RepairQuestion, seed: int) -> Repair:
        """The debugger mends source that failed its checks."""
        return self._ask("debugger", key, question, Repair, seed)

    def evaluate(self, key: str, question: EvaluationQuestion, seed: int) -> Assessment:
        """The evaluator explains a measured outcome."""
        return self._ask("evaluator", key, question, Assessment, seed)

    def review(self, key: str, question: ReviewQuestion, seed: int) -> Review:
        """The reviewer looks for what could make a gain invalid."""
        return self._ask("reviewer", key, question, Review, seed)

    def _ask(self, role: str, key: str, question: Typed, answer: type[A], seed: int) -> A:
        prompt = self._prompts.render(role, question)
        request = Request(role, prompt, question.model_dump(mode="json"), seed)
        reply = self._record(f"{key}/{role}", request, lambda: self._backend.answer(request))
        try:
            return answer.model_validate(reply.content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(p) for p in first["loc"])
            raise BackendError(
                f"the {role}'s answer does not fit: {place}: {first['msg']}"
            ) from None
