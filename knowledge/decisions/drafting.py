"""Drafts decision records from accepted ones, and checks what a draft says against what is known.

DRAFT (Dhar et al., "DRAFT-ing Architectural Design Decisions using LLMs", 2025): the decision for a
situation is written from the few records whose situation is most like it.
"""

from __future__ import annotations

import datetime
import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from archwright.core import InputError
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, Option

RECORDS: Final = 3
KEEP: Final = "Keep what there is"
_TITLE_LIMIT: Final = 90
_ID: Final = r"\d+[A-Za-z]{0,2}(?!\w|\.\d)"
_AND: Final = r"(?:\s*(?:,|&|/|[-–—]|\b(?:and|or|to)\b)\s*)+"
# Days, ids, words that begin with a digit and are no measurement, then all else that begins with
# one. What is part of a name (conv3x3, v2.1) is none of these.
_TOKEN: Final = re.compile(
    rf"""(?P<day>\b\d{{4}}-\d{{2}}-\d{{2}}\b)
    | (?P<record>\b(?i:ADR)[- ]?\d+\b)
    | (?P<run>\b[a-z][\w-]*-\d{{8}}-\d{{6}}(?:-[0-9a-f]{{4}})?\b)
    | (?P<known>\bknown:\d+\w*)
    | (?P<named>\b(?i:candidates\ +{_ID}(?:{_AND}{_ID})*|candidate[ _]*{_ID}(?:[-–—]{_ID})?))
    | (?P<candidate>\bc\d+(?:\.\d+)*[a-z]{{0,2}}\b)
    | (?P<shape>(?<![\w.])\d+(?:[x×]\d+)+\b
        | (?<![\w.])[123][dD]\b(?=[ -](?:conv|pool|norm|batch|image|input|data|kernel|tensor)))
    | (?P<number>(?<!\w)(?<!\w\.)[-+−]?(?:\d+(?:[,_]\d{{3}})*(?:\.\d+)?|(?<!\.)\.\d+)
        (?:[eE][-+]?\d+)?(?![\d_]|\.\d)(?P<rest>[^\W\d_]*)(?!\w))""",
    re.VERBOSE,
)  # fmt: skip
_IN_LIST: Final = re.compile(r"\d+[A-Za-z]{0,2}\b")
_SCALES: Final = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
# Two letters that are a unit or an ending; one or two others are part of a candidate's id.
_UNITS: Final = frozenset(
    ("ms", "us", "ns", "pp", "kb", "mb", "gb", "kB", "MB", "GB", "st", "nd", "rd", "th")
)


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What the journals of a workspace hold: numbers in rising order, and names."""

    numbers: tuple[float, ...] = ()
    ids: frozenset[str] = frozenset()

    def holds(self, number: str) -> bool:
        """Whether a number was measured or set: exactly where it is whole, else when rounded to as
        many places as it is written with. The sign does not count: a loss is a gain reversed."""
        plain = number.lower().replace(",", "").replace("_", "")
        digits, _, exponent = plain.lstrip("+-−").partition("e")
        places = len(digits.partition(".")[2])
        scale = 10.0 ** int(exponent or 0)
        value = float(digits) * scale
        slack = (0.5 * 10.0**-places * scale if places or exponent else 0.0) + 1e-12 * value
        return self._near(value, slack) or self._near(-value, slack)

    def names(self, id: str) -> bool:
        """Whether an id is known, of a candidate or of anything else, however it is capitalised."""
        return id.lower() in self.ids or id in self.ids

    def _near(self, value: float, slack: float) -> bool:
        place = bisect_left(self.numbers, value - slack)
        return place < len(self.numbers) and self.numbers[place] <= value + slack


def precedents(folder: DecisionFolder, context: str, count: int = RECORDS) -> tuple[Decision, ...]:
    """The accepted records that are most like a situation, best first."""
    hits = (hit.decision for hit in folder.search(context))
    return tuple([d for d in hits if d.status == "accepted"][:count])


def split_context(words: str) -> tuple[str, str]:
    """A situation's title (its heading, or its first line) and its text.

    Raises:
        InputError: it says nothing.
    """
    lines = [line.rstrip() for line in words.removeprefix("\ufeff").strip().splitlines()]
    if not lines:
        raise InputError("the context is empty: describe the situation that needs a decision")
    heading = re.match(r"#{1,6}\s+(.*?)\s*#*\Z", lines[0])
    body = "\n".join(lines[1:] if heading else lines).strip()
    title = " ".join((heading[1] if heading else lines[0]).split())
    if len(title) > _TITLE_LIMIT:
        title = title[:_TITLE_LIMIT].rpartition(" ")[0] + " …"
    return title, body or title


def fill_template(context: str, records: Sequence[Decision]) -> Decision:
    """A draft without a model: what the nearest record chose, with the others as options.

    Raises:
        InputError: the context says nothing.
    """
    title, body = split_context(context)
    options = [Option(r.chosen or r.title, f"{_name(r)}: {r.because}") for r in records]
    options = list({o.name: o for o in reversed(options)}.values())[::-1]
    if records:
        nearest = records[0]
        chosen = nearest.chosen or nearest.title
        because = f"{_name(nearest)} chose it where the situation was most alike: {nearest.because}"
        consequences = tuple(f"As in {_name(nearest)}: {c}" for c in nearest.consequences)
    else:
        chosen, consequences = KEEP, ()
        because = "no accepted decision bears on this situation; weigh the options and edit this"
    return Decision(
        title=title,
        context=body,
        chosen=chosen,
        because=because,
        date=_today(),
        options=(*options, Option(KEEP, "nothing changes")),
        consequences=consequences,
    )


def _name(decision: Decision) -> str:
    return f"ADR-{decision.number:04d}"


def _today() -> str:
    return datetime.date.today().isoformat()


def from_words(
    context: str,
    title: str,
    options: Sequence[Option],
    chosen: str,
    because: str,
    consequences: Sequence[str],
) -> Decision:
    """A draft in a model's words about a situation, which stays in the user's."""
    _, body = split_context(context)
    listed = tuple(options)
    if chosen not in [option.name for option in listed]:
        listed = (Option(chosen), *listed)
    return Decision(
        title=title,
        context=body,
        chosen=chosen,
        because=because,
        date=_today(),
        options=listed,
        consequences=tuple(consequences),
    )


# --- checking ------------------------------------------------------------------------------------


def strike_unknown(draft: Decision, facts: KnownFacts) -> tuple[Decision, tuple[str, ...]]:
    """The draft with every number and id struck that is not among the facts, and which they are."""
    unknown: dict[str, None] = {}

    def strike(text: str) -> str:
        return _TOKEN.sub(lambda found: _judge(found, facts, unknown), text)

    struck = replace(
        draft,
        title=strike(draft.title),
        context=strike(draft.context),
        chosen=strike(draft.chosen),
        because=strike(draft.because),
        options=tuple(Option(strike(o.name), strike(o.why)) for o in draft.options),
        consequences=tuple(map(strike, draft.consequences)),
    )
    return struck, tuple(unknown)


def _judge(found: re.Match[str], facts: KnownFacts, unknown: dict[str, None]) -> str:
    """The token itself where it is known, else struck; of a list of candidates, each of them."""
    token, kind = found[0], found.lastgroup
    if kind == "named":
        return _IN_LIST.sub(lambda id: _strike(id[0], facts.names(id[0]), unknown), token)
    return _strike(token, _is_known(found, facts), unknown)


def _strike(token: str, known: bool, unknown: dict[str, None]) -> str:
    if known:
        return token
    unknown.setdefault(token)
    return f"~~{token}~~"


def _is_known(found: re.Match[str], facts: KnownFacts) -> bool:
    match found.lastgroup:
        case "day" | "shape":
            return True
        case "record":
            return facts.names(f"ADR-{int(re.sub(r'[^0-9]', '', found[0])):04d}")
        case "number":
            return _is_known_number(found[0], found["rest"], facts)
        case "candidate":
            return facts.names(found[0]) or facts.names(found[0][1:])
    return facts.names(found[0])


def _is_known_number(token: str, letters: str, facts: KnownFacts) -> bool:
    """Whether a number is known with the letters behind it: `17b` is a candidate, `12ms` a
    measurement and `1.2M` one in millions."""
    number = token.removesuffix(letters)
    if not letters:
        return facts.holds(token)
    if facts.names(token):
        return True
    if scale := _SCALES.get(letters):
        return "e" not in number.lower() and facts.holds(f"{number}e{math.log10(scale):.0f}")
    return (letters in _UNITS or len(letters) > 2) and facts.holds(number)


def with_origin(
    draft: Decision, author: str, records: Sequence[Decision], unknown: Sequence[str]
) -> Decision:
    """The draft with notes on who wrote it, from which records, and what nobody measured."""
    return replace(draft, notes=tuple(_origin(author, records, unknown)))


def _origin(author: str, records: Sequence[Decision], unknown: Sequence[str]) -> Iterator[str]:
    named = ", ".join(map(_name, records)) or "no record: none that was accepted bears on it"
    yield f"{_today()}, proposed: drafted by {author} from {named}"
    if unknown:
        yield f"{_today()}, struck out, as no journal here holds them: {', '.join(unknown)}"
