"""The quote gate: a claim stands when its quote is in the paper and its number is in its quote.

The number must be what the claim makes of it as well: a value or a difference as the words around
it say, and in a row of a table one of the metric's column.

It is code, and the same for whoever read the paper. Whitespace and hyphenation at the ends of lines
are normalised on both sides, and nothing else. A claim that falls is not lost: it is listed among
what is missing, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from archwright.agents.claims.checking import CellCheck
from archwright.agents.claims.owners import OURS
from archwright.agents.claims.roles import role_of
from archwright.agents.plans import Claim, MissingPart, PaperPlan, PaperQuestion

# A digit that continues a word or a version ("ResNet50", "v2.1") is not a number of its own.
_NUMBER = re.compile(
    r"(?<![\w.])(?<![^\W\d_][-−])(?P<sign>[-−+])?(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:[eE](?P<e>[-+]?\d+))?"
    r"(?:\s*(?:×|x|·|\\times|\\cdot)\s*10\s*\^\s*\{?\s*(?P<power>[-−]?\d+)\}?)?"
)
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010\u2011\u00ad\ufffe]\s*(?=[^\W\d_])")
_PLAN_PARTS: Final = ("problem", "method", "architecture", "data", "recipe", "claims")
_SHORT_QUOTE: Final = 200


def gate(plan: PaperPlan, question: PaperQuestion) -> PaperPlan:
    """The plan with the claims that stand, marked where they contradict each other, and all else
    under `missing`."""
    texts = [_Text(section.text) for section in question.sections]
    cells = CellCheck(question)
    stand: list[Claim] = []
    gaps = list(plan.missing)
    for claim in plan.claims:
        place = _find(claim.quote, texts)
        reason = _fault(claim, place) or cells.fault(claim) or _fault_of_kind(claim)
        if reason or place is None:
            quote = " ".join(claim.quote.split())[:_SHORT_QUOTE]
            gaps.append(MissingPart(what=f"claim: {claim.words} (quote: {quote!r})", reason=reason))
            continue
        section = question.sections[place[0]]
        page = section.page and section.page + texts[place[0]].pages_before(place[1])
        seen = {"section": section.name, "page": page, "id": f"c{len(stand) + 1}"}
        if claim.table and claim.table not in {t.label for t in question.tables}:
            seen["table"] = ""
        stand.append(claim.model_copy(update=seen))
    checked = plan.model_copy(update={"claims": _with_conflicts(stand)})
    gaps += [g for g in _unsaid(checked, question) if g.what not in {gap.what for gap in gaps}]
    return checked.model_copy(update={"missing": tuple(gaps)})


def _fault(claim: Claim, place: tuple[int, int] | None) -> str:
    if not claim.quote.strip():
        return "it has no quote"
    if place is None:
        return "its quote is not in the paper"
    if not any(_same(claim.value, number) for number in numbers(claim.quote)):
        return "its number is not in its quote"
    return ""


def _fault_of_kind(claim: Claim) -> str:
    """Whether the quote makes a value of the number, or a difference, as the claim says."""
    roles = {
        role_of(claim.quote, match.start(), match.end())
        for match, number in _numbers(claim.quote)
        if _same(claim.value, number) or _same(-claim.value, number)
    }
    if claim.kind == "value" and roles == {"difference"}:
        return "its number is a difference in its quote, and no value of the metric"
    if claim.kind != "value" and "difference" not in roles:
        return "its quote says its number as a value, and no difference"
    if claim.kind == "value" and roles == {"from"} and OURS.search(claim.method):
        return "its number is what the change in its quote starts from"
    if claim.kind == "value" and roles == {"other"} and OURS.search(claim.method):
        return "its number is what the result in its quote is compared with"
    return ""


def numbers(text: str) -> Iterator[Decimal]:
    """The numbers that a text states, as they stand: `1,200`, `−0.3`, `1e-3`, `3.3 × 10^{18}`."""
    return (number for _, number in _numbers(text))


def _numbers(text: str) -> Iterator[tuple[re.Match[str], Decimal]]:
    for match in _NUMBER.finditer(text):
        power = int((match["power"] or "0").replace("−", "-")) + int(match["e"] or 0)
        if abs(power) > 300:
            continue
        value = Decimal(match["digits"].replace(",", "")).scaleb(power)
        yield match, -value if match["sign"] in ("-", "−") else value


def _same(value: float, number: Decimal) -> bool:
    try:
        return Decimal(repr(value)) == number
    except InvalidOperation:
        return False


class _Text:
    """A section's text, normalised, with the place in the original of each character."""

    def __init__(self, text: str) -> None:
        self.normal, self._places = _normalise(text)
        self._original = text

    def find(self, quote: str) -> int | None:
        """Where a normalised quote begins in the original, whole words only."""
        start = self.normal.find(quote)
        while start >= 0:
            end = start + len(quote)
            if not (self._cuts(start) or self._cuts(end)):
                return self._places[start]
            start = self.normal.find(quote, start + 1)
        return None

    def _cuts(self, at: int) -> bool:
        """Whether a word or a number goes on over this place: `1.2` is not quoted from `21.25`."""
        around = self.normal[max(0, at - 2) : at + 2]
        pair = self.normal[max(0, at - 1) : at + 1]
        digits = at > 1 and re.fullmatch(r"\d[.,]\d.?|.?\d[.,]\d", around) is not None
        return digits or (len(pair) == 2 and pair[0].isalnum() and pair[1].isalnum())

    def pages_before(self, place: int) -> int:
        return self._original.count("\f", 0, place)


def _normalise(text: str) -> tuple[str, list[int]]:
    kept: list[str] = []
    places: list[int] = []
    dropped = {i for match in _HYPHEN.finditer(text) for i in range(*match.span())}
    for place, char in enumerate(text):
        if place in dropped or (char.isspace() and (not kept or kept[-1] == " ")):
            continue
        kept.append(" " if char.isspace() else char)
        places.append(place)
    return "".join(kept), places


def _find(quote: str, texts: Sequence[_Text]) -> tuple[int, int] | None:
    """The section and the place of a quote."""
    wanted = _normalise(quote)[0].strip()
    if not wanted:
        return None
    found = ((i, text.find(wanted)) for i, text in enumerate(texts))
    return next(((i, place) for i, place in found if place is not None), None)


# --- conflicts and gaps ---------------------------------------------------------------------------


def _with_conflicts(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims, each with the ids of those that state another value of the same."""
    return tuple(
        claim.model_copy(update={"conflicts": tuple(o.id for o in claims if _conflict(claim, o))})
        for claim in claims
    )


def _conflict(a: Claim, b: Claim) -> bool:
    same = _subject(a) == _subject(b) and bool(a.data_set or a.method)
    return same and a.value != b.value and not (a.table and a.table == b.table)


def _subject(claim: Claim) -> tuple[str, ...]:
    against = "" if claim.kind == "value" else claim.baseline
    parts = (claim.metric, claim.kind, claim.data_set, claim.method, against, claim.unit)
    return tuple(" ".join(re.findall(r"\w+|%", part.lower())) for part in parts)


def _unsaid(plan: PaperPlan, question: PaperQuestion) -> Iterator[MissingPart]:
    """What a reproduction needs and the plan leaves empty, and what nobody has read."""
    for part in _PLAN_PARTS:
        if not getattr(plan, part):
            yield MissingPart(what=part, reason="the reader found none in the paper")
    for name in question.left_out:
        yield MissingPart(what=f"section {name}", reason="the paper is too long to be read at once")
