"""The six roles. Each renders its prompt, asks the backend and types the answer.

Every call goes through a `Recorder`, so that it is in the journal before and after, and a call
that was answered once is never paid again. An answer that cannot be read goes back with the
reason, as a call of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from archwright.agents.backends import Backend, Reply, Request, Turn
from archwright.agents.drafting import Draft, DraftQuestion
from archwright.agents.plans import PaperQuestion, Plan
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
from archwright.agents.quoting import gate
from archwright.agents.reading import UnreadableError, read_answer, validate
from archwright.core import AnswerError

Recorder = Callable[[str, Request, Callable[[], Reply]], Reply]
"""`record(key, request, ask)` gives the reply: from the journal, or by asking now."""

SENT_BACK_AT_MOST: Final = 2

A = TypeVar("A", bound=Typed)


class Agents:
    """The roles over one backend.

    Args:
        backend: what answers.
        prompts: the templates.
        record: see `Recorder`.
        fallback: answers where `backend` gave no usable answer; None lets the question fail. The
            evaluator and the reviewer only put measured numbers into words, so theirs is always
            answered: by `words`.
        words: answers for the evaluator and the reviewer in the last resort.
    """

    def __init__(
        self,
        backend: Backend,
        prompts: Prompts,
        record: Recorder,
        fallback: Backend | None = None,
        words: Backend | None = None,
    ) -> None:
        self._backend = backend
        self._prompts = prompts
        self._record = record
        self._fallback = fallback
        self._words = words or fallback

    def research(self, key: str, question: ResearchQuestion, seed: int) -> Idea:
        """The researcher states an idea."""
        return self._ask("researcher", key, question, Idea, seed, self._fallback)

    def code(self, key: str, question: CodeQuestion, seed: int) -> Code:
        """The coder writes an idea as source."""
        return self._ask("coder", key, question, Code, seed, self._fallback)

    def repair(self, key: str, question: RepairQuestion, seed: int) -> Repair:
        """The debugger fixes source that failed its checks; without a usable answer it does not."""
        try:
            return self._ask("debugger", key, question, Repair, seed, self._fallback)
        except AnswerError as error:
            return Repair(source=None, notes=str(error))

    def evaluate(self, key: str, question: EvaluationQuestion, seed: int) -> Assessment:
        """The evaluator explains a measured outcome."""
        return self._ask("evaluator", key, question, Assessment, seed, self._words)

    def review(self, key: str, question: ReviewQuestion, seed: int) -> Review:
        """The reviewer looks for what could make a gain invalid."""
        return self._ask("reviewer", key, question, Review, seed, self._words)

    def read(self, key: str, question: PaperQuestion, seed: int) -> Plan:
        """The reader says what a paper claims and takes; what it cannot quote is missing."""
        return gate(self._ask("reader", key, question, Plan, seed, self._fallback), question)

    def draft(self, key: str, question: DraftQuestion, seed: int) -> Draft:
        """The drafter writes the words of a decision record."""
        return self._ask("drafter", key, question, Draft, seed, self._fallback)

    def _ask(
        self,
        role: str,
        key: str,
        question: Typed,
        answer: type[A],
        seed: int,
        fallback: Backend | None,
    ) -> A:
        """One typed answer.

        Raises:
            AnswerError: neither the backend nor the fallback gave a usable one.
            BackendError: the backend cannot answer any more.
        """
        request = Request(
            role=role,
            prompt=self._prompts.render(role, question),
            context=question.model_dump(mode="json"),
            seed=seed,
            candidate=key.partition("/")[0],
        )
        try:
            return self._converse(f"{key}/{role}", request, question, answer)
        except AnswerError:
            if fallback is None or fallback is self._backend:
                raise
            ask = partial(fallback.answer, request)
            reply = self._record(f"{key}/{role}/{fallback.name}", request, ask)
            return _read(reply, question, answer)

    def _converse(self, key: str, request: Request, question: Typed, answer: type[A]) -> A:
        """Ask, and send back what cannot be read, with the reason."""
        for again in range(SENT_BACK_AT_MOST + 1):
            step = f"{key}/{again + 1}" if again else key
            reply = self._record(step, request, partial(self._backend.answer, request))
            try:
                return _read(reply, question, answer)
            except UnreadableError as error:
                reason = str(error)
            if not reply.text:
                break
            asked = self._prompts.render_correction(request.role, reason)
            request = replace(request, turns=(*request.turns, Turn(reply.text, asked)))
        raise AnswerError(f"the {request.role}'s answer cannot be used: {reason}")


def _read(reply: Reply, question: Typed, answer: type[A]) -> A:
    if reply.error:
        raise AnswerError(reply.error)
    if reply.text:
        return read_answer(reply.text, answer, question, reply.cut)
    return validate(reply.content, answer, question)
