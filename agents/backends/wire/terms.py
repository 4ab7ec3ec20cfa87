"""On what terms a model is asked: what it takes, and how much; learned from its refusals."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from archwright.agents.backends.wire.refusals import Denial
from archwright.agents.backends.wire.room import read_room

LEAST_ROOM: Final = 512
"""An answer shorter than this is hardly one: a prompt that leaves less is too long."""
SPARE: Final = 16
"""Tokens left over, for what a server adds to a prompt."""
PARAMETERS: Final = (
    "stream_options", "temperature", "top_p", "reasoning_effort", "response_format", "stream",
)  # fmt: skip
"""What can be left out, or done without."""
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_NOT_TAKEN: Final = re.compile(
    r"un(?:supported|known|recogni[sz]ed|expected)"
    r"|not (?:be )?(?:supported|permitted|allowed|a valid)"
    r"|(?:does|do|is) not (?:support|accept|allow|take)|extra[ _](?:inputs|fields|forbidden)"
    r"|extra_forbidden|invalid|cannot be|must be verified|not (?:yet )?(?:implemented|available)"
    r"|only .*(?:supported|allowed)|use 'max|deprecated|forbidden|additional propert|incompatible"
    r"|no endpoints found|requires?|cannot both|may only be|input should be|非法|不支持"
)
_BAD_VALUE: Final = re.compile(
    r"must be (?:one of|between|unset|set to|equal to|at (?:least|most)|in\b|[<>]|less|greater|\d)"
)
"""What is said of a parameter that is taken, but not with this value."""
_GENERAL: Final = re.compile(r"invalid[ _]request\w*|invalid[ _]argument")
"""Codes that many refusals have: they say nothing of a parameter."""
_TOOLS: Final = re.compile(r"\btools?\b|\btool[_ ](?:choice|calls?|use)|function[ _]call")
_SPELLED: Final = {
    "stream": "stream(?:ing)?",
    "reasoning_effort": "reasoning[_ ]?effort|think(?:ing)?",
}
"""Parameters that refusals name in words of their own."""
_NEGOTIABLE: Final = frozenset({400, 403, 404, 405, 415, 422, 500, 501})


@dataclass(frozen=True, slots=True)
class Changed:
    """What was learned of a refusal, for a person; empty where nobody has to know."""

    words: str = ""


class Terms:
    """What one model takes. Any number of threads may ask and learn.

    Args:
        answer_tokens: the longest answer that is wanted.
        options: parameters that the settings ask for, such as `temperature`.
    """

    def __init__(self, answer_tokens: int, options: Mapping[str, Any]) -> None:
        self.answer_tokens = answer_tokens
        self._options = dict(options)
        self._lock = threading.Lock()
        self._limits = list(_LIMITS)
        self._left_out: set[str] = set()
        self._most = answer_tokens
        self._context: int | None = None
        self._characters_per_token = 0.0
        self.takes_tools = True
        self._first = self.parameters(answer_tokens)

    @property
    def least(self) -> int:
        """The shortest answer that is worth asking for."""
        return min(LEAST_ROOM, self.answer_tokens)

    def room(self, characters: int) -> int:
        """The longest answer to ask for after a prompt of so many characters."""
        with self._lock:
            room = self._most
            if self._context is not None:
                prompt = characters / self._characters_per_token
                room = min(room, round(self._context - 1.05 * prompt) - SPARE)
            return max(room, min(self.least, self._most))

    def parameters(self, room: int) -> dict[str, Any]:
        """What a call says beside model, messages and tools."""
        with self._lock:
            said = {"stream": True, "stream_options": {"include_usage": True}, **self._options}
            if "stream" in self._left_out:
                said = {**self._options, "stream": False}
            said = {k: v for k, v in said.items() if k not in self._left_out or k == "stream"}
            return said | ({self._limits[0]: room} if self._limits else {})

    def name(self, request: str, said: Mapping[str, Any]) -> str:
        """The name of a request in these words: a gateway that knows calls by name must take one
        on other terms for another call."""
        if said == self._first:
            return request
        return f"{request}-{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]}"

    def learn(self, refusal: Denial, sent: Mapping[str, Any]) -> Changed | None:
        """Take from a refusal what the model does not take; None where it says nothing of it.

        Args:
            sent: the parameters of the call that was refused.
        """
        if refusal.status not in _NEGOTIABLE:
            return None
        words = _GENERAL.sub("", refusal.lower)
        is_unknown = refusal.has_code("unsupported", "unknown_param") or _NOT_TAKEN.search(words)
        if not is_unknown and not _BAD_VALUE.search(words):
            return None
        with self._lock:
            if is_unknown and (changed := self._learn_unknown(refusal, sent)):
                return changed
            for name in PARAMETERS:
                if sent.get(name) and _is_named(refusal, name):
                    self._left_out.add(name)
                    return Changed(_left_out_words(name))
        return None

    def _learn_unknown(self, refusal: Denial, sent: Mapping[str, Any]) -> Changed | None:
        """Take from a refusal that there are no tools, or that the limit goes by another name."""
        if "tools" in sent and self._names(refusal, ("tools", "tool_choice"), _TOOLS):
            self.takes_tools = False
            return Changed("takes no tools")
        limit = next((name for name in _LIMITS if name in sent), None)
        if limit is None or not _is_named(refusal, limit):
            return None
        # Another thread may have learned it meanwhile.
        self._limits = [name for name in self._limits if name != limit]
        return Changed()

    def _names(self, refusal: Denial, params: Sequence[str], words: re.Pattern[str]) -> bool:
        return refusal.param in params or (
            refusal.param == "" and words.search(refusal.blamed) is not None
        )

    def shorten(self, refusal: Denial, asked: int, characters: int) -> tuple[int, Changed] | None:
        """A smaller room for the answer after a refusal, and what was learned; None where there is
        none: the prompt is too long.

        Args:
            asked: the room that was asked for.
            characters: those of the prompt.
        """
        said = read_room(refusal, asked)
        if said is None or asked <= self.least:
            return None
        fits = said.fits(asked)
        with self._lock:
            if said.most is not None:
                self._most = min(self._most, max(said.most, 1))
                return min(asked - 1, self._most), Changed(
                    f"answers with {said.most:,} tokens at most: answer_tokens is made smaller"
                )
            prompt = said.prompt or (said.total - asked if said.total else None)
            if fits is not None and said.context and prompt and prompt < said.context:
                self._context = said.context
                self._characters_per_token = max(characters / prompt, 0.1)
        if fits is None:
            # It does not say what fits: a step down, and if need be another one.
            room = max(asked // 2, self.least)
        elif fits - SPARE < self.least:
            return None
        else:
            room = min(asked - 1, fits - SPARE)
        context = f" of {said.context:,} tokens" if said.context else ""
        return room, Changed(
            f"shares a context{context} between prompt and answer: answers are made shorter than "
            "answer_tokens where a prompt leaves less"
        )

    def note_fit(self, room: int) -> None:
        """A smaller room, found by steps, was small enough: the next question begins with it,
        unless it is so small that it may be this prompt's own."""
        with self._lock:
            if self._context is None and room >= self.answer_tokens // 4:
                self._most = min(self._most, room)


def _is_named(refusal: Denial, name: str) -> bool:
    """Whether a refusal is about a parameter: by its field for that, else by its words."""
    if refusal.param:
        return refusal.param == name
    spelled = _SPELLED.get(name, name.replace("_", "[_ ]?"))
    return re.search(rf"(?<![a-z_])(?:{spelled})(?![a-z_])", refusal.blamed) is not None


def _left_out_words(name: str) -> str:
    if name == "stream":
        return "is asked without streaming, which it refuses"
    counts = ": its tokens may have to be estimated" if name == "stream_options" else ""
    return f"does not take {name}, which is left out{counts}"
