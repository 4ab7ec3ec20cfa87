"""Reads decision records, hand-edited ones too: MADR 2 to 4, and Nygard's as adr-tools writes them.

Formats: Kopp et al., "Markdown Architectural Decision Records", 2018 and later; Nygard,
"Documenting Architecture Decisions", 2011.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from archwright.knowledge.decisions.files import printable_text
from archwright.knowledge.decisions.madr import Decision, Option
from archwright.knowledge.decisions.outline import MATTER, find_status, headings, plain_status

_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_CHOSEN: Final = re.compile(r'Chosen option:\s*"(.*?)",?\s*because\s*(.*?)\s*\Z', re.S)
_NUMBERED: Final = re.compile(r"\A(?:ADR[- ]?)?\d+[.:] +", re.I)
_DATE: Final = re.compile(r"^(?:[*+-][ \t]+)?date:[ \t]*(\S+)", re.M | re.I)
_BULLET: Final = re.compile(r"^[*+-][ \t]+(.*(?:\n[ \t]+\S.*)*)", re.M)


def parse(text: str, path: Path) -> Decision:
    """The decision in `text`; what a hand edit took away is empty. Never raises.

    The number, and a missing title, are read off the name of `path` (`0007-wider-stem.md`).
    """
    text = printable_text(text).replace("\r\n", "\n")
    matter, sections = _read_matter(text), _read_sections(text)
    outcome = sections.get("decision outcome", "") or sections.get("decision", "")
    chosen = _CHOSEN.search(outcome)
    number, _, rest = path.stem.partition("-")
    context = sections.get("context and problem statement", "") or sections.get("context", "")
    title = _read_title(sections.get("", ""), "decision" in sections)
    evidence = (
        _unescape(line).partition(": ") for line in _list(sections, "decision outcome/evidence")
    )
    return Decision(
        title=title or rest.replace("-", " "),
        context=_unescape(context),
        chosen=_unescape(chosen[1]) if chosen else title if "decision" in sections else "",
        because=_unescape(chosen[2] if chosen else outcome),
        date=matter.get("date", "") or _read_date(text),
        status=_read_status(text) or "proposed",
        options=_read_options(sections),
        consequences=_read_consequences(sections),
        confirmation=_read_command(sections.get("decision outcome/confirmation", "")),
        evidence={name: value for name, _, value in evidence},
        run=matter.get("run", ""),
        candidate=matter.get("candidate", ""),
        task=matter.get("task", ""),
        notes=tuple(map(_unescape, _list(sections, "more information"))),
        number=int(number) if number.isdecimal() else 0,
    )


def _read_title(words: str, numbered: bool) -> str:
    """The title; Nygard's begins with the record's number."""
    return _unescape(_NUMBERED.sub("", words, count=1) if numbered else words)


def _read_status(text: str) -> str:
    place = find_status(text)
    if place is None:
        return ""
    words = text[place.start : place.end].strip()
    return plain_status(_read_scalar(words) if place.in_matter else words)


def _read_date(text: str) -> str:
    """The date of a record without front matter: a line before the first section."""
    body = next((h.start for h in headings(text) if h.level > 1), len(text))
    found = _DATE.search(text, 0, body)
    return found[1] if found else ""


def _read_consequences(sections: Mapping[str, str]) -> tuple[str, ...]:
    """A list under the outcome (MADR), or a section of paragraphs or a list (Nygard)."""
    listed = _list(sections, "decision outcome/consequences") or _list(sections, "consequences")
    if listed or "consequences" not in sections:
        return tuple(map(_unescape, listed))
    paragraphs = re.split(r"\n\s*\n", sections["consequences"].strip())
    return tuple(_unescape(" ".join(p.split())) for p in paragraphs if p.strip())


def _read_matter(text: str) -> dict[str, str]:
    found = MATTER.match(text)
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
    outline = headings(text)
    parent = ""
    ends = [*(heading.start for heading in outline[1:]), len(text)]
    for here, end in zip(outline, ends, strict=False):
        if here.level == 1:
            sections.setdefault("", here.title)
            continue
        parent = here.title.lower() if here.level == 2 else parent
        key = parent if here.level == 2 else f"{parent}/{here.title.lower()}"
        sections.setdefault(key, text[here.end : end].strip("\n"))
    return sections


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
