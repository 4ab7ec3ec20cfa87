"""The JSON objects in a text: repaired where that is unambiguous, else with the parser's words."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from archwright.agents.backends import whole_text
from archwright.source.code import parse as parse_python

# An apostrophe ends a string only where what ends a value follows; so does a backtick.
_TOKEN: Final = re.compile(
    r'"(?:\\.|[^"\\])*"|“[^”"]*”|//[^\n]*|/\*.*?\*/|#[^\n]*|[\[{]|[\]}]'
    r"|'(?:\\.|[^'\\]|'(?!\s*[,:}\]]))*'|`[^`]+`(?=\s*[,}\]])|[^\"“'`/#\[\]{}]+|.",
    re.DOTALL,
)
_LIKE_AN_OBJECT: Final = re.compile(
    r"""\{(?:\s|\\[nrt])*(?:["'“}]|//|/\*|#|\w+\s*:\s*["'`\[{\d“-])"""
)
_QUOTED_ONCE_MORE: Final = re.compile(r'\{(?:\s|\\[nrt])*\\"')
_BRACES: Final = str.maketrans("｛｝", "{}")
_FULL_WIDTH: Final = str.maketrans("｛｝［］：，", "{}[]:,")
_NEXT: Final = re.compile(r"\n(?=[{\[`~])")
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|[^u]|u)", re.DOTALL)
_VALID: Final = frozenset('"\\/bfnrt')
# Their first letter makes an escape of JSON, and what is then left is no word of any language.
_LATEX: Final = re.compile(
    r"(\\\\)|\\(?=(?:beta|bar|bigl?|bigr|binom|boldsymbol|begin|frac|forall|nabla|rho|right|theta"
    r"|tau|times|tanh|tilde|tfrac)(?![a-zA-Z]))"
)
_NAMES: Final = {"None": "null", "True": "true", "False": "false"}


@dataclass(frozen=True, slots=True)
class JsonObject:
    """What looks like a JSON object: its place in the text, and what it holds or why it cannot be
    read."""

    start: int
    end: int
    value: Mapping[str, Any] | None = None
    fault: str = ""


def objects(text: str) -> Iterator[JsonObject]:
    """The outermost objects in their order, empty ones left out. What stands inside one that cannot
    be read is no object of its own."""
    if "{" not in text:
        text = text.translate(_BRACES)
    at = 0
    while (at := text.find("{", at)) >= 0:
        found = _object_at(text, at)
        if found is None:
            at += 1
            continue
        if found.fault or found.value:
            yield found
        at = found.end


def whole(text: str) -> str:
    """`text` in which halves of a character are joined where both are there; a half that is alone
    and a NUL are replaced, since neither can be stored."""
    return whole_text(text).replace("\0", "\N{REPLACEMENT CHARACTER}")


def _object_at(text: str, start: int) -> JsonObject | None:
    """The object that begins at a brace; None where nothing there looks like one."""
    try:
        # Line breaks inside strings are what models get wrong most often, and harmless.
        value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        if _LATEX.search(text, start, end):
            value = json.loads(_with_latex(text[start:end]), strict=False)
        return JsonObject(start, end, _cleaned(value))
    except (json.JSONDecodeError, RecursionError) as error:
        reason = _words(error, text, start)
    if _QUOTED_ONCE_MORE.match(text, start) and (found := _unquoted(text, start)) is not None:
        return found
    if _LIKE_AN_OBJECT.match(text, start) is None:
        return None
    stop = _end(text, start)
    if stop is not None and (repaired := _repaired(text[start:stop])) is not None:
        return JsonObject(start, stop, repaired)
    # Its brackets may tell nothing: what begins on a line of its own comes after it.
    following = _NEXT.search(text, start, stop or len(text))
    return JsonObject(start, following.end() if following else stop or len(text), fault=reason)


def _unquoted(text: str, start: int) -> JsonObject | None:
    """The object that was written as a string of JSON, its quotes behind backslashes."""
    end = text.rfind("}") + 1
    try:
        value = json.loads(json.loads(f'"{text[start:end]}"', strict=False), strict=False)
    except (json.JSONDecodeError, RecursionError):
        return None
    return JsonObject(start, end, _cleaned(value)) if isinstance(value, dict) else None


def _words(error: Exception, text: str, start: int) -> str:
    """The parser's own words, with the place counted from the object's brace."""
    if not isinstance(error, json.JSONDecodeError):
        return "it is nested too deeply"
    read = text[start : error.pos]
    column = len(read) - read.rfind("\n")
    near = text[max(start, error.pos - 20) : error.pos + 20]
    return f"{error.msg}: line {read.count(chr(10)) + 1} column {column}, at {near!r}"


def _end(text: str, start: int) -> int | None:
    """Where the bracket that opens at `start` is closed."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth == 0:
            return token.end()
    return None


# --- repairing --------------------------------------------------------------------------------


def _repaired(text: str) -> Mapping[str, Any] | None:
    """An object that is JSON but for escapes, comments, commas, quotes or Python's names."""
    text = _with_latex(text)
    plain = "".join(_repaired_token(token[0]) for token in _TOKEN.finditer(text))
    plain = _outside_strings(plain)
    try:
        value = json.loads(plain, strict=False)
    except (json.JSONDecodeError, RecursionError):
        value = _literal(text)
    return _cleaned(value) if isinstance(value, dict) else None


def _with_latex(text: str) -> str:
    """`text` with the backslashes doubled of what can only be a command of LaTeX."""
    return _LATEX.sub(lambda match: match[1] or r"\\", text)


def _repaired_token(token: str) -> str:
    if token[0] == '"' and len(token) > 1:
        return _ESCAPE.sub(_escape, token)
    if token[0] in "“`" and len(token) > 1:
        return json.dumps(token[1:-1], ensure_ascii=False)
    if token[0] == "'" and len(token) > 1:
        said = token[1:-1].replace("\\'", "'")
        said = re.sub(r'(\\.)|"', lambda m: m[1] or '\\"', said, flags=re.DOTALL)
        return _ESCAPE.sub(_escape, f'"{said}"')
    return " " if token.startswith(("//", "/*", "#")) else token


def _escape(match: re.Match[str]) -> str:
    valid = len(match[1]) > 1 or match[1] in _VALID
    return match[0] if valid else "\\" + match[0]


def _outside_strings(text: str) -> str:
    """`text` with what is not JSON between its strings made so."""
    parts = re.split(r'("(?:\\.|[^"\\])*")', text, flags=re.DOTALL)
    for at in range(0, len(parts), 2):
        part = re.sub(r"\\[nrt]|[\u00a0\u200b\u3000\ufeff]", " ", parts[at]).translate(_FULL_WIDTH)
        part = re.sub(r"\b(?:None|True|False)\b", lambda m: _NAMES[m[0]], part)
        part = re.sub(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)", r'\1"\2"\3', part)
        part = re.sub(r"([:\[,{]\s*)\+(?=[\d.])", r"\1", part)
        parts[at] = re.sub(r",(\s*[}\]])", r"\1", part)
    return "".join(parts)


def _literal(text: str) -> object:
    """A literal of Python, None where it is none. Nothing is executed."""
    doubled = re.sub(r"\\(?![\\'\"nrtbfu\n/])", r"\\\\", text)
    try:
        return ast.literal_eval(parse_python(doubled.strip(), "eval"))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {whole(str(key)): _cleaned(item) for key, item in value.items()}
    return value
