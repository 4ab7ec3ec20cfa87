"""Reads front matter: YAML between lines `---`, TOML between lines `+++`.

No library's parser, because a status is changed where it stands, and because what is no sound YAML
(`status: [proposed | accepted]`, `title: ADR-1: Use X`) is read all the same.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Final, NamedTuple

MATTER: Final = re.compile(
    r"\A\ufeff?(?P<mark>---|\+\+\+)[ \t]*\r?\n(?P<body>.*?)^(?:(?P=mark)|\.\.\.)[ \t]*\r?(?:\n|\Z)",
    re.M | re.S,
)
"""Front matter between lines `---` (YAML) or `+++` (TOML)."""
_KEY: Final = {
    mark: re.compile(
        rf"^(?P<indent>[ \t]*)(?P<key>\"[^\"\r\n]+\"|'[^'\r\n]+'|[^\W\d][^{sign}#\r\n]*?)[ \t]*"
        rf"{sign}[ \t]*(?:(?:!!?\w+|&\w+)[ \t]+)?",
        re.M,
    )
    for mark, sign in (("---", ":"), ("+++", "="))
}
_BLOCK: Final = re.compile(r"[|>][-+\d]{0,2}[ \t]*(?:#[^\r\n]*)?(?=\r?$)", re.M)
_ITEM: Final = re.compile(r"[ \t]*-[ \t]+(?=\S)")
_QUOTED: Final = re.compile(
    r"\"\"\"(?:.|\n)*?\"\"\"|'''(?:.|\n)*?'''|\"(?:[^\"\\\r\n]|\\.)*\"|'(?:[^'\r\n]|'')*'"
)
_COMMENT: Final = re.compile(r"(?:^|[ \t]+)#[^\r\n]*")


class MatterValue(NamedTuple):
    """What stands behind a key, `text[start:end]` as written: one value, or those of a list."""

    start: int
    end: int
    values: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.values)


def matter_values(text: str) -> dict[str, MatterValue]:
    """The front matter's values, by lower-case key; of a key that comes again the first."""
    found = MATTER.match(text)
    if not found:
        return {}
    keys = list(_KEY[found["mark"]].finditer(text, *found.span("body")))
    values: dict[str, MatterValue] = {}
    position = 0
    for place, key in enumerate(keys):
        if key.start() < position:
            continue
        end = keys[place + 1].start() if place + 1 < len(keys) else found.end("body")
        value = _read_value(text, key, found.end("body"), end)
        position = max(key.end(), value.end)
        values.setdefault(key["key"].strip("\"'").lower(), value)
    return values


def read_matter(text: str) -> dict[str, str]:
    """The front matter's values by lower-case key; of a list the first."""
    return {key: value.values[0] if value.values else "" for key, value in
            matter_values(text).items()}  # fmt: skip


def _read_value(text: str, key: re.Match[str], last: int, end: int) -> MatterValue:
    """The value behind a key; `end` is where the next key begins, and `last` where all end."""
    start = key.end()
    is_toml = key.re is _KEY["+++"]
    if block := _BLOCK.match(text, start):
        lines = _indented(text, block.end(), last, key["indent"])
        if not text[block.end() : lines].strip():
            return MatterValue(start, block.end(), ())
        return _read_lines(text, block.end(), lines)
    if text[start : start + 1] == "[" and (closed := _closing(text, start, last)):
        return _read_flow(text, start, closed, is_toml)
    if quoted := _QUOTED.match(text, start, last):
        return _quoted(quoted, is_toml)
    line_end = _line_end(text, start, last)
    said = _COMMENT.split(text[start:line_end])[0].rstrip()
    if not said and _ITEM.match(text, line_end + 1, end):
        return _read_items(text, line_end + 1, end)
    if is_toml:
        return MatterValue(start, start + len(said), (said,) if said else ())
    more = _indented(text, line_end, end, key["indent"])
    if not text[line_end:more].strip():
        return MatterValue(start, start + len(said), (said,) if said else ())
    return _read_lines(text, start if said else line_end, more)


def _line_end(text: str, start: int, last: int) -> int:
    found = text.find("\n", start, last)
    return last if found < 0 else found


def _indented(text: str, start: int, last: int, indent: str) -> int:
    """Where the lines from `start` on end that stand further in than `indent`, or are empty."""
    position = _line_end(text, start, last)
    while position < last:
        end = _line_end(text, position + 1, last)
        line = text[position + 1 : end]
        if line.strip() and len(line) - len(line.lstrip()) <= len(indent):
            break
        position = end
    return position


def _read_lines(text: str, start: int, end: int) -> MatterValue:
    """Lines that are one value, without the blanks and the comments around it."""
    said = text[start:end]
    begin = start + len(said) - len(said.lstrip())
    stop = max(begin, start + len(said.rstrip()))
    plain = (_COMMENT.split(line)[0] for line in text[begin:stop].splitlines())
    words = " ".join(" ".join(plain).split())
    return MatterValue(begin, stop, (words,) if words else ())


def _read_items(text: str, start: int, end: int) -> MatterValue:
    """A list of lines `- value`."""
    items: list[MatterValue] = []
    position = start
    while item := _ITEM.match(text, position, end):
        line_end = _line_end(text, item.end(), end)
        if quoted := _QUOTED.match(text, item.end(), line_end):
            items.append(_quoted(quoted, inside=False))
        else:
            said = _COMMENT.split(text[item.end() : line_end])[0].rstrip()
            items.append(MatterValue(item.end(), item.end() + len(said), (said,)))
        position = line_end + 1
    return _joined(items)


def _closing(text: str, start: int, last: int) -> int | None:
    """Where the list that begins at `start` is closed."""
    position = start + 1
    while position < last:
        if quoted := _QUOTED.match(text, position, last):
            position = quoted.end()
        elif text[position] == "]":
            return position
        else:
            position += 1
    return None


def _read_flow(text: str, start: int, closed: int, is_toml: bool) -> MatterValue:
    """A list `[a, "b"]`; one of a single value with bars in it is a template's, and one value."""
    items: list[MatterValue] = []
    for found in re.finditer(
        rf"#[^\n]*|{_QUOTED.pattern}|[^\s,][^,\r\n]*", text[start + 1 : closed]
    ):
        begin, word = start + 1 + found.start(), found[0].rstrip()
        if quoted := _QUOTED.fullmatch(text, begin, begin + len(word)):
            items.append(_quoted(quoted, is_toml))
        elif not word.startswith("#"):
            items.append(MatterValue(begin, begin + len(word), (word,)))
    if len(items) == 1 and "|" in str(items[0]):
        return MatterValue(start, closed + 1, (text[start : closed + 1],))
    if is_toml or not items:
        return _joined(items) if items else MatterValue(start, closed + 1, ())
    return _joined(items)._replace(start=start, end=closed + 1)


def _joined(items: list[MatterValue]) -> MatterValue:
    return MatterValue(items[0].start, items[-1].end, tuple(str(item) for item in items))


def _quoted(found: re.Match[str], inside: bool) -> MatterValue:
    """A value in quotes; `inside` is whether they stay where it is changed."""
    said = found[0]
    width = 3 if said[:3] in ('"""', "'''") else 1
    words = said[width:-width]
    if said[0] == '"' and "\\" in words:
        with contextlib.suppress(ValueError):
            words = str(json.loads(said))
    cut = width if inside else 0
    words = words.replace("''", "'") if said[0] == "'" and width == 1 else words
    return MatterValue(found.start() + cut, found.end() - cut, (" ".join(words.split()),))
