"""Reads the bytes of a reply: server-sent events, lines of JSON, or one document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from archwright.agents.backends.wire.content import Completion, get

DONE: Final = "[DONE]"
_FIELDS: Final = ("data:", "event:", "id:", "retry:", ":")
"""How the lines of server-sent events begin."""
_STATUS_OF_BASE: Final = {
    1001: 504, 1002: 429, 1004: 401, 1008: 402, 1013: 500, 1024: 500, 1033: 500, 1039: 429,
    2049: 401,
}  # fmt: skip
"""What MiniMax has in the `base_resp` of a reply with status 200."""
_SHOWN: Final = 200
UNFINISHED: Final = "the reply broke off: it ended without a finish_reason and without [DONE]"


class BrokenStreamError(Exception):
    """A reply that ended before it was whole, or that is none."""


class RefusedError(Exception):
    """A server's refusal: an HTTP status, or an error in the body of a reply that began well.

    Args:
        status: None where the body alone says it.
        body: the text as it came.
        headers: by lower-case name.
    """

    def __init__(
        self, status: int | None, body: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def begins_stream(begun: bytes) -> bool:
    """Whether a reply whose header does not say so is a stream, by its first bytes."""
    return begun.decode("utf-8-sig", "replace").lstrip().startswith(_FIELDS)


def gather_stream(pieces: Iterable[bytes], into: Completion) -> None:
    """Fill `into` from a stream as its bytes come. A piece that is not JSON is passed over.

    Raises:
        RefusedError: the stream says that something went wrong.
        BrokenStreamError: it ended before the reply was whole.
    """
    stray: list[str] = []
    foreign: Any = None
    for event in _events(_lines(pieces), stray):
        if into.left:
            return
        if event == DONE:
            into.finish = into.finish or "stop"
            return
        add_document(event, into)
        if isinstance(event, dict) and "choices" not in event and "usage" not in event:
            foreign = foreign or event
    if foreign and not into.said_anything and not into.finish:
        raise _foreign(json.dumps(foreign))
    if not into.said_anything and any(line.strip() for line in stray):
        gather_whole("\n".join(stray).encode(), into)
    if not into.finish:
        raise BrokenStreamError(UNFINISHED)


def gather_whole(body: bytes, into: Completion) -> None:
    """Fill `into` from a reply that came in one piece.

    Raises:
        RefusedError: it says that something went wrong, or it is a web page.
        BrokenStreamError: it is no reply.
    """
    text = body.decode("utf-8-sig", "replace").strip()
    document = _parsed(text)
    if not isinstance(document, dict):
        if text.startswith("<"):
            raise RefusedError(200, text)
        if text.startswith(_FIELDS) or isinstance(_parsed(text.partition("\n")[0]), dict):
            gather_stream([text.encode()], into)  # which takes at least its first line
            return
        raise BrokenStreamError(f"the server's answer is not a JSON object{_shown(text)}")
    add_document(document, into)
    if not get(document, "choices"):
        raise _foreign(text)
    into.finish = into.finish or "stop"


def add_document(document: Any, into: Completion) -> None:
    """Take a chunk, or a whole reply, as data or as an object of a provider's package.

    Raises:
        RefusedError: it is an error.
    """
    if isinstance(document, dict) and (document.get("error") or _is_bare_error(document)):
        raise RefusedError(None, json.dumps(document))
    base = get(document, "base_resp")
    if isinstance(base, dict) and (code := base.get("status_code")):
        raise RefusedError(_STATUS_OF_BASE.get(code), json.dumps(base))
    choices = get(document, "choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and isinstance(choice.get("error"), dict):
            raise RefusedError(None, json.dumps({"error": choice["error"]}))
    first = choices[0] if isinstance(choices, list) and choices else None
    for holder in (first, get(document, "x_groq"), document):
        if (usage := get(holder, "usage")) is not None:
            into.add_usage(usage)
    into.add_choices(choices)


def _is_bare_error(document: dict[str, Any]) -> bool:
    """Whether it is an error without a field of that name, as some servers send."""
    if document.get("choices") is not None:
        return False
    says = isinstance(document.get("message"), str)
    return document.get("object") == "error" or "detail" in document or says


def _foreign(text: str) -> BrokenStreamError:
    said = f"the server's answer has no choices{_shown(text)}"
    return BrokenStreamError(f"{said}: it is not of the OpenAI protocol, check --base-url")


def _shown(text: str) -> str:
    """How a text begins that nobody can read, for a person."""
    return f": {' '.join(text.split())[:_SHOWN]!r}" if text else ": it is empty"


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (json.JSONDecodeError, RecursionError):
        return None


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines as they come, whatever ends them; bytes that are no UTF-8 become U+FFFD."""
    held, first = b"", True
    for piece in pieces:
        # A line feed may still follow a carriage return at the end of what is held.
        *lines, held = re.split(rb"\r\n|\n|\r(?=[^\n])", held + piece)
        for line in lines:
            yield line.decode("utf-8-sig" if first else "utf-8", "replace")
            first = False
    if held:
        yield held.decode("utf-8-sig" if first else "utf-8", "replace").rstrip("\r")


def _events(lines: Iterable[str], stray: list[str]) -> Iterator[Any]:
    """The document of each event, and `DONE`. Lines of bare JSON are taken as events, too; lines
    that belong to none go to `stray`. Not every server ends an event with an empty line."""
    held: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            said = line.removeprefix("data:").strip()
            if said == DONE:
                yield DONE
                continue
            held.append(said)
            found = _parsed("\n".join(held))
            if (found := _parsed(said) if found is None else found) is not None:
                yield found
                held = []
        elif not line.strip():
            stray += held
            held = []
        elif (
            line.startswith("error:")
            and (found := _parsed(line.removeprefix("error:"))) is not None
        ):
            yield {"error": get(found, "error") or found}  # llama.cpp's
        elif line.startswith("{") and isinstance(found := _parsed(line), dict):
            yield found
        elif not line.startswith(_FIELDS):
            stray.append(line)
