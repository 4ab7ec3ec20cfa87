"""Reads decision records, hand-edited ones too: MADR 2 to 4, Nygard's as adr-tools writes them,
and what is like them, in several languages.

Formats: Kopp et al., "Markdown Architectural Decision Records", 2018 and later; Nygard,
"Documenting Architecture Decisions", 2011.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from archwright.knowledge.decisions.files import printable_text
from archwright.knowledge.decisions.language.vocabulary import SECTIONS, section_name
from archwright.knowledge.decisions.madr import Decision, Option
from archwright.knowledge.decisions.matter import read_matter
from archwright.knowledge.decisions.naming import bare_title, split_name
from archwright.knowledge.decisions.outline import RecordHeading, headings
from archwright.knowledge.decisions.status import find_label, find_status

_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_CHOSEN: Final = re.compile(
    r"(?:Chosen option|Gewählte Option)[*_]*:[*_]*\s*"
    r'(?:"(.*?)"|(?:\*\*|__)(.*?)(?:\*\*|__)),?\s*(?:because|weil|da)\b\s*(.*?)\s*\Z',
    re.S | re.I,
)
_BULLET: Final = re.compile(r"^[*+-][ \t]+(.*(?:\n[ \t]+\S.*)*)", re.M)


def parse(text: str, path: Path) -> Decision:
    """The decision in `text`; what a hand edit took away is empty. Never raises.

    The number, and a missing title, are read off the name of `path` (`0007-wider-stem.md`).
    """
    text = printable_text(text).replace("\r\n", "\n")
    matter, sections = read_matter(text), _read_sections(text)
    outcome = _section(sections, "decision outcome") or _section(sections, "decision")
    chosen = _CHOSEN.search(outcome)
    number, rest = split_name(path.name)
    place = find_status(text)
    is_nygard = bool(_section(sections, "decision"))
    title = bare_title(find_title(text), path.name)
    evidence = (
        _unescape(line).partition(": ") for line in _list(sections, "decision outcome/evidence")
    )
    return Decision(
        title=_unescape(title) or re.sub("[-_]+", " ", rest).strip(),
        context=_unescape(_section(sections, "context")),
        chosen=_unescape(chosen[1] or chosen[2]) if chosen else title if is_nygard else "",
        because=_unescape(chosen[3] if chosen else outcome),
        date=next(iter(find_label(text, "date").split()), "").rstrip(".,;"),
        status=place.status if place else "",
        options=_read_options(sections),
        consequences=_read_consequences(sections),
        confirmation=_read_command(sections.get("decision outcome/confirmation", "")),
        evidence={name: value for name, _, value in evidence},
        run=matter.get("run", ""),
        candidate=matter.get("candidate", ""),
        task=matter.get("task", ""),
        notes=tuple(map(_unescape, _list(sections, "more information"))),
        number=number or 0,
    )


def find_title(text: str) -> str:
    """The first heading that is a title; else what front matter or a section of that name says."""
    outline = headings(text)
    own = next((h.title for h in outline if is_title(h, outline)), "")
    named = _read_sections(text).get("title", "").strip().partition("\n")[0]
    return own or read_matter(text).get("title", "") or named


def is_title(heading: RecordHeading, outline: Sequence[RecordHeading]) -> bool:
    """Whether a heading is the record's title, or one more, and no section's."""
    if heading.level == 1:
        return section_name(heading.title) not in SECTIONS
    return heading is outline[0] and bare_title(heading.title, "") != heading.title


def _section(sections: Mapping[str, str], name: str) -> str:
    """A section by its name, wherever it stands."""
    inner = (text for key, text in sections.items() if key.endswith(f"/{name}"))
    return sections.get(name, "") or next(inner, "")


def _read_consequences(sections: Mapping[str, str]) -> tuple[str, ...]:
    """A list under the outcome (MADR), or a section of paragraphs or a list (Nygard)."""
    said = _section(sections, "consequences")
    if listed := _bullets(said):
        return tuple(map(_unescape, listed))
    paragraphs = re.split(r"\n\s*\n", said.strip())
    return tuple(_unescape(" ".join(p.split())) for p in paragraphs if p.strip())


def _read_sections(text: str) -> dict[str, str]:
    """Section texts by the names that `section_name` gives, `name/subname` below it."""
    sections: dict[str, str] = {}
    outline = headings(text)
    parent = ""
    ends = [*(heading.start for heading in outline[1:]), len(text)]
    for here, end in zip(outline, ends, strict=False):
        name = section_name(here.title)
        if here.level == 1 and name not in SECTIONS:
            continue
        parent = name if here.level < 3 else parent
        key = name if here.level < 3 else f"{parent}/{name}"
        sections.setdefault(key, text[here.end : end].strip("\n"))
    return sections


def _list(sections: Mapping[str, str], key: str) -> list[str]:
    return _bullets(sections.get(key, ""))


def _bullets(text: str) -> list[str]:
    return [" ".join(line.split()) for line in _BULLET.findall(text)]


def _read_options(sections: Mapping[str, str]) -> tuple[Option, ...]:
    names = _list(sections, "considered options")
    reasons = (f"pros and cons of the options/{section_name(name)}" for name in names)
    pairs = zip(names, reasons, strict=True)
    return tuple(Option(_unescape(name), _unescape(sections.get(key, ""))) for name, key in pairs)


def _read_command(section: str) -> str:
    block = re.search(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)\n {0,3}\1", section, re.M | re.S)
    return block[2] if block else _unescape(section.strip())


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
