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

from archwright.agents.claims.owners import Names
from archwright.agents.claims.roles import (
    FROM_TO,
    NUMBER,
    UNITS,
    NumberRole,
    is_relative,
    kind_of,
    role_of,
    without_deviations,
)
from archwright.agents.claims.subjects import side, whose
from archwright.agents.claims.words import (
    METRIC,
    Mention,
    data_set_in,
    is_changed,
    known_data_sets,
    mentions,
)
from archwright.agents.plans import Claim, MissingPart

_NUMBER: Final = re.compile(NUMBER)
_CHANGES: Final = re.compile(
    r"\b(?:improv|increas|reduc|rais|ris|rose|drop|lower|decreas|boost|go|goes|went|push|bring|"
    r"brought|fall|fell|cut|grow|grew|degrad)\w*",
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
    r"(?P<who>(?!(?:the|an?) )[A-Za-z][^,.;:()]{1,60}?)"
    r"(?=\s+(?:by|on|with|at|and|is|was|which|whose|that)\b|[,;:()]|\.(?!\d)|$)"
)
_ON: Final = re.compile(
    rf"{UNITS}(?:[- ](?:{METRIC}))?\s+on\s+(?:the |our )?"
    r"(?P<what>(?-i:(?!Table|Figure|Section|Appendix)"
    r"\w[\w'-]*[A-Z\d][\w'-]*(?: [A-Z\d][\w-]*)*))",
    re.IGNORECASE,
)
_CUT: Final = re.compile(r"[;:]\s|,\s(?:and|while|but)\s")
_CLAUSE: Final = re.compile(r"[,;:]\s|\s(?:and|while|but|or)\s")
_WITHOUT: Final = re.compile(
    r"\b(?:without|w/o|removing|replacing|omitting|dropping|disabling)\b", re.IGNORECASE
)
_REMOVED: Final = re.compile(
    r"\b(?:is|are|was|were) (?:\w+ )?(?:removed|replaced|omitted|dropped|disabled|ablated|"
    r"left out)|"
    r"\b(?:when|if|after|by|on) (?:we |one )?(?:remov|replac|omit|dropp?|disabl|ablat)\w*",
    re.IGNORECASE,
)
_ABLATED: Final = re.compile(
    r"\b(?:without|w/o)(?:\s+(?:the|its|our|this|these|it)\b|\s*[.,;)]|\s*$)|" + _REMOVED.pattern,
    re.IGNORECASE,
)
_LOSS: Final = re.compile(r"\bloss(?:es)?\s+(?:of|is|was)\s+(?:only |about )?\$?$", re.IGNORECASE)
_LOSS_OF: Final = re.compile(
    r"\s+(?:(?:of|on|for|over|in|to)\s+[^,.;:]{1,60}?\s+)?(?:of|is|was)\s+(?:only |about )?\$?"
)
_TRAINING: Final = re.compile(r"\btrain(?:ing)?\b(?! (?:on|for|with))", re.IGNORECASE)
_MEASURED_ON: Final = re.compile(
    r"(?<!trained )(?<!train )(?<!training )"
    r"\b(?:on|over|of|to|for|(?:over)?fit\w*|memori[sz]\w*|interpolat\w*)\s+"
    r"(?:(?:the|its|our|all|seen)\s+)*(?:[\w-]+\s+)?"
    r"(?:(?P<training>train(?:ing)?)|test|valid\w+|dev\w*|held[- ]out|unseen)"
    r"[- ](?:set|data|split|samples?|examples?|images?|sentences?|points?)\b",
    re.IGNORECASE,
)
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
    found = list(_found(without_deviations(text), names, before))
    values = [claim for claim, reason in found if claim.kind == "value" and not reason]
    for claim, reason in found:
        if reason:
            yield MissingPart(what=f"claim: {claim.words} (quote: {text[:200]!r})", reason=reason)
        elif claim is (values[0] if values else None):
            yield _against(claim, text).model_copy(update={"quote": text})
        else:
            yield claim.model_copy(update={"quote": text})


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
        if role == "difference" and _is_loss(text, mention, match):
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
        method, reason = whose(text, match.span(), mention, names, before)
        if role in ("value", "to"):
            reason = reason or _unsure(text, mention, match, role)
        baseline = "" if claim.baseline == method else claim.baseline
        yield claim.model_copy(update={"method": method, "baseline": baseline}), reason


def _is_loss(text: str, mention: Mention, match: re.Match[str]) -> bool:
    """Whether a number is a value of what networks are trained by, and none that was lost."""
    between = text[mention.end : match.start()]
    own = mention.metric.name == "loss" and _LOSS_OF.fullmatch(between)
    return bool(own or _LOSS.search(text[: match.start()]))


def _unsure(text: str, mention: Mention, match: re.Match[str], role: NumberRole) -> str:
    """Why a value is not to be vouched for; empty where it is."""
    begin, end = min(match.start(), mention.start), max(match.end(), mention.end)
    start, stop = side(text, match.start())
    numbers = [m.span() for m in _NUMBER.finditer(text)]
    behind = text[end : min((n for n, _ in numbers if end <= n < stop), default=stop)]
    ahead = text[max((n for _, n in numbers if n <= begin), default=0) : begin]
    if _is_ablated(text[start:stop], ahead, behind, role):
        return "it is measured without a part of the method"
    named = text[max(0, mention.start - 20) : mention.end]
    if _TRAINING.search(named) or _on_training_data(text[:begin], behind):
        return "it is measured on the training data"
    if mention.start < match.start() and is_changed(text, mention):
        return "it is a change of the metric, or what it costs"
    if _BOUND.search(text[max(0, match.start() - 20) : match.start()]):
        return "it is a bound or a rounded number"
    if re.search(r"\brespectively\b", text):
        return "the sentence pairs several numbers with several names"
    return ""


def _is_ablated(clause: str, ahead: str, behind: str, role: NumberRole) -> bool:
    """Whether a part of the method is left out for a number, by the words around it."""
    if _WITHOUT.match(clause) or _REMOVED.search(ahead) or _ABLATED.search(behind):
        return True
    return role == "to" and _WITHOUT.search(clause) is not None


def _on_training_data(ahead: str, behind: str) -> bool:
    """Whether the split that is named nearest to a number, behind it or else before it, is the one
    for training."""
    said = _MEASURED_ON.search(behind) or next(reversed(list(_MEASURED_ON.finditer(ahead))), None)
    return said is not None and said["training"] is not None


def _inside(match: re.Match[str], named: list[Mention]) -> bool:
    """Whether a number is part of a metric's name."""
    return any(m.start <= match.start() < m.end for m in named)


def _metric_of(
    text: str, match: re.Match[str], named: list[Mention], role: NumberRole
) -> Mention | None:
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
    text: str, mention: Mention, match: re.Match[str], unit: str, role: NumberRole
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
