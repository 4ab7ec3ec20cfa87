"""What the heading of a column says besides its metric: data, a size, a condition, a scale."""

from __future__ import annotations

import re
from collections.abc import Iterable
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
_PARTITION: Final = re.compile(
    r"(?i:clean|other|noisy|seen|unseen|matched|mismatched|easy|medium|hard|challenge|"
    r"in[- ]domain|out[- ]of[- ]domain|iid|ood)|[A-Z]"
)
_PARTITIONED: Final = re.compile(
    r"LibriSpeech.*\n(?:clean|other)|(?:Multi|M)NLI.*\n(?:mis)?matched", re.IGNORECASE
)
_POWER: Final = r"(?:10\s*\$?\s*(?:\^|\*\*)\s*\{?\s*[-−–+]?\s*\d|10[⁻⁺]?[⁰¹²³⁴-⁹]|1[eE][-−+]?\d)"
_TIMES: Final = r"(?:×|\\times|\\cdot|·|[*x])"
_FACTOR: Final = rf"(?<![\w.-])(?:{_POWER}|{_TIMES}\s*\$?\s*10{{1,6}}\b|[/÷]\s*10{{1,6}}\b)"
_SCALED: Final = re.compile(
    rf"{_FACTOR}|{_TIMES}\s*\$?\s*{_POWER}|\bin (?:thousand|million|hundred)(?:th)?s\b|"
    r"\b(?:multiplied|divided|scaled)\b"
)
_SCALED_THERE: Final = re.compile(
    rf"\b(?:multiplied|divided|scaled)\s+(?:up |down )?(?:by|with)\b|\bin units of\b|"
    rf"(?<![\d.])(?<![\d.]\s){_TIMES}\s*\$?\s*(?:{_POWER}|10{{1,6}}\b)|"
    rf"\b(?:values?|numbers|results|scores|errors|all)\b[^.;]{{0,40}}\b(?:in|of|by)\s+\$?\s*{_POWER}|"
    r"\b(?:reported|shown|given|values?|are|is) in (?:thousand|million|hundred)(?:th)?s\b"
)


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


def is_partition(rest: str, split: str, caption: str) -> bool:
    """Whether a word beside a split, or over a column, names a part of one data set: the `clean` of
    LibriSpeech's test-clean."""
    if not _PARTITION.fullmatch(rest):
        return False
    return bool(split) or _PARTITIONED.search(f"{caption}\n{rest}") is not None


def is_scaled(headings: Iterable[str], caption: str, metric: str) -> bool:
    """Whether the numbers under some headings are multiples of what they are values of, as the
    headings say, or a sentence of the caption that names their metric or none."""
    if any(_SCALED.search(heading) for heading in headings):
        return True
    for sentence in re.split(r"[.;]\s", caption):
        about = {mention.metric.name for mention in mentions(sentence)} - {"error"}
        if _SCALED_THERE.search(sentence) and (not about or metric in about):
            return True
    return False
