"""The roles, as one table: a line each. `Agents` asks them.

Every call goes through a `Recorder`, so that it is in the journal before and after, and a call
that was answered once is never paid again. An answer that cannot be read goes back with the
reason, as a call of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateError

from archwright.agents import samples
from archwright.agents.backends import Backend, Reply, Request, Turn
from archwright.agents.plans import PaperPlan, PaperQuestion
from archwright.agents.questions import (
    Assessment,
    CodeAnswer,
    CodeQuestion,
    DecisionDraft,
    DraftQuestion,
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
from archwright.agents.reading import (
    FormatError,
    Parser,
    parse_file,
    parse_fix,
    parse_json,
    read_answer,
    validate,
)
from archwright.core import OPTIMIZERS, RECIPE_BOUNDS, SCHEDULES, AnswerError, InputError


class Prompts:
    """The templates of a workspace.

    Args:
        overrides: a folder whose templates take the place of the built-in ones; may not exist.
    """

    def __init__(self, overrides: Path | None = None) -> None:
        self._overrides = overrides
        self._environment = Environment(
            loader=FunctionLoader(self._read),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            keep_trailing_newline=True,
        )
        self._environment.filters |= {"fenced": fenced, "tuple": tuple}
        self._environment.globals |= {
            "optimizers": OPTIMIZERS,
            "schedules": SCHEDULES,
            "recipe_bounds": RECIPE_BOUNDS,
        }

    def render(self, role: str, question: Typed) -> str:
        """The prompt of a role for a question.

        Raises:
            InputError: a template is missing, broken, or names something that is not there.
        """
        fields: dict[str, Any] = {
            name: getattr(question, name) for name in type(question).model_fields
        }
        return self.fill(self.template_of(role, question), fields)

    def render_correction(self, role: str, reason: str) -> str:
        """What is said to a role whose answer cannot be used.

        Raises:
            InputError: the template `correction.md` is broken.
        """
        return self.fill("correction.md", {"role": role, "reason": reason})

    def template_of(self, role: str, question: Typed) -> str:
        """The name of the template that serves a question."""
        operator = getattr(question, "operator", None) or getattr(
            getattr(question, "idea", None), "operator", None
        )
        own = f"{role}.{operator}.md"
        known = operator and re.fullmatch(r"\w+", operator) and self._read(own) is not None
        return own if known else f"{role}.md"

    def fill(self, name: str, fields: dict[str, Any]) -> str:
        """A template of any name with its fields filled in.

        Raises:
            InputError: it is missing, broken, or names something that is not there.
        """
        try:
            return self._environment.get_template(name).render(fields)
        except TemplateError as error:
            raise InputError(f"the prompt template {name} is broken: {error}") from error

    def _read(self, name: str) -> str | None:
        own = self._overrides / name if self._overrides else None
        if own is not None and own.is_file():
            return own.read_text(encoding="utf-8")
        # `ROLE.OPERATOR.md` lies in the folder of its role.
        *folder, last = name.removesuffix(".md").split(".")
        built_in = files("archwright.prompts").joinpath(*folder, f"{last}.md")
        return built_in.read_text(encoding="utf-8") if built_in.is_file() else None


def fenced(text: str, language: str = "") -> str:
    """`text` as a Markdown code block that it cannot close from inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


Q = TypeVar("Q", bound=Typed)
A = TypeVar("A", bound=Typed)


@dataclass(frozen=True, slots=True)
class Role(Generic[Q, A]):
    """Who is asked what, and how the answer is read."""

    name: str
    question: type[Q]
    answer: type[A]
    parse: Parser
    """Finds the answer's fields in a model's words."""
    first: Callable[[samples.Start], Q] | None = None
    """The first question that a run asks; None for a role that no run of its own has."""
    calls: float = 0.0
    """Calls per candidate: with a few duplicates asked anew and some repairs."""
    comments: bool = False
    """Whether it only puts measured numbers into words, so that it can always be answered."""
    check: Callable[[A, Q], A] | None = None
    """What an answer goes through before it counts."""
    otherwise: Callable[[AnswerError], A] | None = None
    """The answer where nobody gave a usable one; None lets the question fail."""

    @property
    def template(self) -> str:
        """The prompt's template. An operator may have one of its own beside it."""
        return f"{self.name}.md"

    def read(self, text: str, question: Q, cut: bool = False) -> A:
        """The answer in a model's words; see `read_answer`."""
        return read_answer(text, self.answer, question, self.parse, cut)


def _no_fix(error: AnswerError) -> Repair:
    return Repair(source=None, notes=str(error))


# fmt: off
RESEARCHER: Final = Role("researcher", ResearchQuestion, Idea, parse_json, samples.first_research, calls=1.15)  # noqa: E501
CODER: Final = Role("coder", CodeQuestion, CodeAnswer, parse_file, samples.first_code, calls=1.15)
DEBUGGER: Final = Role("debugger", RepairQuestion, Repair, parse_fix, samples.first_repair, calls=0.4, otherwise=_no_fix)  # noqa: E501
EVALUATOR: Final = Role("evaluator", EvaluationQuestion, Assessment, parse_json, samples.first_evaluation, calls=0.8, comments=True)  # noqa: E501
REVIEWER: Final = Role("reviewer", ReviewQuestion, Review, parse_json, samples.first_review, comments=True)  # noqa: E501
READER: Final = Role("reader", PaperQuestion, PaperPlan, parse_json, check=gate)
DRAFTER: Final = Role("drafter", DraftQuestion, DecisionDraft, parse_json)
# fmt: on

_ALL: Final[tuple[Role[Any, Any], ...]] = (
    RESEARCHER, CODER, DEBUGGER, EVALUATOR, REVIEWER, READER, DRAFTER,
)  # fmt: skip
ROLES: Final[Mapping[str, Role[Any, Any]]] = {role.name: role for role in _ALL}
RUN_ROLES: Final = tuple(role.name for role in _ALL if role.first)
"""The roles of a run, which may each have a model of their own."""


def sample(role: str, start: samples.Start) -> Typed:
    """The first question of a run to a role.

    Raises:
        InputError: no run has such a role.
    """
    first = ROLES[role].first if role in RUN_ROLES else None
    if first is None:
        raise InputError(f"there is no role {role!r}; there are {', '.join(RUN_ROLES)}")
    question: Typed = first(start)
    return question


# --- asking -----------------------------------------------------------------------------------

Recorder = Callable[[str, Request, Callable[[], Reply]], Reply]
"""`record(key, request, ask)` gives the reply: from the journal, or by asking now."""

Once = Callable[[str, str, str, Mapping[str, Any], Callable[[], Mapping[str, Any]]], dict[str, Any]]
"""`once(kind, key, candidate, request, act)`: as `archwright.runs.journal.Journal.once`."""


def record_by(once: Once) -> Recorder:
    """Answers a call from a journal, or makes it once and keeps the reply, errors included.

    The row's request holds role, seed, the prompt with the turns that went before, and the hashes
    of the prompt and of all that is sent; its result the reply with model, tokens and dollars.
    """

    def record(key: str, request: Request, ask: Callable[[], Reply]) -> Reply:
        asked = {
            "role": request.role,
            "seed": request.seed,
            "prompt": request.prompt_hash,
            "request": request.hash,
            "prompt_text": request.prompt,
            "turns": [asdict(turn) for turn in request.turns],
        }
        candidate = key.partition("/")[0]
        return Reply(**once("call", key, candidate, asked, lambda: asdict(ask())))

    return record


SENT_BACK_AT_MOST: Final = 2


class Agents:
    """The roles over one backend.

    Args:
        backend: what answers.
        prompts: the templates.
        record: see `Recorder`.
        fallback: answers where `backend` gave no usable answer; None lets the question fail. A
            role that only comments is always answered: by `words`.
        words: answers for the roles that comment in the last resort.
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

    def ask(self, role: Role[Q, A], key: str, question: Q, seed: int) -> A:
        """One typed answer of any role.

        Raises:
            AnswerError: neither the backend nor the fallback gave a usable one.
            BackendError: the backend cannot answer any more.
        """
        request = Request(
            role=role.name,
            prompt=self._prompts.render(role.name, question),
            context=question.model_dump(mode="json"),
            seed=seed,
            candidate=key.partition("/")[0],
        )
        try:
            answer = self._answer(role, f"{key}/{role.name}", request, question)
        except AnswerError as error:
            if role.otherwise is None:
                raise
            return role.otherwise(error)
        return role.check(answer, question) if role.check else answer

    def _answer(self, role: Role[Q, A], key: str, request: Request, question: Q) -> A:
        """The backend's answer, else the fallback's."""
        fallback = self._words if role.comments else self._fallback
        try:
            return self._converse(role, key, request, question)
        except AnswerError:
            if fallback is None or fallback is self._backend:
                raise
            ask = partial(fallback.answer, request)
            return _read(self._record(f"{key}/{fallback.name}", request, ask), role, question)

    def _converse(self, role: Role[Q, A], key: str, request: Request, question: Q) -> A:
        """Ask, and send back what cannot be read, with the reason."""
        for again in range(SENT_BACK_AT_MOST + 1):
            step = f"{key}/{again + 1}" if again else key
            reply = self._record(step, request, partial(self._backend.answer, request))
            try:
                return _read(reply, role, question)
            except FormatError as error:
                reason = str(error)
            if not reply.text:
                break
            asked = self._prompts.render_correction(role.name, reason)
            request = replace(request, turns=(*request.turns, Turn(reply.text, asked)))
        raise AnswerError(f"the {role.name}'s answer cannot be used: {reason}")


def _read(reply: Reply, role: Role[Q, A], question: Q) -> A:
    if reply.error:
        raise AnswerError(reply.error)
    if reply.text:
        return role.read(reply.text, question, reply.cut)
    return validate(reply.content, role.answer, question)
