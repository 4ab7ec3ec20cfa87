"""What answers the roles: a typed request in, a typed reply out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol


def whole_text(text: str) -> str:
    """`text` as Unicode can be written: halves of a surrogate pair that stand side by side become
    their character, a half that stands alone becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model wants to be called. `arguments` is JSON as it came: it may be broken."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of the tool call of this id."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """An exchange that went before: what was answered, and what was asked because of it.

    Where tools were called, their results come before `asked`, which may then be empty.
    """

    said: str
    asked: str
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a role. The symbolic backend answers from `context`, an LLM from `prompt`.

    `candidate` is the one that the question is about; `turns` are what was answered to this very
    prompt before, each with what was said of it; `tools` are what the model may call, as the
    OpenAI protocol describes them.
    """

    role: str
    prompt: str
    context: Mapping[str, Any]
    seed: int
    candidate: str = ""
    turns: tuple[Turn, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def prompt_hash(self) -> str:
        """SHA-256 of the prompt."""
        return hashlib.sha256(self.prompt.encode(errors="surrogatepass")).hexdigest()

    @property
    def hash(self) -> str:
        """SHA-256 of all that is sent and the seed: the name of this request in a journal."""
        said = [self.role, self.prompt, [_turn_parts(t) for t in self.turns], self.seed]
        if self.tools:
            said.append(self.tools)
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _turn_parts(turn: Turn) -> list[Any]:
    """What a turn adds to a request's hash: tools only where there are some."""
    tools = [[asdict(part) for part in parts] for parts in (turn.calls, turn.results)]
    return [turn.said, turn.asked, *(tools if any(tools) else ())]


Failure = Literal["", "context", "cut", "refused", "budget", "empty", "tools", "question"]
"""Why there is no usable answer. `context`: the prompt is too long for the model, however short
the answer; `cut`: it thought up to its limit and said nothing; `refused`: it, or a filter before
it, will not answer this; `budget`: the run's money or tokens are spent; `empty`: nothing usable
came in several tries; `tools`: the server takes no tools; `question`: it failed at this one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer with what it cost (US dollars, tokens of both directions).

    A backend that answers in typed form fills `content`; one that answers in words fills `text`,
    which the role reads, and `calls` where tools were offered. `error` says why there is none of
    them; the money may be gone all the same.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    tokens: int = 0
    usd: float = 0.0
    text: str = ""
    error: str = ""
    cut: bool = False
    """Whether `text` ends where the model's limit was, not where it had said all."""
    tokens_in: int = 0
    """The share of `tokens` that was sent."""
    tries: int = 1
    """Calls that this answer took; `tokens` and `usd` are those of all of them."""
    estimated: bool = False
    """Whether tokens were estimated, because the server gave no count."""
    thought: str = ""
    """The end of what the model thought before it answered, where the server shows it apart."""
    tokens_thought: int = 0
    """The share of `tokens` that was thought; estimated where the server gives no count of it."""
    tokens_cached: int = 0
    """The share of `tokens_in` that the provider had in its cache."""
    calls: tuple[ToolCall, ...] = ()
    fault: Failure = ""
    """What kind of thing `error` is; empty without one, and in journals of earlier versions."""

    def __post_init__(self) -> None:
        for name in ("text", "error", "thought"):
            object.__setattr__(self, name, whole_text(getattr(self, name)))
        # A journal holds a call as a dictionary.
        calls = tuple(ToolCall(**c) if isinstance(c, Mapping) else c for c in self.calls)
        object.__setattr__(self, "calls", calls)


class Backend(Protocol):
    """Answers requests. May be called by any thread.

    `answer` raises `BackendError` when it cannot answer any more, whatever is asked. A reply whose
    content does not fit the role's answer is refused by the role, not here.
    """

    name: str

    def answer(self, request: Request) -> Reply: ...


__all__ = [
    "Backend", "Failure", "Reply", "Request", "ToolCall", "ToolResult", "Turn", "whole_text",
]  # fmt: skip
