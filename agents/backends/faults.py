"""Tells faults that pass from those of one question and those that last."""

from __future__ import annotations

import datetime
import email.utils
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from archwright.agents.backends.keys import OWN_KEY, redact

Kind = Literal["outage", "broken", "question", "lasting"]
"""`outage`: the service does not serve now; `broken`: it served this reply badly; `question`: it
will not answer this one question; `lasting`: it will answer none until somebody fixes it."""

LONGEST_WORDS: Final = 300
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_REFUSED_KEY: Final = frozenset({401, 403})
_QUOTA: Final = (
    "insufficient_quota",
    "quota_exceeded",
    "your quota",
    "current quota",
    "billing",
    "credit balance",
    "payment",
)
_ONE_QUESTION: Final = (
    "context_length",
    "context length",
    "context window",
    "maximum context",
    "content_filter",
    "content_policy",
    "content policy",
    "too long",
)


class BrokenStreamError(Exception):
    """A reply that ended before it was whole."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, in one line without any key. `wait_seconds` is what the server asked for."""

    kind: Kind
    words: str
    wait_seconds: float | None = None
    reached: bool = True
    """Whether a server answered at all."""


def read_fault(error: Exception, model: str) -> Fault:
    """The fault behind an exception of the openai, litellm or httpx package."""
    words = _words(error)
    status = getattr(error, "status_code", None)
    if status is None or _is_connection(error):
        signs = ("Protocol", "MidStream")
        broken = isinstance(error, BrokenStreamError | ValueError) or any(
            sign in _name(error) for sign in signs
        )
        reached = broken or _was_silent(error)
        return Fault("broken" if broken else "outage", f"{model}: {words}", reached=reached)
    lower = words.lower()
    if status in _REFUSED_KEY:
        return Fault(
            "lasting",
            f"{model}: the key was refused ({status}): set the provider's key in the environment, "
            f"or {OWN_KEY} for a server named by --base-url. It said: {words}",
        )
    if status == 402 or (status == 429 and any(sign in lower for sign in _QUOTA)):
        return Fault("lasting", f"{model}: the quota is exhausted ({status}): {words}")
    if status == 404:
        return Fault("lasting", f"{model}: no such model there (404), check --model: {words}")
    if status in _PASSING or status >= 500:
        return Fault("outage", f"{model}: {status}: {words}", _wait_asked_for(error))
    if status in (400, 413, 422) and any(sign in lower for sign in _ONE_QUESTION):
        return Fault("question", f"{model}: {status}: {words}")
    return Fault("lasting", f"{model}: the request was refused ({status}): {words}")


def _name(error: Exception) -> str:
    return type(error).__name__


def _is_connection(error: Exception) -> bool:
    """litellm gives a status of 500 or 408 to what never reached a server."""
    names = ("APIConnectionError", "APITimeoutError", "Timeout", "MidStreamFallbackError")
    return _name(error) in names


def _was_silent(error: Exception) -> bool:
    """Whether a server took the call and then said nothing, which is not the same as no server."""
    return "Timeout" in _name(error) and "Connect" not in type(error.__cause__).__name__


def _words(error: Exception) -> str:
    body = getattr(error, "body", None)
    said: Any = error
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        said = inner if isinstance(inner, str) else json.dumps(inner)
        if isinstance(inner, Mapping) and inner.get("message"):
            said = " ".join(str(inner[k]) for k in ("message", "code", "type") if inner.get(k))
    words = " ".join(redact(str(said)).split()) or _name(error)
    return words[:LONGEST_WORDS]


def _wait_asked_for(error: Exception) -> float | None:
    """Seconds from a Retry-After header: a number, or a date (RFC 9110)."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    said = headers.get("retry-after")
    if said is None:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (until - datetime.datetime.now(datetime.UTC)).total_seconds())
