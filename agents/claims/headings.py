"""What the heading of a column says besides its metric: a data set, a size, a condition."""

from __future__ import annotations

import re
from typing import Final

from archwright.agents.claims.words import is_quantity, known_data_sets, mentions, without_split

AVERAGE: Final = re.compile(r"\b(?:average|avg|mean)\b\.?", re.IGNORECASE)
_DULL: Final = re.compile(
    r"\b(?:scores?|overall|final|best|mean|results?|performance|the|of|on|in|set|data ?set|task|"
    r"single|crop|zero-shot|few-shot)\b\.?|\([^()]*\)|\[[^\]]*\]|[↑↓%()\[\]:,;@/]|"
    r"\b(?:up|down)arrow\b",
    re.IGNORECASE,
)  # fmt: skip
SIZE: Final = re.compile(r"\d[\d.,]*\s?(?:[kKMGBT]|px|x\d+)?|(?:\d+[- ]way[, ]*)?\d+[- ][sS]hots?")
DEVIATION: Final = re.compile(r"(?:std|sd|s\.d|stdev|standard deviation|σ|sigma)\.?", re.IGNORECASE)
_HOLLOW: Final = re.compile(r"\(\W*\w?\W*\)")
"""Brackets whose metric was taken out."""


def rest_of(part: str) -> str:
    """What a heading says besides its metric, its split and its unit."""
    if is_quantity(part):
        return ""
    if AVERAGE.fullmatch(part):
        return part
    for mention in reversed(list(mentions(part))):
        part = f"{part[: mention.start]} {part[mention.end :]}"
    part = _HOLLOW.sub(" ", part)
    if known := known_data_sets(part):
        return " ".join(part.split()) if part.startswith(known[0]) else known[0]
    kept = " ".join(_DULL.sub(" ", without_split(part)).split()).strip(" -.")
    return kept if re.search(r"[A-Za-z]", kept) or SIZE.fullmatch(kept) else ""


def is_setting(head: str) -> bool:
    """Whether a column says how a row was set up, rather than what it costs."""
    return (
        re.search(
            r"\b(?:size|resolution|length|context|layers?|width|steps?|epochs?|tokens|bits)\b",
            head,
            re.I,
        )
        is not None
    )
