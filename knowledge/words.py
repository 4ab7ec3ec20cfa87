"""Words of prose and code as both kinds of retrieval count them."""

from __future__ import annotations

import re
from typing import Final

# A run of capitals, a word that may begin with one, a number: `AdaptiveAvgPool2d` is five.
_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_COMMON: Final = """a about after all an and any are as at be been before being but by can could did
    do does doing each either else ever every few for from had has have having here how if in into
    is it its itself just less let like many may me might more most much must my neither no none nor
    not now of off on once one only or other our out over own per same shall she should since so
    some still such than that the their them then there these they this those through to too under
    until up upon us very was we were what when where whether which while who whom whose why will
    with within without would yet you your"""
COMMON: Final = frozenset(_COMMON.split())
"""English words that bear no topic."""


def split_words(text: str) -> list[str]:
    """The parts of the words and names in `text`, in lower case: `nn.AvgPool2d` is nn, avg, pool,
    2, d."""
    return [part.lower() for part in _PART.findall(text)]


_ENDINGS: Final = (
    "ations", "ation", "ings", "ing", "ies", "ied", "ers", "er", "ors", "or", "ed", "es", "al",
    "ly", "s", "e",
)  # fmt: skip
_STEM_LENGTH: Final = 4


def stem(word: str) -> str:
    """`word` without its ending, roughly: convolutions and convolutional become the same."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_LENGTH:
            return word[: -len(ending)]
    return word


def spread(text: str) -> str:
    """`text` as its parts with blanks between, for the index of full text."""
    return " ".join(split_words(text))
