"""How words travel to a model and back: through litellm by name, or to a URL.

Replies are streamed, so that silence is told from slow work; a server that does not stream is
understood all the same.
"""

from __future__ import annotations

import importlib
import json
import os
import warnings
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from archwright.agents.backends.faults import BrokenStreamError
from archwright.agents.backends.keys import key_for_url

CHARACTERS_PER_TOKEN: Final = 3.5
CONNECT_SECONDS: Final = 15.0
NAME_HEADER: Final = "Idempotency-Key"
BROKEN_OFF: Final = "the reply broke off in the middle"

Messages = Sequence[dict[str, str]]


def import_litellm() -> Any:
    """litellm, told to fetch nothing, send nothing and print nothing."""
    # Without this it fetches a price list from the network at import.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        # What it warns of at import is not the user's to fix.
        warnings.simplefilter("ignore")
        litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = True
    return litellm


def estimate_tokens(text: str) -> int:
    """Roughly how many tokens a text has."""
    return round(len(text) / CHARACTERS_PER_TOKEN) + 1


@dataclass(slots=True)
class Completion:
    """What came back. Token counts are None where the server gave none."""

    parts: list[str] = field(default_factory=list)
    finish: str = ""
    refusal: str = ""
    sent: int | None = None
    answered: int | None = None
    cached: int = 0

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def add_usage(self, usage: Any) -> None:
        """Take the token counts of a usage object or dictionary."""
        sent, answered = _get(usage, "prompt_tokens"), _get(usage, "completion_tokens")
        self.sent = self.sent if sent is None else int(sent)
        self.answered = self.answered if answered is None else int(answered)
        self.cached = int(_get(_get(usage, "prompt_tokens_details"), "cached_tokens") or 0)


class Client(Protocol):
    """Sends messages to a model. Raises what its package raises; `faults.read_fault` reads it."""

    def complete(self, model: str, messages: Messages, name: str, into: Completion) -> None:
        """Fill `into` as the reply comes, so that what a broken stream brought is known.

        `name` is the request's own; a gateway that keeps such keys does not bill it twice.
        """


class UrlClient:
    """Any OpenAI-compatible server, through the openai package.

    Args:
        silence_seconds: longest wait for the next piece of a reply.
        answer_tokens: longest reply.
    """

    def __init__(self, url: str, silence_seconds: float, answer_tokens: int) -> None:
        import openai

        self._client: Any = openai.OpenAI(
            base_url=url,
            api_key=key_for_url(),
            max_retries=0,
            timeout=openai.Timeout(silence_seconds, connect=CONNECT_SECONDS),
        )
        # Else its idle connections would wait for the collector.
        weakref.finalize(self, self._client.close)
        self._answer_tokens = answer_tokens

    def complete(self, model: str, messages: Messages, name: str, into: Completion) -> None:
        """One streamed call."""
        response = self._client.chat.completions.with_raw_response.create(
            **_call(model, messages, name, self._answer_tokens)
        )
        try:
            if "json" in response.headers.get("content-type", ""):
                _gather_whole(response.http_response.read(), into)
            else:
                _gather(response.parse(), into)
        finally:
            response.http_response.close()


class LitellmClient:
    """Any model that litellm knows by name; each provider's key is where litellm looks for it."""

    def __init__(self, silence_seconds: float, answer_tokens: int) -> None:
        self._litellm = import_litellm()
        self._silence_seconds = silence_seconds
        self._answer_tokens = answer_tokens

    def complete(self, model: str, messages: Messages, name: str, into: Completion) -> None:
        """One streamed call."""
        chunks = self._litellm.completion(
            **_call(model, messages, name, self._answer_tokens),
            timeout=self._silence_seconds,
            max_retries=0,
            num_retries=0,
        )
        _gather(chunks, into)
        # litellm makes up an end for a stream that broke off; it knows whether the provider sent it
        if getattr(chunks, "received_finish_reason", into.finish) is None:
            raise BrokenStreamError(BROKEN_OFF)


def _call(model: str, messages: Messages, name: str, answer_tokens: int) -> dict[str, Any]:
    return {
        "model": model,
        "messages": list(messages),
        "max_tokens": answer_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        "extra_headers": {NAME_HEADER: name},
    }


def _gather(chunks: Iterable[Any], into: Completion) -> None:
    for chunk in chunks:
        if (usage := _get(chunk, "usage")) is not None:
            into.add_usage(usage)
        for choice in _get(chunk, "choices") or ():
            _add(_get(choice, "delta"), choice, into)
    if not into.finish:
        raise BrokenStreamError(BROKEN_OFF)


def _gather_whole(body: bytes, into: Completion) -> None:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise BrokenStreamError("the server's answer is no JSON object")
    into.add_usage(document.get("usage"))
    for choice in document.get("choices") or ():
        _add(_get(choice, "message"), choice, into)
    into.finish = into.finish or "stop"


def _add(said: Any, choice: Any, into: Completion) -> None:
    into.parts.append(_get(said, "content") or "")
    into.refusal += _get(said, "refusal") or ""
    into.finish = _get(choice, "finish_reason") or into.finish


def _get(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)
