"""Whose a number in a sentence is: the words beside it tell, else the subject of its clause."""

from __future__ import annotations

import re
from typing import Final

from archwright.agents.claims.layout import is_cited
from archwright.agents.claims.owners import OURS, Names
from archwright.agents.claims.roles import COMPARED, UNITS
from archwright.agents.claims.words import Mention, known_data_sets, mentions

_NAME: Final = (
    r"(?!(?:The|A|An|In|On|At|For|From|With|Without|By|As|After|Before|Under|Using|Table|Tab|"
    r"Figure|Fig|Section|Sec|Appendix|Equation|Eq)\b)[A-Z][\w+./-]*(?: [A-Z\d][\w+.-]*){0,3}"
)
_VERB: Final = (
    r"(?:reach|achiev|establish|obtain|attain|get|score|yield|has\b|gives?\b|is\b|was\b|improves?\b|"
    r"outperforms?\b|surpass|exceed)\w*"
)
_HAS_VERB: Final = re.compile(rf"\b{_VERB}")
_SUPPOSED: Final = re.compile(
    r"\b(?:would|could|might|should|hypothetical\w*|suppose\w*|assum\w+|goal|target|aims?|"
    r"threshold|chance|random(?:ly)? guess\w*|upper bound|hope|desired|required?|requires|"
    r"if (?:we|it|one)|until|(?:epochs?|steps?|time|hours?|iterations?) (?:needed |required )?to|"
    r"at least \d[\d.]*\s*\\?% (?:is|to)|ideal(?:ly)?|in theory)\b",
    re.IGNORECASE,
)
_OLDER: Final = r"(?:previous|prior|earlier|existing|published|reported|concurrent|original|former)"
_REPORTED: Final = re.compile(
    rf"\bet al\b|\b{_OLDER} "
    r"(?:\w+ )?(?:works?|papers?|results?|methods?|models?|best|record|systems?|authors|"
    r"state[- ]of[- ]the[- ]art|SOTA)\b"
    r"[^,;]{0,60}?\b(?:reach|report|achiev|obtain|attain|get|got|is|was|are|were|of)\w*|"
    r"\b(?:they|others|the authors) (?:report|reach|achiev|obtain|attain|get|claim)",
    re.IGNORECASE,
)
_SUBJECT: Final = re.compile(
    r"(?:(?:[Ww]e|(?:Table|Tab\.|Figure|Fig\.) \S+|(?:[Oo]ur |[Tt]he |These )?results) "
    r"(?:show|find|see|observe|report|demonstrate|indicate|confirm)s? (?:that )?)?"
    r"(?:While |Although |In particular,? |Notably,? )?"
    r"(?:The |the |Our |our )?(?P<who>[A-Za-z][\w()/+. -]{1,50}?)\s+(?:model\s+|network\s+)?"
    + _VERB
)
_TOPIC: Final = re.compile(
    r"(?:While |Although )?(?:The |the )?(?P<who>[A-Z][\w+./-]*[A-Z\d][\w+./-]*)"
    r"(?:,\s|\s+(?:with|at|and its)\s)"
)
"""A name that a clause begins with, set apart from its verb: "ResNet, the strongest of them, …"."""
_RIVAL: Final = re.compile(
    r"\b(?:baselines?|vanilla|random|chance|majority)\b|^human\b", re.IGNORECASE
)
_BEST: Final = re.compile(
    rf"\b(?:{_OLDER}|state[- ]of[- ]the[- ]art|SOTA|best (?:known|other|\w+ so far)|competitors?|"
    r"rivals?)\b",
    re.IGNORECASE,
)
_CONTRAST: Final = re.compile(r"(?:[,;]\s+|\s)(?:while|whereas|but)\s|;\s", re.IGNORECASE)
_WHO: Final = rf"(?P<who>ours?\b|we\b|(?:our|the proposed)(?: [\w-]+){{1,3}}?|(?:the )?{_NAME})"
_ANOTHER: Final = re.compile(
    rf"(?:,\s+(?:and\s+)?|\s+and\s+)(?={_WHO}(?:\s+(?:model|network))?\s+"
    rf"(?:an?\s|\$?\d[\d.]*\s*\\?%|(?:also |even |only |still )?{_VERB}))"
)
"""Before the subject of a further clause, with or without its verb: ", and ResNet 93.1%"."""
_ELLIPTIC: Final = re.compile(rf"{_WHO}\s+(?:an?\s|\$?\d[\d.]*\s*\\?%)")
_ITS: Final = re.compile(
    r"\s+of\s+(?:the |a |an )?(?P<who>[A-Za-z][\w()/+.-]*(?: [\w()/+.-]+){0,4}?)"
    r"\s+(?:on\s+\S+\s+)?(?:is|was|are|were)\s+(?:only )?\$?"
)
_POSSESSIVE: Final = re.compile(rf"(?P<who>{_NAME})['’]s?\s+(?:[\w-]+\s+){{0,2}}\$?$")
_BRACKETED: Final = re.compile(rf"(?P<who>{_NAME})\s*\((?:with |at |an? )*\$?$")
_BY: Final = re.compile(
    rf"{UNITS}\$?(?:,?\s+the (?:result|value|score|record))?\s+(?:of|by)\s+(?:the |a |an )?"
    rf"(?P<who>{_NAME}|[a-z][\w-]*(?: [\w-]+){{0,3}})"
)
_RELATIVE: Final = re.compile(r",?\s+(?:which|that|whose)\s[^,;:()]*$")
_ANTECEDENT: Final = re.compile(rf"(?!(?:Table|Figure|Section|Appendix)\b){_NAME}$")


def whose(
    text: str, number: tuple[int, int], mention: Mention, names: Names, before: str
) -> tuple[str, str]:
    """The method that a number is of, and why it is none that the paper claims; empty where it may.

    Args:
        number: where it stands.
        mention: its metric.
        before: the sentence before it, which says what "it" is.
    """
    start, stop = side(text, number[0])
    part = text[start:stop]
    begin = min(number[0], mention.start)
    reason = _disowned(part) or _of_antecedent(text[start:begin], names)
    method = (
        _named_beside(text, number, mention)
        or _topic(part, names)
        or _subject(part, names, "" if start else before)
    )
    if _RIVAL.search(method) or (_BEST.search(method) and not OURS.search(part)):
        reason = reason or "it belongs to a baseline"
    return method, reason


def side(text: str, place: int) -> tuple[int, int]:
    """The clause around a place, between words that set one thing against another and subjects of
    their own."""
    cuts = [m.span() for m in _CONTRAST.finditer(text)]
    cuts += [
        m.span()
        for m in _ANOTHER.finditer(text)
        if not _is_measured(m["who"]) and _HAS_VERB.search(text, 0, m.start())
    ]
    start = max((end for _, end in cuts if end <= place), default=0)
    return start, min((begin for begin, _ in cuts if begin >= place), default=len(text))


def _is_measured(who: str) -> bool:
    """Whether a name is one of data or of a metric, and none of a method."""
    return bool(known_data_sets(who)) or any(mentions(who))


def _disowned(text: str) -> str:
    """Why a clause's results are not the paper's own; empty where they are."""
    if _SUPPOSED.search(text):
        return "the sentence supposes it, aims at it, or it is what chance gives"
    if _REPORTED.search(text) and not OURS.search(re.split(r"\b(?:than|over|report)", text)[0]):
        return "it is reported of others"
    subject = _SUBJECT.match(text)
    if subject and _RIVAL.search(subject["who"]):
        return "it belongs to a baseline"
    if subject and is_cited(text[: subject.end() + 1]) and not OURS.search(subject[0]):
        return "it is reported of others"
    return ""


def _of_antecedent(text: str, names: Names) -> str:
    """Why a number in a relative clause is of others: "outperforms ResNet, which reaches"."""
    found = _RELATIVE.search(text)
    if found is None:
        return ""
    main = text[: found.start()]
    if COMPARED.search(f"{main} ") and not names.named_in(main.split()[-1]):
        return "it is of what the result is compared with"
    named = _ANTECEDENT.search(main)
    if named and not (names.named_in(named[0]) or _is_measured(named[0]) or OURS.search(named[0])):
        return f"it is unclear whether it belongs to {named[0]!r}"
    return ""


def _named_beside(text: str, number: tuple[int, int], mention: Mention) -> str:
    """Whom the words right beside a number and its metric name: "ResNet's accuracy of 93.1%", "the
    93.1% accuracy of ResNet", "ResNet (93.1% accuracy)". What the paper calls ours stays so."""
    ahead = text[: min(number[0], mention.start)]
    its = _ITS.fullmatch(text[mention.end : number[0]])
    beside = (_POSSESSIVE.search(ahead), _BRACKETED.search(ahead))
    behind = _BY.match(text, max(number[1], mention.end))
    for found in (its, *beside, behind):
        if found is None or OURS.search(found["who"]) or _is_measured(found["who"]):
            continue
        if found is not behind or found["who"][0].isupper() or _is_rival(found["who"]):
            return found["who"].rstrip(".")
    return ""


def _is_rival(who: str) -> bool:
    return bool(_RIVAL.search(who) or _BEST.search(who))


def _topic(text: str, names: Names) -> str:
    found = _TOPIC.match(text)
    if found is None or _is_measured(found["who"]) or names.named_in(found["who"]):
        return ""
    return found["who"]


def _subject(text: str, names: Names, before: str) -> str:
    """What a clause is about: its subject by name, else `ours` or the name in it."""
    subject = _SUBJECT.match(text) or _ELLIPTIC.match(text)
    who = subject["who"].strip() if subject else ""
    measured = any(mentions(who))
    pronoun = who.lower() in ("it", "this", "that", "they", "") or measured
    if not measured and names.named_in(who):
        return who
    if pronoun and (named := names.named_in(text)):
        return named
    own = OURS.search(subject[0]) if subject else None
    if own or (pronoun and (OURS.search(text) or OURS.search(before) or names.named_in(before))):
        return "ours"
    return "" if pronoun else who
