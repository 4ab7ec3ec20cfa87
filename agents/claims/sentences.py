"""Claims in sentences: values, and differences with both their ends.

A number is a value where it stands beside the name of a metric and no words make a difference of
it: "by over 2 BLEU", "0.9 BLEU worse", "a gain of 1.5 points". "From 71.2 to 73.4" is the value
73.4 against 71.2. What a sentence reports of others, supposes, aims at or gets by chance is told
with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from archwright.agents.claims.layout import is_cited
from archwright.agents.claims.owners import OURS, Names
from archwright.agents.claims.roles import (
    FROM_TO,
    NUMBER,
    UNITS,
    Role,
    is_relative,
    kind_of,
    role_of,
)
from archwright.agents.claims.words import METRIC, Mention, data_set_in, known_data_sets, mentions
from archwright.agents.plans import Claim, MissingPart

_NUMBER: Final = re.compile(NUMBER)
_CHANGES: Final = re.compile(
    r"\b(?:improv|increas|reduc|rais|ris|rose|drop|lower|decreas|boost|go|goes|went|push|bring|"
    r"brought|fall|fell|cut|grow|grew|degrad)\w*",
    re.IGNORECASE,
)
_SUPPOSED: Final = re.compile(
    r"\b(?:would|could|might|should|hypothetical\w*|suppose\w*|assum\w+|goal|target|aims?|"
    r"threshold|chance|random(?:ly)? guess\w*|upper bound|hope|desired|required?|requires|"
    r"if (?:we|it|one)|until|(?:epochs?|steps?|time|hours?|iterations?) (?:needed |required )?to|"
    r"at least \d[\d.]*\s*\\?% (?:is|to)|ideal(?:ly)?|in theory)\b",
    re.IGNORECASE,
)
_REPORTED: Final = re.compile(
    r"\bet al\b|\b(?:previous|prior|earlier|existing|published|reported|concurrent|original) "
    r"(?:\w+ )?(?:works?|papers?|results?|methods?|models?|best|record|systems?|authors)\b"
    r"[^,;]{0,60}?\b(?:reach|report|achiev|obtain|attain|get|got|is|was|are|were|of)\w*|"
    r"\b(?:they|others|the authors) (?:report|reach|achiev|obtain|attain|get|claim)",
    re.IGNORECASE,
)
_LINKED: Final = re.compile(
    r"(?:\s+(?!by\b|from\b|than\b)[\w()/.-]+){0,6}?\s*"
    r"(?:\bof|\bto|\bis|\bwas|\bare|=|:|\bat|\breaches|\breached)\s+"
    r"(?:about |only |around |now )?\$?$"
)
_BESIDE: Final = re.compile(
    rf"{UNITS}\$?\s+"
    r"(?:(?!(?:and|or|for|of|to|in|with|at|on|by|the|but|while)\b)[A-Za-z0-9-]+\s+){0,2}?$",
    re.IGNORECASE,
)
_OTHER: Final = re.compile(
    r"\b(?:against|versus|vs\.?|compared (?:with|to)|than)\s+(?:only |about |the )?"
    rf"{NUMBER}{UNITS}\s*"
    r"(?:(?:for|of|by|with|in)\s+(?:the |a |an )?(?P<who>[A-Za-z][^,.;:()]{1,60}))?"
)
_BASELINE: Final = re.compile(
    r"\b(?:against|versus|vs\.?|compared (?:with|to)|than|over|outperform(?:s|ed|ing)?|"
    r"surpass(?:es|ed|ing)?|beat(?:s|ing)?)\s+(?:the |a |an |that of )?"
    r"(?P<who>[A-Za-z][^,.;:()]{1,60}?)(?=\s+(?:by|on)\b|[,.;:()]|$)"
)
_ON: Final = re.compile(
    rf"{UNITS}(?:[- ](?:{METRIC}))?\s+on\s+(?:the |our )?"
    r"(?P<what>(?-i:(?!Table|Figure|Section|Appendix)"
    r"\w[\w'-]*[A-Z\d][\w'-]*(?: [A-Z\d][\w-]*)*))",
    re.IGNORECASE,
)
_CUT: Final = re.compile(r"[;:]\s|,\s(?:and|while|but)\s")
_CLAUSE: Final = re.compile(r"[,;:]\s|\s(?:and|while|but|or)\s")
_SUBJECT: Final = re.compile(
    r"(?:(?:We|we) (?:show|find|see) (?:that )?)?(?:While |Although |In particular, |Notably, )?"
    r"(?:The |the |Our |our )?(?P<who>[A-Za-z][\w()/+. -]{1,50}?)\s+(?:model\s+|network\s+)?"
    r"(?:reach|achiev|establish|obtain|attain|get|score|yield|has |gives?|is |was |improves?|"
    r"outperforms?)\w*"
)
_RIVAL: Final = re.compile(
    r"\b(?:baselines?|vanilla|random|chance|majority)\b|^human\b", re.IGNORECASE
)
_WITHOUT: Final = re.compile(r"(?:without|removing|replacing|omitting|dropping)\b", re.IGNORECASE)
_CONTRAST: Final = re.compile(r"(?:[,;]\s+|\s)(?:while|whereas|but)\s|;\s", re.IGNORECASE)
_ITS: Final = re.compile(
    r"\s+of\s+(?:the |a |an )?(?P<who>[A-Za-z][\w()/+.-]*(?: [\w()/+.-]+){0,4}?)"
    r"\s+(?:on\s+\S+\s+)?(?:is|was|are|were)\s+(?:only )?\$?"
)
_LOSS: Final = re.compile(r"\bloss(?:es)?\s+(?:of|is|was)\s+(?:only |about )?\$?$", re.IGNORECASE)
_TRAINING: Final = re.compile(r"\btrain(?:ing)?\b(?! (?:on|for|with))", re.IGNORECASE)
_BOUND: Final = re.compile(
    r"(?:\b(?:over|above|below|under|more than|less than|at least|at most|about|around|roughly|"
    r"nearly|almost|approximately|close to)\s*|[~∼<>≈]\s*)\$?$",
    re.IGNORECASE,
)
_COST: Final = re.compile(
    r"\b(?:param(?:eter)?s?|[GMT]?FLOPs?|MACs|latency|throughput|speed|time|runtime|memory|sizes?|"
    r"compute|computation|energy|data|labels|weights|faster|slower)\b",
    re.IGNORECASE,
)
_ASIDE: Final = re.compile(r"\b(?:at|with|without|while|for|and|but|keeping)\b", re.IGNORECASE)
_SENTENCE_AT_MOST: Final = 1000


def sentence_claims(text: str, names: Names, before: str = "") -> Iterator[Claim | MissingPart]:
    """The claims of one sentence, which is their quote, and what of it is none for which reason.

    Args:
        names: what the paper calls its own.
        before: the sentence before it, which says what "it" is.
    """
    if len(text) > _SENTENCE_AT_MOST:
        return
    found = list(_found(text, names, before))
    values = [claim for claim, reason in found if claim.kind == "value" and not reason]
    for claim, reason in found:
        if reason:
            yield MissingPart(what=f"claim: {claim.words} (quote: {text[:200]!r})", reason=reason)
        elif claim is (values[0] if values else None):
            yield _against(claim, text)
        else:
            yield claim


def _disowned(text: str) -> str:
    """Why a sentence's results are not the paper's own; empty where they are."""
    if _SUPPOSED.search(text):
        return "the sentence supposes it, aims at it, or it is what chance gives"
    if _REPORTED.search(text) and not OURS.search(re.split(r"\b(?:than|over|report)", text)[0]):
        return "it is reported of others"
    subject = _SUBJECT.match(text)
    if subject and _RIVAL.search(subject["who"]):
        return "it is a baseline's"
    if subject and is_cited(text[: subject.end() + 1]) and not OURS.search(subject[0]):
        return "it is reported of others"
    return ""


def _found(text: str, names: Names, before: str) -> Iterator[tuple[Claim, str]]:
    """The claims of a sentence, each with the reason why it is none."""
    named = list(mentions(text))
    for match in _NUMBER.finditer(text):
        role = role_of(text, match.start(), match.end())
        if role in ("none", "from", "other"):
            continue
        if role == "to" and not _CHANGES.search(text):
            continue
        mention = _metric_of(text, match, named, role)
        if mention is None or _inside(match, named):
            continue
        if role == "difference" and _LOSS.search(text[: match.start()]):
            if mention.metric.name != "loss":
                continue
            role = "value"
        # "1.13 bits per character": the bits are the metric's
        end = mention.start if mention.start > match.end() else None
        unit = re.match(UNITS, text[match.end() : end])
        said = " ".join(unit["unit"].replace("\\", "").split()) if unit else ""
        said = said.replace("percent", "%").strip("- ")
        claim = _claim(text, mention, match, said, role)
        if claim is None:
            continue
        start, stop = _side(text, match.start())
        part = text[start:stop]
        method = _owner_of_metric(text[mention.end : match.start()]) or _method(
            part, names, before if start == 0 else ""
        )
        reason = _disowned(part)
        if role == "value" and not reason:
            reason = _unsure(text, mention, match)
        reason = reason or ("it is a baseline's" if _RIVAL.search(method) else "")
        yield claim.model_copy(update={"method": method}), reason


def _side(text: str, place: int) -> tuple[int, int]:
    """The part of a sentence around a place, between words that set one thing against another."""
    start = max((m.end() for m in _CONTRAST.finditer(text) if m.end() <= place), default=0)
    stop = _CONTRAST.search(text, place)
    return start, stop.start() if stop else len(text)


def _owner_of_metric(between: str) -> str:
    """Whose value it is: "accuracy of ResNet-50 is". What the paper calls ours stays so."""
    found = _ITS.fullmatch(between)
    if found is None or OURS.search(found["who"]) or known_data_sets(found["who"]):
        return ""
    return found["who"]


def _unsure(text: str, mention: Mention, match: re.Match[str]) -> str:
    """Why a value is not to be vouched for; empty where it is."""
    if _WITHOUT.match(text[_side(text, match.start())[0] :]):
        return "it is measured without a part of the method"
    if _TRAINING.search(text[max(0, mention.start - 20) : mention.end]):
        return "it is measured on the training data"
    if _BOUND.search(text[max(0, match.start() - 20) : match.start()]):
        return "it is a bound or a rounded number"
    if re.search(r"\brespectively\b", text):
        return "the sentence pairs several numbers with several names"
    return ""


def _inside(match: re.Match[str], named: list[Mention]) -> bool:
    """Whether a number is part of a metric's name."""
    return any(m.start <= match.start() < m.end for m in named)


def _metric_of(text: str, match: re.Match[str], named: list[Mention], role: Role) -> Mention | None:
    """The metric that a number is of: the one right behind it, one before it with a word that links
    them, or for a difference the only one of its clause."""
    named = [m for m in named if not _doubled(text, m, named)]
    for mention in named:
        between = text[match.end() : mention.start]
        if mention.start >= match.end() and len(between) < 60 and _BESIDE.match(between):
            return mention
    for mention in reversed(named):
        between = text[mention.end : match.start()]
        if mention.end <= match.start() and len(between) < 90 and _LINKED.fullmatch(between):
            return mention
    if role == "value":
        return None
    start = max((m.end() for m in _CUT.finditer(text, 0, match.start())), default=0)
    stop = _CUT.search(text, match.end())
    end = stop.start() if stop else len(text)
    near = [m for m in named if start <= m.start and m.end <= end and _is_its(text, match, m)]
    return near[0] if len({m.metric.name for m in near}) == 1 else None


def _is_its(text: str, match: re.Match[str], mention: Mention) -> bool:
    """Whether a difference may be one of this metric, and not of a cost beside it: "a 40% reduction
    in FLOPs at the same accuracy"."""
    behind = mention.start >= match.end()
    between = (
        text[match.end() : mention.start]
        if behind
        else text[mention.end : match.start()].rpartition(", ")[2]
    )
    rest = "" if behind else text[match.end() : match.end() + 40]
    return not (_COST.search(between + rest) or (behind and _ASIDE.search(between)))


def _doubled(text: str, mention: Mention, named: list[Mention]) -> bool:
    """Whether a metric is one of two that share a number's place: "bpc/perplexity to 0.99"."""

    def between(other: Mention) -> str:
        return text[min(mention.end, other.end) : max(mention.start, other.start)].strip()

    return any(o.metric != mention.metric and between(o) in ("/", "or") for o in named)


def _claim(
    text: str, mention: Mention, match: re.Match[str], unit: str, role: Role
) -> Claim | None:
    metric = mention.metric
    value = to_float(match["number"])
    if metric.most and abs(value) > metric.most:
        return None
    baseline = _BASELINE.search(text)
    claim = Claim(
        metric=metric.name,
        value=value,
        unit=unit,
        direction=metric.direction,
        data_set=_data_set(text, *match.span()),
        baseline=baseline["who"].strip() if baseline else "",
        quote=text,
    )
    if role == "difference":
        kind = kind_of(text, *match.span(), metric.direction)
        unit = f"{unit} relative".strip() if is_relative(text, *match.span()) else unit
        return claim.model_copy(update={"value": abs(value), "kind": kind, "unit": unit})
    for change in FROM_TO.finditer(text):
        if change.start("second") == match.start():
            return claim.model_copy(update={"baseline_value": to_float(change["first"])})
    return claim


def _data_set(text: str, start: int, end: int) -> str:
    """The data set that stands right behind a number, else that of its clause, else the sentence's
    first; a name behind it that nobody knows is taken as it is."""
    behind = _ON.match(text[end:])
    if behind:
        return next(iter(known_data_sets(behind["what"])), "") or behind["what"]
    begin = max((m.end() for m in _CLAUSE.finditer(text[:start])), default=0)
    stop = _CLAUSE.search(text, end)
    clause = text[begin : stop.start() if stop else None]
    return next(iter(known_data_sets(clause)), "") or data_set_in(text)


def _method(text: str, names: Names, before: str) -> str:
    """What a sentence is about: its subject by name, else `ours` or the name in it."""
    subject = _SUBJECT.match(text)
    who = subject["who"].strip() if subject else ""
    pronoun = who.lower() in ("it", "this", "that", "they", "") or any(mentions(who))
    if names.named_in(who):
        return who
    if pronoun and (named := names.named_in(text)):
        return named
    own = OURS.search(subject[0]) if subject else None
    if own or (pronoun and (OURS.search(text) or OURS.search(before) or names.named_in(before))):
        return "ours"
    return "" if pronoun else who


def _against(claim: Claim, text: str) -> Claim:
    """A value with the value of what it is compared with: "against 62.1 % for linear attention"."""
    other = _OTHER.search(text)
    if other is None or claim.baseline_value is not None:
        return claim
    role = role_of(text, *other.span("number"))
    if to_float(other["number"]) == claim.value or role not in ("value", "other"):
        return claim
    who = (other["who"] or "").strip() or claim.baseline
    return claim.model_copy(update={"baseline": who, "baseline_value": to_float(other["number"])})


def to_float(number: str) -> float:
    """A number as it is printed."""
    return float(number.rstrip(".,").replace(",", "").replace("−", "-"))
