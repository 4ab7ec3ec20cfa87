"""A reply put together from its pieces, whatever shape a server gives them."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from archwright.agents.backends import ToolCall, whole_text

CUT: Final = frozenset(
    {
        "length", "max_tokens", "model_length", "max_output_tokens", "max_new_tokens",
        "max_length", "token_limit", "incomplete", "model_context_window_exceeded",
    }
)  # fmt: skip
FILTERED: Final = frozenset(
    {
        "content_filter", "safety", "recitation", "prohibited_content", "blocklist", "sensitive",
        "refusal", "spii", "image_safety", "error_toxic", "content_filtered",
        "guardrail_intervened",
    }
)  # fmt: skip
BROKEN: Final = frozenset(
    {
        "error", "abort", "network_error", "insufficient_system_resource", "timeout", "cancelled",
        "canceled", "malformed_function_call", "unexpected_tool_call",
    }
)  # fmt: skip
"""How servers say that a reply ended, in lower case; every other word means that it is whole."""

MOST_TOKENS: Final = 10**9
"""A count beyond this is none."""
_THOUGHTS: Final = ("reasoning_content", "reasoning", "thinking")
_THINKING_PARTS: Final = ("thinking", "reasoning", "thought", "redacted_thinking")
_PART_TEXTS: Final = ("text", "thinking", "reasoning", "refusal", "content", "value", "summary")
_ANSWER = re.compile(r'```|\{\s*"')


@dataclass(slots=True)
class _OpenCall:
    """A tool call of which pieces may still come."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Completion:
    """What came back. Token counts are None where the server gave none that can be one."""

    parts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    finish: str = ""
    sent: int | None = None
    answered: int | None = None
    cached: int = 0
    reasoned: int | None = None
    heard: float = field(default_factory=time.monotonic)
    """When the last piece came."""
    left: bool = False
    """Whether nobody waits for the rest: what still comes is not read."""
    hang_up: Callable[[], None] = lambda: None
    """Ends the connection, from any thread; the client that has one puts it here."""
    _open: dict[Any, _OpenCall] = field(default_factory=dict)

    def leave(self) -> None:
        """Wait no longer for what is still to come."""
        self.left = True
        self.hang_up()

    @property
    def text(self) -> str:
        return whole_text("".join(self.parts))

    @property
    def thought(self) -> str:
        return whole_text("".join(self.thoughts))

    @property
    def refusal(self) -> str:
        return whole_text("".join(self.refusals))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in order; one without an id is given its number."""
        return tuple(
            ToolCall(
                call.id or f"call_{number}", call.name, whole_text("".join(call.arguments)) or "{}"
            )
            for number, call in enumerate(self._open.values())
            if call.name or call.arguments
        )

    @property
    def said_anything(self) -> bool:
        return bool(self.parts or self.thoughts or self.refusals or self._open)

    def add_choices(self, choices: Any) -> None:
        """Take the first answer's part of a chunk, or of a whole reply."""
        for choice in _listed(choices):
            if not get(choice, "index"):
                self._add_choice(choice)

    def _add_choice(self, choice: Any) -> None:
        said = self._said_in(choice)
        if said is None:  # the protocol of old, without roles
            self._hear(self.parts, text_of(get(choice, "text")))
        else:
            self._add_said(said)
        finish = get(choice, "finish_reason")
        if finish:
            self.finish = _ending(str(finish).lower())
            self.heard = time.monotonic()

    def _said_in(self, choice: Any) -> Any:
        """What a choice adds. Some send a piece, and beside it all that was said so far."""
        piece, whole = get(choice, "delta"), get(choice, "message")
        if not isinstance(piece, dict) or whole is None:
            return piece or whole
        held = ("content", "tool_calls", *_THOUGHTS)
        return piece if self.said_anything or any(piece.get(name) for name in held) else whole

    def _add_said(self, said: Any) -> None:
        content = said if isinstance(said, str) else get(said, "content")
        into = {"": self.parts, "thought": self.thoughts, "refusal": self.refusals}
        for kind, text in _pieces(content):
            self._hear(into[kind], text)
        # Servers that change the name of the field send both; one is enough.
        thoughts = (text_of(get(said, name)) for name in _THOUGHTS)
        self._hear(self.thoughts, next(filter(None, thoughts), ""))
        self._hear(self.refusals, text_of(get(said, "refusal")))
        for call in _listed(get(said, "tool_calls")):
            self._add_call(call)
        if (old := get(said, "function_call")) is not None:
            self._add_call({"index": 0, "function": old})

    def _add_call(self, call: Any) -> None:
        id_, function = text_of(get(call, "id")), get(call, "function") or call
        place = get(call, "index")
        if not isinstance(place, int | str):
            # Without numbers a piece that names its call begins one, and all others go on with it.
            place = id_ or (f"call {len(self._open)}" if get(function, "name") else None)
            if place is None:
                place = next(reversed(self._open), 0)
        found = self._open.setdefault(place, _OpenCall())
        found.id = found.id or id_
        found.name = found.name or text_of(get(function, "name"))
        arguments = get(function, "arguments")
        if isinstance(arguments, dict | list):
            arguments = json.dumps(arguments)
        self._hear(found.arguments, text_of(arguments))

    def _hear(self, into: list[str], text: str) -> None:
        if text:
            into.append(text)
            self.heard = time.monotonic()

    def add_usage(self, usage: Any) -> None:
        """Take the token counts of a usage object or dictionary, where they are numbers."""
        sent = _count(usage, "prompt_tokens", "input_tokens")
        answered = _count(usage, "completion_tokens", "output_tokens")
        total = _count(usage, "total_tokens")
        details = get(usage, "completion_tokens_details") or get(usage, "output_tokens_details")
        reasoned = _count(details, "reasoning_tokens")
        if reasoned is None:
            reasoned = _count(usage, "reasoning_tokens")
        if sent is not None and total is not None and total > sent + (answered or 0):
            # Some count what was thought in the total alone.
            reasoned = total - sent - answered if answered and not reasoned else reasoned
            answered = total - sent
        cached = _count(
            get(usage, "prompt_tokens_details") or get(usage, "input_tokens_details"),
            "cached_tokens",
        ) or _count(usage, "prompt_cache_hit_tokens", "cache_read_input_tokens")
        self.sent = self.sent if sent is None else sent
        self.answered = self.answered if answered is None else answered
        self.reasoned = self.reasoned if reasoned is None else reasoned
        self.cached = cached or self.cached


def _ending(said: str) -> str:
    """The word that is known, where a server puts others around it: `content_filter: spii`."""
    words = re.findall(r"\w+", said)
    return next((word for word in words if word in CUT | FILTERED | BROKEN), said)


def get(holder: Any, name: str) -> Any:
    """A value by name, of a dictionary or an object; None where there is none."""
    return holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)


def text_of(said: Any) -> str:
    """The words in anything, typed parts and what they nest included."""
    return "".join(text for _, text in _pieces(said))


def looks_like_answer(text: str) -> bool:
    """Whether there is something that a role could read: a fence, or a JSON object."""
    return _ANSWER.search(text) is not None


def answer_in_calls(calls: tuple[ToolCall, ...]) -> str:
    """The answer that a model gave as arguments of a tool that nobody offered; "" without one."""
    for call in reversed(calls):
        try:
            said = json.loads(call.arguments, strict=False)
        except (json.JSONDecodeError, RecursionError):
            said = call.arguments
        if isinstance(said, str) and looks_like_answer(said):
            return said
        if isinstance(said, dict) and said:
            # A file among the arguments is shown as one, beside what else they say.
            texts = (value for value in said.values() if isinstance(value, str))
            files = [f"```python\n{text}\n```" for text in texts if "class " in text]
            fences = [text for text in said.values() if isinstance(text, str) and "```" in text]
            return "\n\n".join([f"```json\n{json.dumps(said)}\n```", *(fences or files)])
    return ""


_Kind = Literal["", "thought", "refusal"]


def _pieces(said: Any) -> Iterator[tuple[_Kind, str]]:
    """The words in a content, and what they are where they are no answer."""
    if said is None or isinstance(said, str):
        yield "", said or ""
    elif isinstance(said, list | tuple):
        if any(_is_part(part) for part in said):
            for part in said:
                yield from _pieces(part)
        elif said:
            yield "", json.dumps(said)
    elif isinstance(said, dict):
        yield from _part_pieces(said)
    elif isinstance(said, int | float):
        yield "", json.dumps(said)
    else:  # an object of a provider's package
        yield from _pieces(getattr(said, "__dict__", None))


def _is_part(part: Any) -> bool:
    return isinstance(part, str) or (
        isinstance(part, dict) and any(name in part for name in ("type", *_PART_TEXTS))
    )


def _part_pieces(part: dict[str, Any]) -> Iterator[tuple[_Kind, str]]:
    kind = part.get("type")
    held = next((part[name] for name in _PART_TEXTS if part.get(name)), None)
    if isinstance(kind, str) or (held is not None and len(part) == 1):
        own: _Kind = ""
        if kind in _THINKING_PARTS or (kind is None and "thinking" in part):
            own = "thought"
        elif kind == "refusal":
            own = "refusal"
        for deeper, text in _pieces(held):
            yield own or deeper, text
    elif part:
        yield "", json.dumps(part)  # the answer itself, parsed by the server


def _listed(said: Any) -> list[Any]:
    if said is None:
        return []
    return list(said) if isinstance(said, list | tuple) else [said]


def _count(holder: Any, *names: str) -> int | None:
    for name in names:
        value = get(holder, name)
        if isinstance(value, str) and value.strip().isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if math.isfinite(value) and 0 <= value <= MOST_TOKENS:
            return int(value)
    return None
