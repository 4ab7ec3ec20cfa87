"""A refusal taken apart: status, codes, the parameter it names, the wait it asks for, its words."""

from __future__ import annotations

import datetime
import email.utils
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from archwright.agents.backends.keys import redact
from archwright.agents.backends.wire.events import RefusedError

LONGEST_WORDS: Final = 300
_CODES: Final = ("code", "type", "status", "reason", "error_type")
_WORDS: Final = ("message", "msg", "detail", "error", "error_message", "title", "status_msg")
_TAKEN: Final = re.compile(
    r"\bexpected (?:one of|any of)\b.*"
    r"|\b(?:allowed|valid|supported|permitted|accepted) (?:fields|parameters|keys|properties)\b.*"
)
_UNITS: Final = {"ms": 0.001, "mi": 60.0, "m": 60.0, "s": 1.0, "h": 3600.0, "d": 86400.0}
_SPAN = r"(\d+(?:\.\d+)?)\s*(ms|milli\w*|s|sec\w*|m|min\w*|h|hours?|hrs?|d|days?)(?![a-z])"
_ASKED = re.compile(
    rf"\b(?:try again|retry|retrying|wait|reset|resets|available)\b[^.;\d]{{0,24}}"
    rf"((?:{_SPAN}[\s,]*(?:and\s+)?)+)",
    re.IGNORECASE,
)
_STATUS_OF: Final = (
    (("rate_limit", "ratelimit", "too_many", "resource_exhausted", "throttl"), 429),
    (("insufficient_quota", "billing"), 429),
    (("authentication", "invalid_api_key", "unauthor", "permission"), 401),
    (("overload", "unavailable", "server_error", "internal", "timeout", "bad_gateway"), 503),
    (("invalid_request", "bad_request", "badrequest", "invalid_argument", "context_length"), 400),
    (("not_found",), 404),
)


@dataclass(frozen=True, slots=True)
class Denial:
    """What a server said when it refused.

    `codes` are all codes and types in it, in lower case; `param` is the parameter that it names in
    a field for that; `fields` are its own numbers by name.
    """

    status: int | None
    words: str
    codes: frozenset[str]
    param: str
    wait_seconds: float | None
    is_page: bool
    fields: Mapping[str, Any]

    @property
    def lower(self) -> str:
        """All the words, in lower case."""
        return self.words.lower()

    @property
    def blamed(self) -> str:
        """The same without what the server says that it would take."""
        return _TAKEN.sub("", self.lower)

    def has_code(self, *signs: str) -> bool:
        """Whether a code holds one of the signs, whatever it separates words with."""
        flat = [code.replace("-", "_").replace(" ", "_") for code in self.codes]
        return any(sign in code for code in flat for sign in signs)


def read_refusal(error: Exception) -> Denial | None:
    """The refusal in an exception of ours, or of the openai or litellm package; None where no
    server refused anything."""
    if isinstance(error, RefusedError):
        return _taken_apart(error.status, error.body, error.headers)
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return None
    # litellm makes an exception of its own, without what the server said but in words.
    whole = next(
        (e for e in _causes(error) if isinstance(getattr(e, "body", None), Mapping)), error
    )
    body = getattr(whole, "body", None)
    text = json.dumps(body, default=str) if isinstance(body, Mapping) else str(error)
    headers = getattr(getattr(whole, "response", None), "headers", None) or {}
    return _taken_apart(status, text, {str(k).lower(): str(v) for k, v in headers.items()})


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What an exception came from, the first cause first."""
    if (before := error.__cause__ or error.__context__) is not None:
        yield from _causes(before)
    yield error


def _taken_apart(status: int | None, body: str, headers: Mapping[str, str]) -> Denial:
    document = _document(body)
    levels = list(_levels(document))
    codes = frozenset(str(v).lower() for _, v in _found(levels, _CODES) if v)
    words = " ".join(redact(_words_of(levels) or body).split())
    is_page = body.lstrip().startswith("<")
    return Denial(
        status=_status(status, levels, codes),
        words=_page_words(body) if is_page else words,
        codes=codes,
        param=_param(levels),
        wait_seconds=_wait(levels, headers, words),
        is_page=is_page,
        fields={k: v for level in levels for k, v in level.items() if _is_number(v)},
    )


def _is_number(said: Any) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool) and math.isfinite(said)


def _document(body: str) -> Any:
    """The JSON in a body; litellm puts its own words before it."""
    for start in (0, body.find("{")):
        try:
            return json.loads(body[max(start, 0) :], strict=False)
        except (json.JSONDecodeError, RecursionError):
            continue
    if start >= 0:
        try:
            return json.JSONDecoder(strict=False).raw_decode(body, start)[0]
        except (json.JSONDecodeError, RecursionError):
            pass
    return body


def _levels(said: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Each dictionary in a document, the outer ones first, and JSON inside of strings, too."""
    if depth > 5:
        return
    if isinstance(said, list):
        for part in said:
            yield from _levels(part, depth + 1)
    elif isinstance(said, dict):
        yield said
        for value in said.values():
            yield from _levels(value, depth + 1)
    elif depth and isinstance(said, str) and said.lstrip().startswith("{"):
        yield from _levels(_document(said), depth + 1)


def _found(levels: list[Mapping[str, Any]], names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for level in levels:
        for name in names:
            if isinstance(level.get(name), str | int):
                yield name, level[name]


def _words_of(levels: list[Mapping[str, Any]]) -> str:
    """The messages of a refusal, then its codes: what a person should read of it."""
    found = (str(v) for _, v in _found(levels, _WORDS))
    messages = [v for v in found if not (v.lstrip().startswith("{") and list(_levels(v, 1)))]
    places = [
        ".".join(map(str, loc)) for level in levels if isinstance(loc := level.get("loc"), list)
    ]
    codes = [str(v) for name, v in _found(levels, _CODES) if v and name != "status"]
    return " ".join(dict.fromkeys(filter(None, [*messages, *places, *codes])))


def _page_words(body: str) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title>", body, re.IGNORECASE | re.DOTALL)
    said = " ".join(redact(title[1]).split()) if title else ""
    return f"a web page{f' named {said!r}' if said else ''} in place of an answer"


def _status(
    status: int | None, levels: list[Mapping[str, Any]], codes: frozenset[str]
) -> int | None:
    if status is not None and status >= 400:
        return status
    for _, value in _found(levels, ("code", "status", "status_code")):
        if re.fullmatch(r"[45][0-9]{2}", str(value)):
            return int(value)
    flat = " ".join(codes).replace("-", "_")
    return next((n for signs, n in _STATUS_OF if any(s in flat for s in signs)), status)


def _param(levels: list[Mapping[str, Any]]) -> str:
    for level in levels:
        if isinstance(param := level.get("param"), str):
            return param.partition(".")[0]
        if isinstance(loc := level.get("loc"), list) and loc:
            names = [str(part) for part in loc if part != "body"]
            return names[0] if names else ""
    return ""


def _wait(levels: list[Mapping[str, Any]], headers: Mapping[str, str], words: str) -> float | None:
    """Seconds that the server asks to wait: by its headers, its fields, or its words."""
    if (said := headers.get("retry-after-ms", "")).replace(".", "", 1).isdigit():
        return float(said) / 1000
    if (found := _header_wait(headers.get("retry-after"))) is not None:
        return found
    for level in levels:
        for name in (
            "retryDelay",
            "retry_delay",
            "retry_after",
            "retry_after_seconds",
            "estimated_time",
        ):
            if (found := _span(level.get(name))) is not None:
                return found
    asked = _ASKED.search(words)
    return _span(asked[1]) if asked else None


def _header_wait(said: str | None) -> float | None:
    """Seconds from a Retry-After header: a number, or a date (RFC 9110)."""
    if said is None:
        return None
    if (found := _span(said)) is not None:
        return found
    try:
        until = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=datetime.UTC)
    return max(0.0, (until - datetime.datetime.now(datetime.UTC)).total_seconds())


def _span(said: Any) -> float | None:
    """Seconds in a number, in digits, or in words such as `7m12.5s`."""
    if isinstance(said, int | float) and not isinstance(said, bool):
        return max(0.0, float(said))
    if isinstance(said, Mapping):
        return _span(said.get("seconds"))
    if not isinstance(said, str):
        return None
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", said):
        return float(said)
    spans = re.findall(_SPAN, said, re.IGNORECASE)
    return sum(float(n) * _unit(unit.lower()) for n, unit in spans) if spans else None


def _unit(word: str) -> float:
    return _UNITS["ms" if word.startswith(("ms", "milli")) else word[0]]
