"""The fenced blocks of a text, as models write them: indented, nested, never closed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Protocol

from archwright.source.code import parse as parse_python

_OPENING: Final = re.compile(
    r"(?P<indent>[ \t]*)(?P<fence>`{3,}(?=[^`]*$)|~{3,})[ \t]*(?P<info>.*)$"
)
# A fence that begins behind words must name its language, or it is none.
_BEHIND_WORDS: Final = re.compile(
    r"(?P<indent>).*?\S[ \t]+(?P<fence>`{3,}|~{3,})(?P<info>python3?|py|diff|patch|json)[ \t]*$"
)
_OPENS: Final = re.compile(r"[ \t]*(?:`{3,}|~{3,})[ \t]*\w")
_LANGUAGE: Final = re.compile(r"\{?\.?([\w+-]*)")
_CODE: Final = re.compile(r"^[ \t]*(?:class|def|import|from|@)\s*\w|^@@", re.MULTILINE)
_PYTHON: Final = ("python", "python3", "py", "diff", "patch")
_CLOSINGS_TRIED: Final = 8


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """A fenced block: its place in the words, fences included, and what it holds."""

    start: int
    end: int
    language: str
    text: str
    closed: bool

    @property
    def is_code(self) -> bool:
        """Whether it holds code and not data."""
        if self.text.lstrip().startswith(("{", "[")):
            return False
        return self.language in _PYTHON or _CODE.search(self.text) is not None


def blocks(words: str) -> list[FencedBlock]:
    """The fenced blocks of a text in their order.

    A fence inside a string of the code does not end its block: where the block up to the first
    closing fence is no Python, and up to a later one it is, the later one counts.
    """
    return list(_blocks(words))


class Spanned(Protocol):
    """What stands somewhere in the words."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


def blanked(words: str, hidden: Iterable[Spanned]) -> str:
    """`words` with the blocks replaced by spaces, so that places stay what they were."""
    for block in hidden:
        space = re.sub(r"[^\n]", " ", words[block.start : block.end])
        words = words[: block.start] + space + words[block.end :]
    return words


def error_in(source: str) -> str | None:
    """Why a source is no Python, if it is none. Nothing is executed."""
    try:
        parse_python(source)
    except SyntaxError as error:
        return f"line {error.lineno} of the file: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"the file cannot be parsed: {error}"
    return None


def _blocks(words: str) -> Iterator[FencedBlock]:
    lines = words.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    at = 0
    while at < len(lines):
        opening = _OPENING.match(lines[at]) or _BEHIND_WORDS.match(lines[at])
        if opening is None:
            at += 1
            continue
        closing = _closing(lines, at, opening)
        last = len(lines) if closing is None else closing
        named = _LANGUAGE.match(opening["info"])
        text = _dedented(lines[at + 1 : last], opening["indent"])
        closed = closing is not None
        if not closed and (bare := re.sub(r"`{3,}\s*\Z", "", text)) != text:
            text, closed = bare, True  # the fence stands behind the last line
        top, _, rest = text.partition("\n")
        language = named[1].lower() if named else ""
        if not language and top.strip().lower() in (*_PYTHON, "json"):
            language, text = top.strip().lower(), rest  # it stands on the line below
        # The next block's fence may be all that ends this one.
        after = last if closed and last < len(lines) and _OPENS.match(lines[last]) else last + 1
        block = FencedBlock(
            start=starts[at] + opening.start("fence"),
            end=min(starts[min(after, len(lines))], len(words)),
            language=language,
            text=text,
            closed=closed,
        )
        if block.language in ("markdown", "md") and not opening["indent"]:
            # It wraps the reply, or a part of it, and stands for the blocks inside.
            first = starts[at + 1]
            for inner in _blocks(text):
                yield replace(inner, start=first + inner.start, end=first + inner.end)
        else:
            yield block
        at = after


def _closing(lines: Sequence[str], at: int, opening: re.Match[str]) -> int | None:
    """The line of the fence that ends the block which begins on line `at`."""
    fence, room = opening["fence"], len(opening["indent"].expandtabs()) + 3
    closings = (
        number
        for number in range(at + 1, len(lines))
        if (bare := lines[number].strip()).startswith(fence)
        and not bare.strip(fence[0])
        and len(lines[number].expandtabs()) - len(lines[number].expandtabs().lstrip()) <= room
    )
    found = list(islice(closings, _CLOSINGS_TRIED))
    first = found[0] if found else None
    following = (n for n in range(at + 2, len(lines)) if _OPENS.match(lines[n]))
    for number in (*found, *islice(following, 1)):
        if error_in(_dedented(lines[at + 1 : number], opening["indent"])) is None:
            return number
    return first


def _dedented(lines: Sequence[str], indent: str) -> str:
    return "\n".join(line.removeprefix(indent) for line in lines)
