"""A typed answer out of a model's words: what may be it is tried, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from archwright.agents.questions import Typed
from archwright.agents.reading.blocks import blanked, blocks
from archwright.agents.reading.objects import JsonObject, objects, whole
from archwright.agents.reading.thoughts import answer_in

A = TypeVar("A", bound=Typed)

FORM_TITLE: Final = "one line that names the change"
"""The title of the form that proposals are asked for in."""

_FORM: Final = re.compile(r"\s*(?:\.{3,}|…|<[^<>]*>)\s*")
_WRAPPERS: Final = ("arguments", "parameters", "input")
"""Where calls of tools have what is meant."""


class FormatError(ValueError):
    """Words that hold no answer of the kind asked for; the message says what is missing."""


class BrokenJsonError(FormatError):
    """A JSON object that cannot be read.

    Args:
        text: as it was written.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"the JSON object cannot be read: {reason}")
        self.text = text


Reading = Mapping[str, Any] | BrokenJsonError
"""The fields of what may be the answer, or why they cannot be read."""

Parser = Callable[[str, Typed, bool], Sequence[Reading]]
"""`parse(words, question, cut)` finds what may be the answer in a model's words, the likeliest
first, at least one; or raises a FormatError."""


def read_answer(text: str, answer: type[A], question: Typed, parse: Parser, cut: bool = False) -> A:
    """The answer in `text`.

    Keys that the answer does not know are left out, and so are ids that the question did not
    show: a model cannot cite what it was not given.

    Args:
        parse: finds what may be the answer in the words; the first that fits is it.
        cut: the words end at the model's limit; an unclosed block is then no answer.

    Raises:
        FormatError: there is none, or it does not fit.
    """
    words = answer_in(whole(text.removeprefix("\ufeff").replace("\r\n", "\n")))
    if not words:
        thought = ": all of it is thought, and no answer follows" if text.strip() else ""
        raise FormatError(
            "the reply is empty" + (": it was cut off at the limit" if cut else thought)
        )
    try:
        return _first_that_fits(parse(words, question, cut), answer)
    except FormatError as error:
        if not cut:
            raise
        raise FormatError(f"the reply was cut off at the limit ({error}): be shorter") from None


def _first_that_fits(readings: Sequence[Reading], answer: type[A]) -> A:
    errors: list[FormatError] = []
    needed = [name for name, f in answer.model_fields.items() if f.is_required()]
    keys = answer.model_fields.keys()
    for reading in readings:
        if isinstance(reading, BrokenJsonError):
            if needed and all(name in reading.text for name in needed):
                raise reading  # it was meant as the answer, and what came before is a draft of it
            errors.append(reading)
            continue
        if not {plain_key(key) for key in reading} & keys:
            continue  # it was not meant as the answer
        try:
            return validate(reading, answer)
        except FormatError as error:
            errors.append(error)
    asked = f"the JSON object has none of the keys that were asked for: {', '.join(keys)}"
    raise errors[0] if errors else FormatError(asked)


def validate(found: Mapping[str, Any], answer: type[A]) -> A:
    """Plain data as an answer.

    Raises:
        FormatError: it does not fit.
    """
    known = answer.model_fields
    named = {plain_key(key): value for key, value in found.items()} | dict(found)
    fields = {k: v for k, v in named.items() if k in known}
    # To say that there is nothing is to leave it out.
    fields = {k: v for k, v in fields.items() if v is not None or known[k].is_required()}
    try:
        return answer.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise FormatError(f"{place}: {first['msg']}") from None


def plain_key(said: str) -> str:
    """A key as it was asked for, however it is capitalised and its words are joined."""
    return "_".join(said.replace("-", " ").replace("_", " ").casefold().split())


# --- JSON -------------------------------------------------------------------------------------


def parse_json(words: str, _question: Typed, _cut: bool) -> Sequence[Reading]:
    """The JSON objects, the last one first; then what one wraps, as in `{"answer": {...}}`."""
    found = data_in(words)
    if not found:
        raise FormatError("the reply holds no JSON object")
    read = [o.value for o in reversed(found) if o.value is not None]
    wrapped = [v for o in read for k, v in o.items() if len(o) == 1 or k in _WRAPPERS]
    inner = [v for said in wrapped for v in _unwrapped(said)]
    return [*(_reading(o, words) for o in reversed(found)), *inner]


def _unwrapped(said: Any) -> list[Mapping[str, Any]]:
    """The objects that a wrapper holds, the last one first: plain, in a list, or as a string."""
    if isinstance(said, str):
        return [o.value for o in reversed(list(objects(said))) if o.value]
    held = said if isinstance(said, list) else [said]
    return [v for v in reversed(held) if isinstance(v, dict)]


def read_json(words: str) -> Mapping[str, Any]:
    """The last JSON object.

    Raises:
        FormatError: there is none that can be read.
    """
    found = data_in(words)
    if not found:
        raise FormatError("the reply holds no JSON object")
    last = _reading(found[-1], words)
    if isinstance(last, BrokenJsonError):
        raise last
    return last


def data_in(words: str) -> list[JsonObject]:
    """The objects outside of code, forms with nothing but dots in them left out."""
    found = objects(blanked(words, [b for b in blocks(words) if b.is_code]))
    return [o for o in found if o.value is None or not _is_form(o.value)]


def _is_form(said: Mapping[str, Any]) -> bool:
    """Whether an object only shows what an answer looks like."""
    return said.get("title") == FORM_TITLE or all(
        isinstance(v, str) and _FORM.fullmatch(v) is not None for v in said.values()
    )


def _reading(found: JsonObject, words: str) -> Reading:
    if found.value is not None:
        return found.value
    return BrokenJsonError(found.fault, words[found.start : found.end])
