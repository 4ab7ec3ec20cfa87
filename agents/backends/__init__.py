"""What answers the roles: a typed request in, a typed reply out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Turn:
    """An exchange that went before: what was answered, and what was asked because of it."""

    said: str
    asked: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a role. The symbolic backend answers from `context`, an LLM from `prompt`.

    `candidate` is the one that the question is about; `turns` are answers to this very prompt
    that could not be used, each with what was said of it.
    """

    role: str
    prompt: str
    context: Mapping[str, Any]
    seed: int
    candidate: str = ""
    turns: tuple[Turn, ...] = ()

    @property
    def prompt_hash(self) -> str:
        """SHA-256 of the prompt."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()

    @property
    def hash(self) -> str:
        """SHA-256 of all that is sent and the seed: the name of this request in a journal."""
        turns = [[t.said, t.asked] for t in self.turns]
        text = json.dumps([self.role, self.prompt, turns, self.seed])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer with what it cost (US dollars, tokens of both directions).

    A backend that answers in typed form fills `content`; one that answers in words fills `text`,
    which the role reads. `error` says why there is neither; the money may be gone all the same.
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
    fault: str = ""


class Backend(Protocol):
    """Answers requests. May be called by any thread.

    `answer` raises `BackendError` when it cannot answer any more, whatever is asked. A reply whose
    content does not fit the role's answer is refused by the role, not here.
    """

    name: str

    def answer(self, request: Request) -> Reply: ...


__all__ = ["Backend", "Reply", "Request", "Turn"]
