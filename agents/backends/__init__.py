"""What answers the roles: a typed request in, a typed reply out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a role. The symbolic backend answers from `context`, an LLM from `prompt`."""

    role: str
    prompt: str
    context: Mapping[str, Any]
    seed: int


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as plain data, with what it cost (US dollars, tokens of both directions)."""

    content: Mapping[str, Any]
    model: str
    tokens: int = 0
    usd: float = 0.0


class Backend(Protocol):
    """Answers requests. May be called by any thread.

    `answer` raises `BackendError` when it cannot answer at all. A reply whose content does not
    fit the role's answer is refused by the role, not here.
    """

    name: str

    def answer(self, request: Request) -> Reply: ...


__all__ = ["Backend", "Reply", "Request"]
