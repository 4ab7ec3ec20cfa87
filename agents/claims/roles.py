"""What a number in a sentence is: a value, a difference, an end of a change, the value of another
that a result is compared with, or none of these."""

from __future__ import annotations

import re
from typing import Final, Literal

from archwright.agents.claims.words import METRIC
from archwright.agents.plans import ClaimKind

NumberRole = Literal["value", "difference", "from", "to", "other", "none"]

NUMBER: Final = (
    r"(?P<number>(?<![\w.,])(?<![^\W\d][-−])[-−+]?"
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\w^]|[.,]\d))"
)
"""A number that is part of no name: no `F1`, `top-5`, `ResNet50` and `v2.1`."""
_UNIT: Final = (
    r"(?:\s*\\?%|\s*percent\b|(?:[- ](?:absolute|percentage))?[- ]points?\b|\s*pp\b|"
    r"\s*bits\b|\s*nats\b)"
)
UNITS: Final = rf"(?P<unit>{_UNIT}?(?:[- ]points?\b)?)"

_UP: Final = r"(?:better|higher|more|above|ahead|greater|larger|over)"
_DOWN: Final = r"(?:worse|lower|less|fewer|below|behind|smaller|under|short of)"
_RISE: Final = r"(?:gain|improvement|increase|boost|lift|advantage|rise|uplift)s?"
_DROP: Final = r"(?:drop|decrease|reduction|decline|degradation|deficit|penalt(?:y|ie))s?"
_FALL: Final = rf"(?:{_DROP}|loss(?:es)?)"
_APART: Final = (
    r"(?:gap|margin|difference|change|discrepanc(?:y|ie)|disparit(?:y|ie)|delta|"
    r"distance|trade-?off)s?"
)
_PRICE: Final = r"(?:costs?|price|tax|sacrifice)"
_OVER: Final = (
    r"(?:(?:between|for|across|among|from|over|to|with|on|by|in|of|due to)\s+[^,.;:()]{1,60}?\s+)?"
)
"""What a difference is one of, or between."""
_MORE: Final = (
    r"(?:(?:over|about|around|roughly|nearly|almost|only|just|more than|less than|at least|"
    r"at most|up to|approximately|some|another|an?|the|as much as|absolute|relative|average|"
    r"additional|additionally|further|a further|~|∼|\\sim|\$)\s*)*"
)
_BEFORE: Final = re.compile(
    rf"(?:\bby\s+{_MORE}|"
    # A loss on data is no difference, but what networks are trained by.
    rf"\b(?:(?:{_RISE}|{_DROP}|{_APART}|{_PRICE})\s+{_OVER}|"
    rf"loss(?:es)?\s+(?:(?:in|of)\s+[\w -]{{1,30}}?\s+)?)(?:of|is|was|=)\s+{_MORE}|"
    rf"\bwithin\s+{_MORE}|\bcost(?:s|ing)?\s+(?:of\s+)?{_MORE}|"
    rf"\b(?:gain(?:s|ed|ing)?|improv(?:es|ed|ing)|loses?|lost|sacrific(?:es|ed|ing)|"
    rf"gives? up|forfeits?|differs?|at the (?:expense|price) of)\s+{_MORE})$",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    rf"{UNITS}(?:[\s-]+(?:(?:{METRIC})|points?|absolute|relative|on average))*[\s-]+"
    rf"(?:{_UP}|{_DOWN}|{_RISE}|{_FALL}|{_APART}|{_PRICE}|apart|away)\b"
    r"(?!\s+(?:\d|five|three|ten|\w+ seeds|\w+ runs))",
    re.IGNORECASE,
)
_WORSE: Final = re.compile(
    r"\b(?:worse|degrad\w+|behind|loses?|lost|hurts?|deteriorat\w+|costs?|costing|price|tax|"
    r"sacrific\w+|gives? up|forfeits?|at the expense)\b",
    re.IGNORECASE,
)
_LOWER: Final = re.compile(
    r"\b(?:lower\w*|reduc\w+|drop\w*|decreas\w+|declin\w+|less|fewer|below|cut\w*|smaller|"
    rf"{_FALL})\b",
    re.IGNORECASE,
)
_HIGHER: Final = re.compile(
    r"\b(?:higher|rais\w+|increas\w+|rises?|more|above|larger|greater|boost\w*)\b",
    re.IGNORECASE,
)
_BETTER: Final = re.compile(
    r"\b(?:better|improv\w+|outperform\w*|surpass\w*|exceed\w*|gain\w*|beat\w*|ahead|"
    r"boost\w*)\b",
    re.IGNORECASE,
)
FROM_TO: Final = re.compile(
    r"\bfrom\s+(?P<first>[-−]?\d[\d.,]*\d|\d)\s*(?:\\?%|points?)?(?:\s+[A-Za-z0-9-]+){0,2}?"
    r"\s+to\s+(?:only |just |about )?(?P<second>[-−]?\d[\d.,]*\d|\d)"
)
_SETTING: Final = re.compile(
    r"\s*(?:[kKMB]\b|[×x]\b|(?:×|·|\\cdot)\s*10|\\times|-?\s*(?:layers?|epochs?|steps?|seeds?|runs?|times?|"
    r"parameters?|params|GPUs?|TPUs?|hours?|days?|tokens?|classes|samples?|examples?|images?|ms|"
    r"GB|MB|heads?|units|tasks?|data ?sets?|languages?|iterations?|G?FLOPs|bit|dimensions?|"
    r"fold)\b)"
)
_REFERENCE: Final = re.compile(
    r"\b(?:Tables?|Sections?|Sec\.|Figures?|Figs?\.|Eqs?\.|Equations?|Appendix|Chapter|Algorithm|"
    r"Theorem|version|layers?|steps?|epochs?|dropout(?: rate)?|temperature|seeds?|weight|top|page)"
    r"\s*(?:of |=\s*)?[(]?$",
    re.IGNORECASE,
)
_PAIRED: Final = re.compile(r"\s*\\?%?\s*/\s*\d")
"""One of two numbers that share a place: 91.2/88.4."""
_SIGN: Final = r"(?:±|\\pm(?![a-z])|\+\s?/?\s?[-−–]|plus(?:/|[ -](?:or[ -])?)minus)"
_DEVIATION: Final = re.compile(
    rf"(?P<unit>\s*\\?%)?\s*\$?\s*(?:\(\s*\$?{_SIGN}\$?\s*\d[\d.]*\s*(?:\\?%)?\s*\)|"
    r"\(\s*(?:std\.?|s\.?d\.?|s\.?e\.?m?\.?|σ)\s*[:=]?\s*\d[\d.]*\s*(?:\\?%)?\s*\)|"
    r"[\^_]\{\s*\+[^{}]*\}(?:\s*_\{[^{}]*\})?|\s\+\d[\d.]*\s?/?\s?[-−–]\s?\d+(?:\.\d+)?|"
    rf"\$?{_SIGN}\$?\s*\d+(?:\.\d+)?(?(unit)(?:\s*\$?\s*\\?%)?))\$?",
    re.IGNORECASE,
)
_SPREAD: Final = re.compile(
    r"\b(?:standard (?:deviation|error)s?|std\.?|variances?|intervals?|error bars?)\b[^.;]{0,20}$|"
    r"\b(?:spread|range|variation|variability|fluctuation|uncertainty|deviation)s?\s+"
    rf"{_OVER}(?:of|is|was|are|were|=)\s+{_MORE}$",
    re.IGNORECASE,
)
_VERB: Final = (
    r"\b(?:reach|achiev|obtain|attain|get|scor(?:es|ed|ing)\b|yield|giv|establish|has\b|have\b|"
    r"is\b|are\b|was\b|were\b|show|produc|improv|rais|increas|lower|reduc)"
)
COMPARED: Final = re.compile(
    r"\b(?:than|versus|vs\.?|against|compared (?:with|to)|in contrast (?:with|to)|as opposed to|"
    r"relative to|unlike|instead of|(?:up|down) from)\s"
    rf"(?:(?!{_VERB})[^,;:()]){{0,60}}$|"
    r"\b(?:(?:surpass|exceed|outperform|outdo|beat|top(?:s|ped|ping)\b)\w*|"
    r"(?:improv|advanc|gain|increas)\w*\s+(?:on|upon|over)\b(?!\s+[\d.]+\s)|improv\w*\s+the\b)"
    rf"(?:\s+(?:(?!{_VERB}|\b(?:by|with|at|to|and|while)\b)[^,;:()\s])+){{0,8}}?\s+$|"
    r"\b(?:surpass|exceed|outperform|beat|improv)\w*\s+(?:on |upon |over )?(?:the |a |an )?"
    r"[^,.;:()]{0,40}\b(?:previous|prior|earlier|existing|published|best|record|baselines?|"
    rf"state[- ]of[- ]the[- ]art|SOTA)\b(?:(?!{_VERB})[^,.;:()]){{0,40}}$",
    re.IGNORECASE,
)
"""Before what a result is compared with, up to its number."""
_CONDITION: Final = re.compile(
    rf"{UNITS}\s+(?!(?:on|in|for|with|after|when|and|by|using|over|under|at|from|to|of|while|but|"
    r"or|compared|which)\b)[a-z]"
)
"""After a number that "at" makes a condition: at 50% sparsity."""
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_NEAR_BEFORE, _NEAR_AFTER = 100, 60


def without_deviations(text: str) -> str:
    """The text with blanks where it states a deviation, every other character in its place: the 0.2
    of "94.3 ± 0.2% accuracy" is no accuracy."""
    return _DEVIATION.sub(lambda m: (m["unit"] or "").ljust(len(m[0])), text)


def role_of(text: str, start: int, end: int) -> NumberRole:
    """What a number in a text is by the words around it; `value` where nothing makes it another."""
    text = without_deviations(text)
    for match in FROM_TO.finditer(text):
        if match.start("first") <= start < match.end("first"):
            return "from"
        if match.start("second") <= start < match.end("second"):
            return "to"
    before = re.sub(r"\s+", " ", text[max(0, start - 100) : start])
    after = text[end : end + 80]
    if _is_none(text[start:end], before, after):
        return "none"
    if _definite(before) and COMPARED.search(before):
        return "other"
    if text[start] == "+" or _BEFORE.search(before) or _AFTER.match(after):
        return "difference"
    if _REFERENCE.search(before) or _YEAR.fullmatch(text, start, end):
        return "none"
    if before.endswith("at ") and _CONDITION.match(after):
        return "none"
    return "other" if COMPARED.search(before) else "value"


def _is_none(number: str, before: str, after: str) -> bool:
    """Whether a number is a setting, a factor, one of a pair, or a deviation."""
    blank = not number.strip()
    paired = _PAIRED.match(after) is not None or before.endswith("/")
    factor = re.search(r"\b(?:scaled|multiplied|divided) by \$?$", before) is not None
    return bool(blank or factor or paired or _SETTING.match(after) or _SPREAD.search(before))


def _definite(before: str) -> bool:
    """Whether a number is one that is known: "improves over the 93.1% accuracy of ResNet"."""
    return re.search(r"\b(?:the|its|their)\s+\$?$", before) is not None


def kind_of(text: str, start: int, end: int, direction: str) -> ClaimKind:
    """Which way a difference goes, by the words around it, in a metric of that direction."""
    around = text[max(0, start - _NEAR_BEFORE) : end + _NEAR_AFTER]
    if _WORSE.search(around):
        return "worse by"
    if _BETTER.search(around):
        return "better by"
    up, down = bool(_HIGHER.search(around)), bool(_LOWER.search(around))
    if up == down or not direction:
        return "differs by"
    return "better by" if up == (direction == "higher") else "worse by"


def is_relative(text: str, start: int, end: int) -> bool:
    """Whether a difference is said to be relative."""
    around = text[max(0, start - _NEAR_BEFORE) : end + _NEAR_AFTER]
    return re.search(r"\brelative", around, re.IGNORECASE) is not None
