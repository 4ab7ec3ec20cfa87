"""Reads a role's typed answer out of a model's words: JSON or code with prose around it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeVar

from pydantic import ValidationError

from archwright.agents.patching import DiffError, apply_diff
from archwright.agents.questions import (
    CodeQuestion,
    RepairQuestion,
    Typed,
)
from archwright.source.code import parse as parse_python

A = TypeVar("A", bound=Typed)

NO_FIX: Final = "NO FIX"
"""What the debugger says when it knows no fix."""

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_OPENING = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+.-]*)[^\n]*$")


Parser = Callable[[str, Typed, bool], Mapping[str, Any]]
"""`parse(words, question, cut)` finds the fields of an answer in a model's words."""


class FormatError(ValueError):
    """Words that hold no answer of the kind asked for; the message says what is missing."""


def read_answer(text: str, answer: type[A], question: Typed, parse: Parser, cut: bool = False) -> A:
    """The answer in `text`.

    Keys that the answer does not know are left out, and so are ids that the question did not
    show: a model cannot cite what it was not given.

    Args:
        parse: finds the answer's fields in the words.
        cut: the words end at the model's limit; an unclosed block is then no answer.

    Raises:
        FormatError: there is none, or it does not fit.
    """
    words = _THOUGHT.sub("", text).strip()
    if not words:
        raise FormatError("the reply is empty" + (": it was cut off at the limit" if cut else ""))
    try:
        found = parse(words, question, cut)
        # Words do not choose the operator, nor what a backend keeps for itself.
        said = {k: v for k, v in found.items() if k not in ("operator", "plan")}
        return validate(said, answer, question)
    except FormatError as error:
        if not cut:
            raise
        raise FormatError(f"the reply was cut off at the limit ({error}): be shorter") from None


def validate(found: Mapping[str, Any], answer: type[A], question: Typed) -> A:
    """Plain data as an answer.

    Raises:
        FormatError: it does not fit.
    """
    fields = {k: v for k, v in found.items() if k in answer.model_fields}
    try:
        return answer.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise FormatError(f"{place}: {first['msg']}") from None


# --- JSON -------------------------------------------------------------------------------------


def parse_json(words: str, _question: Typed, _cut: bool) -> Mapping[str, Any]:
    """The first JSON object; see `read_json`."""
    return read_json(words)


def read_json(words: str) -> Mapping[str, Any]:
    """The first JSON object that stands in a fence, else the first one anywhere."""
    for _, block, _ in _blocks(words):
        if (found := _first_object(block)) is not None:
            return found
    found = _first_object(words)
    if found is None:
        raise FormatError("the reply holds no JSON object")
    return found


def _first_object(text: str) -> Mapping[str, Any] | None:
    # Line breaks inside strings are what models get wrong most often, and harmless.
    decoder = json.JSONDecoder(strict=False)
    for match in re.finditer(r"\{", text):
        try:
            found, _ = decoder.raw_decode(text, match.start())
        except (json.JSONDecodeError, RecursionError):
            continue
        if isinstance(found, dict) and found:
            return found
    return None


def _blocks(words: str) -> Iterator[tuple[str, str, bool]]:
    """The fenced blocks of a text: language, content, and whether the fence was closed."""
    fence = language = ""
    lines: list[str] = []
    for line in words.splitlines():
        if fence:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                yield language, "\n".join(lines), True
                fence = ""
            else:
                lines.append(line)
        elif opening := _OPENING.match(line):
            fence, language, lines = opening["fence"], opening["language"].lower(), []
    if fence:
        yield language, "\n".join(lines), False


# --- code -------------------------------------------------------------------------------------


def parse_file(words: str, question: Typed, cut: bool) -> Mapping[str, Any]:
    """A whole file, or a diff against the parent."""
    return _find_file(words, question, cut) or _no_file()


def parse_fix(words: str, question: Typed, cut: bool) -> Mapping[str, Any]:
    """A whole file, a diff against the file that failed, or no fix."""
    said = _first_object(words)
    if said is not None and said.get("source", "") is None:
        return {"source": None, "notes": str(said.get("notes", ""))}
    if found := _find_file(words, question, cut):
        return found
    return {"source": None, "notes": _prose(words)} if NO_FIX in words else _no_file()


def _no_file() -> NoReturn:
    raise FormatError("the reply holds no Python file in a fenced block")


def _find_file(words: str, question: Typed, cut: bool) -> Mapping[str, Any] | None:
    blocks = [b for b in _blocks(words) if b[2] or not cut]
    said = _first_object(words)
    if said is not None and "source" in said:
        source = str(said["source"])
        inner = next((b for _, b, _ in _blocks(source)), source)
        return {"source": _parsed(inner), "notes": str(said.get("notes", ""))}
    for language, block, _ in blocks:
        if language in ("diff", "patch") or block.startswith(("@@", "--- ")):
            return {"source": _parsed(_patched(block, question)), "notes": _prose(words)}
    files = [b for _, b, _ in blocks if "class " in b]
    if files:
        return {"source": _parsed(max(files, key=_worth)), "notes": _prose(words)}
    if not blocks and not cut and "class " in words and _error_in(words) is None:
        return {"source": _parsed(words), "notes": ""}
    return None


def _worth(block: str) -> tuple[bool, int]:
    return _error_in(block) is None, len(block)


def _parsed(source: str) -> str:
    error = _error_in(source)
    if error is not None:
        raise FormatError(error)
    return source.rstrip() + "\n"


def _error_in(source: str) -> str | None:
    """Why a source is no Python, if it is none. Nothing is executed."""
    try:
        parse_python(source)
    except SyntaxError as error:
        return f"line {error.lineno} of the file: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"the file cannot be parsed: {error}"
    return None


def _patched(diff: str, question: Typed) -> str:
    if isinstance(question, RepairQuestion):
        before: str | None = question.source
    elif isinstance(question, CodeQuestion) and question.works:
        before = question.works[0].source
    else:
        before = None
    if before is None:
        raise FormatError("a diff needs a parent, and there is none: write the whole file")
    try:
        return apply_diff(before, diff)
    except DiffError as error:
        raise FormatError(f"{error}; write the whole file") from None


def _prose(words: str) -> str:
    """The first line outside of any fence: what the model says of its answer."""
    outside = re.split(r"^[ \t]*(?:`{3,}|~{3,})", words, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line.strip() for line in outside.splitlines() if line.strip()]
    return lines[0][:300] if lines else ""


def parse_proposals(words: str, question: Typed, cut: bool) -> Mapping[str, Any]:
    """A stand-in."""
    del cut
    blocks = list(_blocks(words))
    found: list[dict[str, Any]] = []
    for language, block, _ in blocks:
        if language == "json":
            try:
                said = json.loads(block)
            except ValueError as error:
                raise FormatError(str(error)) from None
            keys = ("title", "move", "parents", "hypothesis", "expected", "rationale")
            found.append({k: v for k, v in said.items() if k in keys})
            if not isinstance(found[-1].get("expected", 0.0), int | float):
                found[-1]["expected"] = None
        elif found and language == "python":
            found[-1]["source"] = block
    if not found:
        raise FormatError("the reply holds no proposal")
    return {"proposals": found}
