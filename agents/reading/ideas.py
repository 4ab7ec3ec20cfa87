"""The ideas of a reply that holds several, and which code belongs to which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from archwright.agents.reading.answers import BrokenJsonError, data_in, plain_key
from archwright.agents.reading.blocks import blanked, blocks
from archwright.agents.reading.files import Written, last_meant, source_in
from archwright.agents.reading.objects import JsonObject, objects
from archwright.agents.reading.values import one_line, words_of
from archwright.core import is_bundle

_KEYS: Final = frozenset(
    ("move", "rationale", "hypothesis", "expected", "parents", "citations", "source", "code")
)
_QUOTED_TITLE: Final = re.compile(r'"title"\s*:\s*"((?:\\.|[^"\\\n])+)"')
_HEADING: Final = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+(.+?)[ \t#]*|\*\*(.+?)\*\*:?[ \t]*)$", re.M)
_NUMBERING: Final = re.compile(
    r"^\W*(?:(?:proposal|idea|candidate|option)\s*#?\s*(?:\d+|[A-Z])?\s*[:.)—–-]+\s*|\d+\s*[:.)]\s*)",
    re.I,
)
_FIRST_WORDS: Final = re.compile(
    r"\A\s*(?:#+[ \t]*(?P<comment>\S[^\n]*)"
    r"|[rR]?(?:\"\"\"|''')\s*(?P<doc>[^\n]*?)\s*(?:\"\"\"|'''|$))",
    re.MULTILINE,
)

# What is said before code that takes the place of the code before it.
_REPLACES: Final = re.compile(
    r"\W*(?:(?:now|no|better|wait|actually|instead|sorry|oops)(?:\s*[,.;!]|\s*$|\s+[—–-]\s)"
    r"|(?:now\s+)?(?:revised|corrected|fixed|repaired)\b(?!-)"
    r"|final(?:\s+(?:answer|version|code|file|form)\b|\s*$)"
    r"|after\s+(?:(?:a|some|the|more|second|closer|another)\s+)*"
    r"(?:look|thought|review|check|fix|correct)\w*)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Sketch:
    """One proposal where it stands in the words, with the code that belongs to it."""

    start: int
    end: int
    title: str
    said: Mapping[str, Any]
    code: Written | None = None
    fault: str = ""
    """Why the rest of it cannot be read."""


def sketches(words: str, code: Sequence[Written], entry: str) -> list[Sketch]:
    """The proposals of a reply in their order: its JSON objects with their code, or where there is
    no such object its code alone."""
    found = [_titled(sketch, words) for o in data_in(words) for sketch in _sketched(o, words)]
    helpers = [w for w in code if not w.defines(entry)]
    if not found:
        meant = [last_meant([w], entry, helpers) or w for w in code if w.defines(entry)]
        return _of_code_alone(words, meant)
    free = [number for number, sketch in enumerate(found) if sketch.code is None]
    given = _paired([found[n] for n in free], code, words, entry)
    for number, group in zip(free, given, strict=True):
        found[number] = replace(found[number], code=last_meant(group, entry, helpers))
    return [_titled_by_code(sketch) for sketch in found]


def _sketched(found: JsonObject, words: str) -> Iterator[Sketch]:
    if found.value is not None:
        for said in _proposals_in(found.value):
            code = source_in(said, found.start, found.end)
            yield Sketch(found.start, found.end, _title_of(said), said, code)
        return
    text = words[found.start : found.end]
    if re.match(r"""\{\s*["']proposals["']""", text):
        # Those that stand before and behind the place that cannot be read.
        for inner in objects(text[1:]):
            shift = found.start + 1
            place = replace(inner, start=inner.start + shift, end=inner.end + shift)
            yield from _sketched(place, words)
    elif title := _QUOTED_TITLE.search(text):
        said = {"title": title[1]}
        yield Sketch(
            found.start,
            found.end,
            one_line(title[1]),
            said,
            fault=str(BrokenJsonError(found.fault, text)),
        )


def _proposals_in(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    said = {plain_key(key): value for key, value in said.items()} | dict(said)
    if _title_of(said) or len(said.keys() & _KEYS) > 1:
        yield said
        return
    for value in said.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield from _proposals_in(item)
            elif isinstance(item, str) and item.lstrip().startswith("{"):
                for inner in objects(item):  # the arguments of a call, as they are sent
                    yield from _proposals_in(inner.value or {})


def _title_of(said: Mapping[str, Any]) -> str:
    named = said.get("name") if said.keys() & _KEYS else ""
    return one_line(said.get("title")) or one_line(named)


# --- titles -----------------------------------------------------------------------------------


def _titled(sketch: Sketch, words: str) -> Sketch:
    """With the title of the heading before it, or the beginning of its reasons, if it has none."""
    if sketch.title:
        return sketch
    title = heading_before(words[: sketch.start])
    if not title:
        reasons = words_of(sketch.said.get("rationale")) or words_of(sketch.said.get("hypothesis"))
        title = one_line(re.split(r"(?<=[.!?])\s", reasons, maxsplit=1)[0])
    return replace(sketch, title=title)


def _titled_by_code(sketch: Sketch) -> Sketch:
    if sketch.title:
        return sketch
    named = first_words(sketch.code.text) if sketch.code else ""
    return replace(
        sketch, title=named or one_line(sketch.said.get("move")) or "an idea without a title"
    )


def heading_before(words: str) -> str:
    """The last heading of some words, without its number; empty where prose of more than a line
    follows it, or code."""
    found = list(_HEADING.finditer(words))
    if not found or "```" in words[found[-1].end() :]:
        return ""
    return one_line(_NUMBERING.sub("", found[-1][1] or found[-1][2]))


def first_words(code: str) -> str:
    """The first line of the comment or the docstring that code begins with."""
    found = None if is_bundle(code) else _FIRST_WORDS.match(code)
    said = one_line(found["comment"] or found["doc"]) if found else ""
    return "" if said.endswith(".py") else said  # the name of a file says nothing


def _of_code_alone(words: str, code: Sequence[Written]) -> list[Sketch]:
    found: list[Sketch] = []
    before = 0
    prose_of = blanked(words, blocks(words))
    for written in [w for w in code if not w.leaves_out] or code:
        lead = prose_of[before : written.start]
        lines = [line.strip() for line in lead.splitlines() if line.strip()]
        prose = lines[-1].rstrip(":") if lines else ""
        if found and _REPLACES.match(prose):
            found.pop()
        title = heading_before(lead) or first_words(written.text) or one_line(prose)
        title = title or f"idea {len(found) + 1}"
        found.append(Sketch(written.start, written.end, title, {}, written))
        before = written.end
    return found


# --- which code belongs to which --------------------------------------------------------------


def _paired(
    ideas: Sequence[Sketch], code: Sequence[Written], words: str, entry: str
) -> list[list[Written]]:
    """For each idea the code that may be its own, in the order of the reply."""
    groups: list[list[Written]] = [[] for _ in ideas]
    if not ideas or not code:
        return groups
    meant = [w for w in code if w.defines(entry)]
    apart = code[0].start > ideas[-1].start or code[-1].start < ideas[0].start
    if apart and len(ideas) > 1 and len(meant) == len(ideas):
        return [[written] for written in meant]
    behind = code[0].start < ideas[0].start and ideas[-1].start > code[-1].start
    ends = [0, *(idea.end for idea in ideas), *(written.end for written in code)]
    for written in code:
        lead = words[max(end for end in ends if end <= written.start) : written.start]
        owner = _named(ideas, lead + first_words(written.text)) if apart else None
        if owner is None:
            owner = _neighbour(ideas, written, behind)
        if owner is not None:
            groups[owner].append(written)
    return groups


def _named(ideas: Sequence[Sketch], lead: str) -> int | None:
    """The idea whose title stands in the words before some code."""
    said = one_line(lead, len(lead)).casefold()
    named = (n for n, idea in enumerate(ideas) if idea.title and idea.title.casefold() in said)
    return next(named, None)


def _neighbour(ideas: Sequence[Sketch], written: Written, behind: bool) -> int | None:
    """The idea that stands right after some code, or right before it; None where several do, in one
    object."""
    starts = [idea.start for idea in ideas]
    near = [s for s in starts if (s > written.start if behind else s < written.start)]
    place = (min if behind else max)(near, default=-1)
    return starts.index(place) if starts.count(place) == 1 else None
