"""Whose result a row is: the paper's own method, an ablation of it, or others'."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from archwright.agents.claims.layout import is_cited
from archwright.agents.claims.words import plain
from archwright.agents.plans import PaperQuestion

Owner = Literal["own", "ablation", "other", ""]
"""Empty: nothing tells."""

OURS: Final = re.compile(
    r"\b(?:ours?|we|(?:this|the present) (?:work|paper)|proposed)\b", re.IGNORECASE
)
_OTHERS: Final = re.compile(
    r"\b(?:baselines?|vanilla|plain|standard|original|naive|random|chance|human|oracle|majority|"
    r"upper bound|lower bound|SOTA|state[- ]of[- ]the[- ]art|previous|prior|published|leaderboard|"
    r"re-?impl(?:ementation|emented)?\.?|ground truth|teacher|best (?:published|other))\b",
    re.IGNORECASE,
)
_REFERENCE: Final = re.compile(
    r"\W*(?:random(?:ly)?(?: (?:guess\w*|chance|baseline|policy|agent|classifier|predict\w*|choice|"
    r"level|performance|init\w*|weights))?|uniform|majority(?: (?:class|vote|label|baseline))?|"
    r"humans?(?: (?:performance|levels?|experts?|annotators?|raters?|baseline|accuracy|scores?|"
    r"eval\w*|agreement|estimate|average))?|ceiling|floor)\W*(?:\([^()]*\))?\W*|"
    r".*\b(?:(?:upper|lower)[- ]?bound|oracle|skyline|topline|ground[- ]?truth|chance)\b.*",
    re.IGNORECASE,
)
_REPEATED: Final = re.compile(
    r"\bours?\b[^|]*\b(?:re-?)?(?:impl|reproduc|retrain|train|run|eval|measure)", re.IGNORECASE
)
"""Others' work that was done again: "LSTM (our implementation)"."""
_ABLATION: Final = re.compile(
    r"^\W*(?:w/o|without|no|w/out|remove|removing|minus|replace|replacing)\b|^\s*[-−–]\s*\w|"
    r"\b(?:w/o|without)\b|\(no [\w ]+\)|^\s*\+\s*\w",
    re.IGNORECASE,
)
_WORD: Final = r"[A-Z][\w+-]*(?:\.\d+)?"
_NAME: Final = rf"(?P<name>{_WORD}(?: {_WORD}){{0,3}})"
_PROPOSE: Final = (
    r"\b(?:[Ww]e|paper|work)\s+(?:\w+ )?(?:propos|introduc|present|develop|describ|design)\w*\s+"
)
_NAMING: Final = tuple(
    map(
        re.compile,
        (
            # "a network called X", "which we term the X"
            r"\b(?:call(?:ed|s)?|term(?:ed|s)?|name[ds]?|dub(?:bed|s)?)\s+(?:(?:it|this|these|them|our|the)\s+(?:\w+\s+){0,3})?"
            rf"(?:an? |the )?[\"'“‘`]*{_NAME}",
            # "we propose a new simple X"
            rf"{_PROPOSE}"
            r"(?:(?!for |on |to |of |with |in |by |that |which |using |based |and |from )"
            rf"[a-z][\w-]* ){{0,5}}{_NAME}",
            # "we propose a new architecture, the X"
            rf"{_PROPOSE}[^.,]{{3,80}},\s+(?:the |called |named )?{_NAME}",
            r"\b[Tt]he resulting [^.,]{3,60},\s+(?:the )?" + _NAME,
            # "called the Long Name or LN", "we propose Long Name, or LN"
            rf"(?:\bcalled (?:the )?|{_PROPOSE}(?:[a-z][\w-]* ){{0,3}}){_WORD}(?: {_WORD})*,? or "
            r"(?P<name>[A-Z][\w-]*[A-Z\d][\w-]*)",
            # "two new models: X and Y"
            rf"\bnew\b[^.:]{{3,60}}:\s+{_NAME}",
            rf"\bnew\b[^.:]{{3,60}}:\s+[\w-]+ and {_NAME}",
            r"\b[Oo]ur (?:\w+ )?(?P<name>[A-Z][a-z]*[A-Z\d][\w-]*)\b",
            # "we propose a long name (LN)"
            rf"{_PROPOSE}[^.]{{0,160}}?\((?P<name>[A-Z][\w+-]{{1,14}})\)",
            # "Long Name (LN) attains"
            r"\b[A-Z]\w+(?: [A-Z]\w+)* \((?P<name>[A-Z][\w+-]{1,14})\)"
            r"(?=\s+(?:attain|achiev|outperform|reach|obtain|improv|surpass))",
            r"\b(?P<name>[A-Z]\w+(?: [A-Z]\w+)*) \([A-Z][\w+-]{1,14}\)"
            r"(?=\s+(?:attain|achiev|outperform|reach|obtain|improv|surpass))",
        ),
    )
)
_TITLE_NAME: Final = re.compile(r"(?P<name>[A-Z][\w+.-]*(?: [A-Z\d][\w+.-]*){0,2}):\s")
_GENERIC: Final = re.compile(
    r" (?:Transformers?|Net(?:work)?s?|Models?|Attention|Layers?|Blocks?)$"
)
_COMMON: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "we",
        "our",
        "in",
        "on",
        "it",
        "its",
        "large",
        "deep",
        "neural",
        "transformer-based",
    ]
)
_ABSTRACT_AT_MOST: Final = 4000


class Names:
    """The names that a paper gives to what it proposes."""

    def __init__(self, names: Iterable[str]) -> None:
        kept = {name.strip(" .,'\"-") for name in names}
        kept |= {_GENERIC.sub("", name) for name in kept}
        # "GLUs" and "GLU" name the same.
        kept |= {name[:-1] for name in kept if name.endswith("s") and len(name) > 4}
        self.all = frozenset(n for n in kept if len(n) > 1 and n.lower() not in _COMMON)
        words = "|".join(sorted(map(re.escape, self.all), key=len, reverse=True))
        self._begins = (
            re.compile(rf"(?<![\w-])(?:{words})(?:s\b|Nets?\b|[-\d]|\b)") if words else None
        )

    def named_in(self, text: str) -> str:
        """The first of them that a text names, as a word of its own or before what specifies it;
        empty where it names none."""
        found = self._begins.search(text) if self._begins else None
        return found[0].rstrip("-") if found else ""


def own_names(question: PaperQuestion) -> Names:
    """What the title and the abstract call the paper's own method."""
    filled = [s.text for s in question.sections if s.text.strip()]
    abstract = next(
        (s.text for s in question.sections if s.name.lower().endswith("abstract") and s.text), ""
    )
    text = " ".join((abstract or " ".join(filled[:1]))[:_ABSTRACT_AT_MOST].split())
    return Names(_found(question.title, text))


def _found(title: str, text: str) -> Iterator[str]:
    named = _TITLE_NAME.match(title)
    if named:
        yield named["name"]
    for pattern in _NAMING:
        for match in pattern.finditer(text):
            yield match["name"]


def is_reference_point(label: str) -> bool:
    """Whether a name stands for what is possible at all, by chance or at best, and for no method
    that a result is compared with."""
    return _REFERENCE.fullmatch(label) is not None


def owner_of(label: str, names: Names) -> Owner:
    """Whose result a name stands for, by itself."""
    if is_cited(label):
        return "other"
    named = names.named_in(plain(label))
    if not named and _REPEATED.search(label):
        return "other"
    mine = bool(OURS.search(label) or named)
    if _ABLATION.search(label) and not (mine and label.lstrip().startswith("+")):
        return "ablation"
    if mine and not re.search(r"\b(?:baselines?|human|random)\b", label, re.IGNORECASE):
        return "own"
    return "other" if _OTHERS.search(label) else ""
