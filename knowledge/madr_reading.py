"""Reads decision records, hand-edited ones too, and changes their status and nothing else."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from archwright.knowledge.madr import Decision, Option, check_date, check_status, escape_line

_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_MATTER: Final = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)", re.M | re.S
)
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?\s*\Z")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_CHOSEN: Final = re.compile(r'Chosen option:\s*"(.*?)",?\s*because\s*(.*?)\s*\Z', re.S)
_BULLET: Final = re.compile(r"^[*+-][ \t]+(.*(?:\n[ \t]+\S.*)*)", re.M)


class _Heading(NamedTuple):
    """A heading; `start` is where its line begins and `end` where the line after it does."""

    level: int
    title: str
    start: int
    end: int


def parse(text: str, path: Path) -> Decision:
    """The decision in `text`; what a hand edit took away is empty. Never raises.

    The number, and a missing title, are read off the name of `path` (`0007-wider-stem.md`).
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\r\n", "\n")
    matter, sections = _read_matter(text), _read_sections(text)
    outcome = sections.get("decision outcome", "")
    chosen = _CHOSEN.search(outcome)
    number, _, rest = path.stem.partition("-")
    evidence = (
        _unescape(line).partition(": ") for line in _list(sections, "decision outcome/evidence")
    )
    return Decision(
        title=_unescape(sections.get("", "")) or rest.replace("-", " "),
        context=_unescape(sections.get("context and problem statement", "")),
        chosen=_unescape(chosen[1]) if chosen else "",
        because=_unescape(chosen[2] if chosen else outcome),
        date=matter.get("date", ""),
        status=matter.get("status") or "proposed",
        options=_read_options(sections),
        consequences=tuple(map(_unescape, _list(sections, "decision outcome/consequences"))),
        confirmation=_read_command(sections.get("decision outcome/confirmation", "")),
        evidence={name: value for name, _, value in evidence},
        run=matter.get("run", ""),
        candidate=matter.get("candidate", ""),
        task=matter.get("task", ""),
        notes=tuple(map(_unescape, _list(sections, "more information"))),
        number=int(number) if number.isdecimal() else 0,
    )


def _read_matter(text: str) -> dict[str, str]:
    found = _MATTER.match(text)
    pairs = (line.partition(":") for line in (found[1] if found else "").splitlines())
    return {key.strip().lower(): _read_scalar(value.strip()) for key, _, value in pairs}


def _read_scalar(value: str) -> str:
    if value.startswith('"'):
        try:
            word, _ = json.JSONDecoder().raw_decode(value)
        except ValueError:
            return value.strip('"')
        return str(word)
    if value.startswith("'"):
        return value[1:].partition("'")[0]
    return value.partition(" #")[0].strip()


def _read_sections(text: str) -> dict[str, str]:
    """Section texts by lower-case heading, `heading/subheading` below it; the title under ""."""
    sections: dict[str, str] = {}
    headings = _headings(text)
    parent = ""
    ends = [*(heading.start for heading in headings[1:]), len(text)]
    for here, end in zip(headings, ends, strict=False):
        if here.level == 1:
            sections.setdefault("", here.title)
            continue
        parent = here.title.lower() if here.level == 2 else parent
        key = parent if here.level == 2 else f"{parent}/{here.title.lower()}"
        sections.setdefault(key, text[here.end : end].strip("\n"))
    return sections


def _headings(text: str) -> list[_Heading]:
    """The headings of a text in order, those inside code blocks left out."""
    found: list[_Heading] = []
    matter = _MATTER.match(text)
    position = matter.end() if matter else 0
    fence = ""
    for line in text[position:].split("\n"):
        start, position = position, min(position + len(line) + 1, len(text))
        mark = _FENCE.match(line)
        if fence:
            closes = mark and mark[1].startswith(fence) and not line[mark.end() :].strip()
            fence = "" if closes else fence
        elif mark:
            fence = mark[1]
        elif heading := _HEADING.match(line):
            found.append(_Heading(len(heading[1]), heading[2], start, position))
    return found


def _list(sections: Mapping[str, str], key: str) -> list[str]:
    return [" ".join(line.split()) for line in _BULLET.findall(sections.get(key, ""))]


def _read_options(sections: Mapping[str, str]) -> tuple[Option, ...]:
    names = _list(sections, "considered options")
    reasons = (f"pros and cons of the options/{name.lower()}" for name in names)
    pairs = zip(names, reasons, strict=True)
    return tuple(Option(_unescape(name), _unescape(sections.get(key, ""))) for name, key in pairs)


def _read_command(section: str) -> str:
    block = re.search(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)\n {0,3}\1", section, re.M | re.S)
    return block[2] if block else _unescape(section.strip())


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


# --- changing -----------------------------------------------------------------------------------

_STATUS: Final = re.compile(
    r"""^(status[ \t]*:[ \t]*)("[^"\r\n]*"|'[^'\r\n]*'|[^#\r\n]*?)(?=[ \t]*(?:#[^\r\n]*)?\r?\n)""",
    re.M | re.I,
)


def with_status(text: str, status: str, reason: str = "", day: str = "") -> str:
    """`text` with another status, and with a reason one dated line more at its end.

    Nothing else changes, line ends included.

    Raises:
        InputError: MADR knows no such status.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    text = _replace_status(text, check_status(status), newline)
    if not reason.strip():
        return text
    note = (
        f"* {check_date(day or datetime.date.today().isoformat())}, {status}: {escape_line(reason)}"
    )
    return text if note in text.splitlines() else _append_note(text, note, newline)


def _replace_status(text: str, status: str, newline: str) -> str:
    matter = _MATTER.match(text)
    if not matter:
        return newline.join(["---", f"status: {status}", "---", "", text])
    block = text[: matter.end(1)]
    found = _STATUS.search(block)
    if not found:
        return f"{block}status: {status}{newline}{text[len(block) :]}"
    gap = " " if found[1].endswith(":") else ""
    return f"{text[: found.start(2)]}{gap}{status}{text[found.end(2) :]}"


def _append_note(text: str, note: str, newline: str) -> str:
    """`text` with `note` as the last line of its "More Information"."""
    headings = _headings(text)
    at = [i for i, h in enumerate(headings) if h.title.lower() == "more information"]
    if not at:
        gap = "" if text.endswith("\n") else newline
        return f"{text}{gap}{newline}## More Information{newline}{newline}{note}{newline}"
    here = headings[at[0]]
    later = (h.start for h in headings[at[0] + 1 :] if h.level <= here.level)
    kept = text[: next(later, len(text))].rstrip("\r\n")
    last_line = kept[kept.rfind("\n") + 1 :]
    gap = newline if last_line.startswith(("*", "-", "+")) else newline * 2
    rest = text[len(kept) :]
    return f"{kept}{gap}{note}{rest or newline}"
