"""Reads the words of a status: which one MADR knows they mean, or the words themselves.

A status is never guessed. Words that are not known stay as they are written, and a template that
nobody filled in says nothing.
"""

from __future__ import annotations

import html
import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final, NamedTuple
from urllib.parse import unquote

from archwright.knowledge.decisions.language.vocabulary import (
    ASIDES,
    BY,
    IN_PART,
    NOT_YET,
    OTHER_WORDS,
    STATUS_WORDS,
    VAGUE,
    either,
    fold,
)
from archwright.knowledge.decisions.naming import split_name

LONGEST: Final = 500
"""Characters of a line that are read: a status is short."""
ENDED: Final = ("rejected", "deprecated", "superseded")
_RANK: Final = ("aside", "other", "proposed", "accepted", *ENDED)
_KINDS: Final = {**STATUS_WORDS, "other": OTHER_WORDS, "aside": ASIDES}
_ANY: Final = "|".join(f"(?P<{name}>{either(words)})" for name, words in _KINDS.items())
_NO_LETTER: Final = r"(?![^\W\d_])"
_PARTLY: Final = rf"(?P<part>(?:{either([IN_PART])})[\s-]*)?"
# After a status: the end, a mark, a day, or a word that says by whom or when.
_AFTER: Final = rf"\s*(?:\Z|[^\w\s]|\d|(?:{either([BY])}|{either([IN_PART])}|on|at|as of|in|since|with|for|am|seit|le|el|em|il)(?!\w))"  # noqa: E501
_FIRST: Final = re.compile(
    rf"(?:(?:now|then|later|currently|is|has been|jetzt)\s+)?{_PARTLY}(?:{_ANY}){_NO_LETTER}"
    rf"(?={_AFTER})"
)
_INSIDE: Final = re.compile(rf"{_PARTLY}(?<![a-z\u00df-\u024f\u0400-\u052f])(?:{_ANY}){_NO_LETTER}")
_NEGATED: Final = re.compile(rf"(?<!\w)(?:{either([NOT_YET])})\s+(?:\w+\s+)?\Z")
_IN_PART: Final = re.compile(rf"\s*(?:{either([IN_PART])})(?!\w)")
_STRUCK: Final = re.compile(
    r"~~.*?~~|<(?P<t>del|s|strike)>.*?</(?P=t)>|<!--.*?-->|\[ \][^\[\n]*", re.I | re.S
)
_LINK: Final = re.compile(
    r"(?P<mark>!?)\[(?P<said>[^\[\]\n]*)\](?:\((?P<url>[^()\s]*)[^()\n]*\)|\[[^\]\n]*\])"
)
_BADGE: Final = re.compile(r"(?:[/=?]|-)status-(?P<said>(?:[^-/?#\s]|--)+)(?=[-/?#\s]|\Z)", re.I)
_ARROW: Final = re.compile(r"→|⇒|➡|⟶|➜|-+>|=+>|&rarr;")
_MARKS: Final = re.compile(r"[*_`\"'“”‘’~\[\]]+")
_PIECES: Final = re.compile(r"\s*(?:[,;/|(){}·•。、]|[.!?](?=\s|\Z)|\s[-–—]+\s|—)\s*")
_PLACEHOLDER: Final = re.compile(r"[\[{<][^\[\]{}<>]*(?:\||…|\.\.\.)[^\[\]{}<>]*[\]}>]?")
_EMPHASIS: Final = re.compile(r"(\*\*|__)(?P<said>.+?)\1")
_BY_NUMBER: Final = re.compile(
    rf"(?<!\w)(?:{either([BY])})\s+(?:(?:the|record|decision|no\.?|nr\.?)\s*)*"
    r"[\[(]?0*(\d{1,6})(?!\w|[-.]\d)"
)
_REFERENCE: Final = re.compile(
    r"(?<![a-z])m?adr[-_ #]*(?:[a-z]+-)?0*(\d{1,6})(?!\d|\.\d)"
    r"|(?<!pr )(?<!issue )(?<!request )#0*(\d{1,6})\b"
)
_SAYS: Final = re.compile(r"\b(?:supers|replac|accept|reject|deprec)", re.I)
_FILE: Final = re.compile(r"(?<![\w(])(?:[\w.-]+/)*(?P<name>[\w.-]+\.md)\b")
_SUPERSEDED: Final = re.compile("|".join(STATUS_WORDS["superseded"]), re.I)


class Said(NamedTuple):
    """What a line says of a status; `first` is whether it begins with that."""

    status: str
    first: bool
    kind: str


def plain_status(words: str) -> str:
    """A status as the word that MADR knows for it, `superseded by ADR-NNNN` where a number is
    named; as it is written where there is none; empty where nothing is said."""
    said = read_words(words)
    return bare_words(words) if said is None else said.status


def has_ended(status: str) -> bool:
    """Whether a decision of this status is out of force: what later runs are warned of."""
    return status.startswith(ENDED)


def read_words(words: str) -> Said | None:
    """What one line of words says; None where nothing in it is known."""
    kept = _STRUCK.sub(" ", _pictures(words[:LONGEST]))
    if is_placeholder(kept):
        chosen = [m["said"] for m in _EMPHASIS.finditer(kept) if _FIRST.match(_plain(m["said"]))]
        return read_words(chosen[0]) if len(chosen) == 1 else Said("", True, "")
    kept = _last_stage(kept)
    pieces = [p for p in _PIECES.split(_plain(kept)) if re.search(r"[^\W\d]", p)]
    found = [(kind, piece) for piece in pieces if (kind := _first_kind(piece))]
    if found and found[0][0] == "proposed":
        # What is proposed and not accepted is no rejection.
        found = [(k, p) for k, p in found if not (k == "rejected" and p.startswith("not "))]
    kinds = [kind for kind, _ in found]
    if kinds:
        first = _first_kind(pieces[0]) is not None
        kind = max(kinds, key=_RANK.index)
    else:
        first, kind = False, _kind_inside(kept)
    if not kind:
        return None
    if kind in ("other", "aside"):
        return Said(bare_words(kept), first and kind == "other", kind)
    return Said(_with_target(kept) if kind == "superseded" else kind, first, kind)


def is_placeholder(words: str) -> bool:
    """Whether this is a template's list of statuses to choose from."""
    if _PLACEHOLDER.search(_LINK.sub(lambda m: m["said"], words)):
        return True
    plain = _plain(words)
    listed = 2 if re.search(r"\b(?:such as|etc)\b", plain) else 4
    for mark, least in (("|", 2), ("/", 3), (",", listed)):
        parts = re.split(rf"{re.escape(mark)}|\b(?:or|oder|ou|o)\b", plain)
        if mark in plain and len({k for k in map(_first_kind, parts) if k}) >= least:
            return True
    return False


def bare_words(words: str) -> str:
    """`words` without Markdown, struck words and pictures, on one line."""
    text = _LINK.sub(lambda m: m["said"], _STRUCK.sub(" ", _pictures(words[:LONGEST])))
    text = html.unescape(re.sub(r"</?[a-z][^>]*>|:[a-z][a-z0-9_+-]*:", " ", text, flags=re.I))
    kept = (c for c in text if unicodedata.category(c) not in ("So", "Cf") and c != "\ufe0f")
    return " ".join("".join(kept).split()).strip("*_`~\"'> ")


def badge(words: str) -> str:
    """What a picture of a status says (`.../badge/status-accepted-green`), and else nothing."""
    found = _BADGE.search(words)
    said = unquote(found["said"]) if found else ""
    return said.replace("--", "-").replace("__", " ").replace("_", " ")


# --- inside ---------------------------------------------------------------------------------------


def _pictures(words: str) -> str:
    """`words` with a badge's status in the place of its picture."""
    return _LINK.sub(lambda m: badge(m["url"] or "") if m["mark"] else m[0], words)


def _plain(words: str) -> str:
    return " ".join(_MARKS.sub(" ", fold(bare_words(words))).split())


def _last_stage(words: str) -> str:
    """The last of the stages that arrows stand between; an arrow to a record says by which."""
    stages = [p for p in _ARROW.split(words) if p.strip()]
    if len(stages) > 1 and _REFERENCE.search(_plain(stages[-1])) and not _SAYS.search(stages[-1]):
        return " by ".join(stages[-2:])
    return stages[-1] if stages else ""


def _kind(found: re.Match[str]) -> str:
    return next(name for name in _KINDS if found[name] is not None)


def _first_kind(piece: str) -> str | None:
    """The kind of status that a piece begins with, behind a day or a mark."""
    bare = re.sub(r"\A[\W\d_]+", "", piece)
    found = _FIRST.match(bare)
    return _of_part(found, bare) if found else None


def _of_part(found: re.Match[str], text: str) -> str:
    """The kind; what ended only in part goes on."""
    kind = _kind(found)
    partly = found["part"] or _IN_PART.match(text, found.end())
    return "other" if partly and kind in ENDED else kind


def _kind_inside(words: str) -> str:
    """The kind of the first status inside a sentence; a named successor counts before all."""
    text = _plain(words)
    kinds = [
        _of_part(m, text)
        for m in _INSIDE.finditer(text)
        if not _NEGATED.search(text, 0, m.start()) and m[_kind(m)] not in VAGUE
    ]
    if "superseded" in kinds and _target(words):
        return "superseded"
    return kinds[0] if kinds else ""


def _with_target(words: str) -> str:
    target = _target(words)
    return f"superseded by {target}" if target else "superseded"


def _target(words: str) -> str:
    """By what something was superseded: ADR-NNNN, a file without a number, or nothing."""
    found = _SUPERSEDED.search(words)
    for part in (words[found.end() :] if found else words, words):
        for link in _LINK.finditer(part):
            name = PurePosixPath(unquote((link["url"] or "").partition("#")[0])).name
            number = split_name(name).number if name.endswith(".md") else None
            if number is not None:
                return f"ADR-{number:04d}"
            if said := _number_in(link["said"], re.compile(r"\A\W*0*(\d{1,6})(?!\w|[-.]?\d)")):
                return said
            if name.endswith(".md"):
                return name.removesuffix(".md")
        file = _FILE.search(part)
        if file and (number := split_name(file["name"]).number) is not None:
            return f"ADR-{number:04d}"
        if said := _number_in(part, _BY_NUMBER):
            return said
    return ""


def _number_in(words: str, otherwise: re.Pattern[str]) -> str:
    plain = _plain(words)
    found = _REFERENCE.search(plain) or otherwise.search(plain)
    return f"ADR-{int(next(filter(None, found.groups()))):04d}" if found else ""
