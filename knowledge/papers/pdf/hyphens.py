"""Words that a line's end cuts in two, put together again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from archwright.knowledge.papers.pdf.layout import Row

_HYPHENS: Final = ("-", "\u2010")
_CUT = re.compile(r"[^\W\d_]{2,}[-\u2010]$")
_WORDS = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")


def joined_words(rows: Sequence[Row], places: Sequence[int]) -> dict[int, str]:
    """The text of some rows, by place; the rest of a word goes up to the line that it begins in.

    A hyphen is dropped unless the document writes the word with it elsewhere, or the word has
    another one, or goes on with a capital.
    """
    texts = {place: rows[place].text for place in places}
    known: set[str] | None = None
    for place, following in pairwise(places):
        text, rest = texts[place], texts[following]
        broken = rows[place].pieces[-1].broken
        # pdfium drops the hyphen of a word that it saw to go on.
        plain = text[-1:] in _HYPHENS and _CUT.search(text) and rest[:1].islower()
        if not rest or not (broken or plain) or following > place + 1:
            texts[place] = text + "-" if broken else text
            continue
        if known is None:
            known = {
                word.lower().replace("\u2010", "-")
                for said in texts.values()
                for word in _WORDS.findall(said)
            }
        first, _, texts[following] = rest.partition(" ")
        head = text if broken else text[:-1]
        texts[place] = head + ("-" if _keeps_hyphen(head, first, known) else "") + first
    return texts


def _keeps_hyphen(head: str, rest: str, known: set[str]) -> bool:
    begin = head.rpartition(" ")[2].lower()
    end = _WORDS.match(rest)
    whole = _WORDS.search(begin + (end[0].lower() if end else ""))
    with_hyphen = _WORDS.search(f"{begin}-{end[0].lower() if end else ''}")
    if with_hyphen and with_hyphen[0] in known:
        return True
    if whole and whole[0] in known:
        return False
    return "-" in begin or not rest[:1].islower()
