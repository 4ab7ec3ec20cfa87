"""The roles, as one table: a line each. `Agents` asks them.

Every call goes through a `Recorder`, so that it is in the journal before and after, and a call
that was answered once is never paid again. An answer that cannot be read goes back with the
reason, as a call of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateError

from archwright.agents import samples
from archwright.agents.backends import Backend, Reply, Request, ToolResult, Turn
from archwright.agents.backends.meter import BudgetSpentError
from archwright.agents.memo import Memo, MemoQuestion
from archwright.agents.plans import PaperPlan, PaperQuestion
from archwright.agents.proposers.campaign import CampaignQuestion, LedgerRow, Proposals
from archwright.agents.questions import (
    CodeAnswer,
    CodeQuestion,
    DecisionDraft,
    DraftQuestion,
    Repair,
    RepairQuestion,
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
    parse_proposals,
    read_answer,
    validate,
)
from archwright.core import (
    OPTIMIZERS,
    RECIPE_BOUNDS,
    SCHEDULES,
    AnswerError,
    BackendError,
    InputError,
)


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
        self._environment.filters |= {"fenced": fenced, "table": table, "tuple": tuple}
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
        return self.fill(f"{role}.md", fields)

    def render_correction(self, role: str, reason: str) -> str:
        """What is said to a role whose answer cannot be used.

        Raises:
            InputError: the template `correction.md` is broken.
        """
        return self.fill("correction.md", {"role": role, "reason": reason})

    def render_refusals(self, refused: Sequence[Any], campaign: Typed) -> str:
        """What is said to the researcher of proposals that were refused: each a `Refused`.

        Raises:
            InputError: the template `refusals.md` is broken.
        """
        return self.fill("refusals.md", {"refused": refused, "campaign": campaign})

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
        built_in = files("archwright.prompts").joinpath(name)
        return built_in.read_text(encoding="utf-8") if built_in.is_file() else None


def fenced(text: str, language: str = "") -> str:
    """`text` as a Markdown code block that it cannot close from inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(rows: Sequence[LedgerRow], top: int) -> str:
    """The ledger as a model is shown it, a line each; `top` are the steps of the highest rung."""
    return "\n".join(_line(row, top) for row in rows)


def _line(row: LedgerRow, top: int) -> str:
    start = f"{row.candidate} < {', '.join(row.parents)}" if row.parents else row.candidate
    gains = ", ".join(f"{gain:+.2f} @{steps}" for steps, gain in row.gains.items())
    shown = f"{gains} ({row.seeds})" if gains else "-"
    if row.problems:
        shown += ": " + ", ".join(f"{name} {gain:+.1f}" for name, gain in row.problems.items())
    expected = "" if row.expected is None else f"{row.expected:+.2g}"
    status = row.status
    if row.gains and status in ("trained", "promoted"):
        reached = max(map(int, row.gains))
        status = "finished" if reached == top else f"stopped at {reached}"
    status = f"{status}: {row.reason}"[:90] if row.reason else status
    cells = (start, shown, expected, str(row.parameters or "-"), status, row.title[:110])
    return " | ".join(" ".join(cell.split()) for cell in cells)


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
    comments: bool = False
    """Whether it only puts measured numbers into words, so that it can always be answered."""
    check: Callable[[A, Q], A] | None = None
    """What an answer goes through before it counts."""
    otherwise: Callable[[AnswerError], A] | None = None
    """The answer where nobody gave a usable one; None lets the question fail."""

    @property
    def template(self) -> str:
        """The prompt's template."""
        return f"{self.name}.md"

    def read(self, text: str, question: Q, cut: bool = False) -> A:
        """The answer in a model's words; see `read_answer`."""
        return read_answer(text, self.answer, question, self.parse, cut)


def _no_fix(error: AnswerError) -> Repair:
    return Repair(source=None, notes=str(error))


# fmt: off
RESEARCHER: Final = Role("researcher", CampaignQuestion, Proposals, parse_proposals, samples.first_research)  # noqa: E501
CODER: Final = Role("coder", CodeQuestion, CodeAnswer, parse_file, samples.first_code)
DEBUGGER: Final = Role("debugger", RepairQuestion, Repair, parse_fix, samples.first_repair, otherwise=_no_fix)  # noqa: E501
EVALUATOR: Final = Role("evaluator", MemoQuestion, Memo, parse_json, samples.first_memo, comments=True)  # noqa: E501
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
TOO_LONG: Final = "context"
"""The fault of a reply to a prompt that does not fit the model's context."""


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

    @property
    def prompts(self) -> Prompts:
        """The templates."""
        return self._prompts

    def begin(
        self,
        role: Role[Q, A],
        key: str,
        question: Q,
        seed: int,
        tools: tuple[Mapping[str, Any], ...] = (),
    ) -> Conversation[Q, A]:
        """A conversation with a role that begins with a question; nothing is asked yet."""
        return Conversation(
            role,
            f"{key}/{role.name}",
            question,
            seed,
            self._backend,
            self._prompts,
            self._record,
            tools,
        )

    def ask(self, role: Role[Q, A], key: str, question: Q, seed: int) -> A:
        """One typed answer of any role.

        Raises:
            AnswerError: neither the backend nor the fallback gave a usable one.
            BackendError: the backend cannot answer any more.
        """
        talk = self.begin(role, key, question, seed)
        fallback = self._words if role.comments else self._fallback
        try:
            try:
                answer = talk.answer()
            except BackendError as error:
                # What was measured can be put into words whatever has become of the model.
                spoken_for = role.comments and self._backend.name != "replay"
                if not (spoken_for or isinstance(error, AnswerError)):
                    raise
                if fallback is None or fallback is self._backend:
                    raise
                answer = talk.answer_by(fallback)
        except AnswerError as error:
            if role.otherwise is None:
                raise
            return role.otherwise(error)
        return role.check(answer, question) if role.check else answer


class Conversation(Generic[Q, A]):
    """A question to a role and all that follows from it; each call is in the journal before and
    after. Made by `Agents.begin`."""

    def __init__(
        self,
        role: Role[Q, A],
        key: str,
        question: Q,
        seed: int,
        backend: Backend,
        prompts: Prompts,
        record: Recorder,
        tools: tuple[Mapping[str, Any], ...],
    ) -> None:
        self.key = key
        self._role = role
        self._question = question
        self._backend = backend
        self._prompts = prompts
        self._record = record
        self._calls = 0
        self._request = Request(
            role=role.name,
            prompt=prompts.render(role.name, question),
            context=question.model_dump(mode="json"),
            seed=seed,
            candidate=key.partition("/")[0],
            tools=tools,
        )
        self._waiting: Reply | None = None

    def call(self) -> Reply:
        """The reply to what was said last, as it came: it may call tools. Without any call it is
        what `answer` reads next.

        Raises:
            BackendError: the backend cannot answer any more.
        """
        reply = self._ask()
        self._waiting = None if reply.calls else reply
        return reply

    def hand_back(self, reply: Reply, results: tuple[ToolResult, ...], words: str = "") -> None:
        """Give a reply that called tools what came of its calls, and say something to it."""
        turn = Turn(reply.text, words, reply.calls, results)
        self._request = replace(self._request, turns=(*self._request.turns, turn))

    def answer(self) -> A:
        """The answer to what was said last. One that cannot be read goes back with the reason; a
        prompt that is too long for the model is asked again with less in it.

        Raises:
            AnswerError: there is no usable one.
            BackendError: the backend cannot answer any more.
        """
        sent_back = 0
        while True:
            reply, self._waiting = self._waiting or self._ask(), None
            if reply.fault == TOO_LONG and self._shorten():
                continue
            try:
                answer = _read(reply, self._role, self._question)
            except FormatError as error:
                reason = str(error)
            else:
                self._said = reply.text
                return answer
            if not reply.text or sent_back == SENT_BACK_AT_MOST:
                raise AnswerError(f"the {self._role.name}'s answer cannot be used: {reason}")
            sent_back += 1
            self._said = reply.text
            self.say(self._prompts.render_correction(self._role.name, reason))

    def answer_by(self, backend: Backend) -> A:
        """Another backend's answer to the question."""
        reply = self._record(
            f"{self.key}/{backend.name}", self._request, partial(backend.answer, self._request)
        )
        return _read(reply, self._role, self._question)

    def say(self, words: str) -> None:
        """Say something to the last answer."""
        turns = (*self._request.turns, Turn(self._said, words))
        self._request = replace(self._request, turns=turns)

    def _ask(self) -> Reply:
        self._calls += 1
        step = self.key if self._calls == 1 else f"{self.key}/{self._calls}"
        return self._record(step, self._request, partial(self._backend.answer, self._request))

    def _shorten(self) -> bool:
        """Ask with less in the question, if there is anything to leave out."""
        question = self._question.shortened()
        if question is None:
            return False
        self._question = question
        prompt = self._prompts.render(self._role.name, question)
        context = question.model_dump(mode="json")
        self._request = replace(self._request, prompt=prompt, context=context)
        return True


def _read(reply: Reply, role: Role[Q, A], question: Q) -> A:
    if reply.error:
        spent = reply.fault == "budget"
        raise BudgetSpentError(reply.error) if spent else AnswerError(reply.error)
    if reply.text:
        return role.read(reply.text, question, reply.cut)
    return validate(reply.content, role.answer)
