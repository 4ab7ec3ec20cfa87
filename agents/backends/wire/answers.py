"""What a whole reply answers, wherever in it the answer stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from archwright.agents.backends import Failure, ToolCall
from archwright.agents.backends.faults import Fault, FaultError, FaultKind
from archwright.agents.backends.keys import redact
from archwright.agents.backends.wire.content import (
    BROKEN,
    CUT,
    FILTERED,
    Completion,
    answer_in_calls,
    looks_like_answer,
)

RAISE_LIMIT: Final = (
    "raise answer_tokens ([models] in archwright.toml), or lower the model's reasoning effort"
)
_LONGEST_REFUSAL: Final = 300


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, without secrets: words, or calls of the tools that were offered."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    cut: bool = False


def read_completion(completion: Completion, model: str, limit: int, tools: bool) -> Answered:
    """The answer in a reply.

    Args:
        limit: the longest answer that was asked for, in tokens.
        tools: whether tools were offered.

    Raises:
        FaultError: there is none.
    """
    text, calls, finish = completion.text, completion.calls, completion.finish
    if finish in FILTERED or (completion.refusal and not text.strip()):
        said = redact(completion.refusal or text)[:_LONGEST_REFUSAL]
        raise _fault("question", "refused", f"{model} refused to answer: {said or finish}")
    if finish in BROKEN:
        raise _fault("broken", "empty", f"{model}: the server ended the reply with {finish!r}")
    if tools and calls:
        calls = tuple(replace(call, arguments=redact(call.arguments)) for call in calls)
        return Answered(redact(text), calls, finish in CUT)
    if text.strip():
        return Answered(redact(text), cut=finish in CUT)
    if found := answer_in_calls(calls):
        return Answered(redact(found), cut=finish in CUT)
    thought = completion.thought
    if finish in CUT:
        did = "it thought until" if thought.strip() else "it reached"
        raise _fault(
            "question",
            "cut",
            f"{model}: {did} its limit of {limit:,} tokens without an answer: {RAISE_LIMIT}",
        )
    if calls:
        names = ", ".join(call.name or "one without a name" for call in calls)
        raise _fault("broken", "empty", f"{model}: it called tools that were not offered ({names})")
    if looks_like_answer(thought):
        return Answered(redact(thought))
    if thought.strip():
        raise _fault("broken", "empty", f"{model}: the reply held reasoning alone")
    raise _fault("broken", "empty", f"{model}: the reply was empty")


def _fault(kind: FaultKind, failure: Failure, words: str) -> FaultError:
    return FaultError(Fault(kind, words, failure=failure))
