"""Papers in the knowledge base: their sections in pieces that can be found and cited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from archwright.knowledge.entries import Entry
from archwright.knowledge.papers.paper import Paper, Section
from archwright.knowledge.papers.text import REFERENCES
from archwright.knowledge.store import Knowledge

RUN: Final = "paper:"
"""Before a paper's id it is the `run` of its entries."""
PASSAGE_CHARACTERS: Final = 1800
SEARCHED_PER_PASSAGE: Final = 5


def passages(id: str, paper: Paper) -> Iterator[Entry]:
    """The entries of a paper: `run` names it, `candidate` the section and the piece of it,
    `title` says both in words, `lesson` is the text."""
    for place, section in enumerate(paper.sections):
        if section.title.lower() in REFERENCES:
            continue
        for piece, text in enumerate(_pieces(section)):
            yield Entry(
                run=f"{RUN}{id}",
                candidate=f"{place}.{piece}",
                kind="paper",
                title=f"{paper.title}, section {section.name}"[:300],
                lesson=text,
            )


def _pieces(section: Section) -> Iterator[str]:
    """The section's text cut between paragraphs or sentences, close to the wanted length."""
    text = re.sub(r"\s*\f\s*", "\n", section.text).strip()
    while len(text) > PASSAGE_CHARACTERS:
        window = text[:PASSAGE_CHARACTERS]
        cuts = (window.rfind(mark) + len(mark) for mark in ("\n\n", ". ", ".\n", "\n", " "))
        cut = next((c for c in cuts if c > PASSAGE_CHARACTERS // 2), PASSAGE_CHARACTERS)
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text


def record_passages(knowledge: Knowledge, id: str, paper: Paper) -> None:
    """Make a paper findable; a second time changes nothing."""
    knowledge.record_all(passages(id, paper))


def find_passages(
    knowledge: Knowledge, about: str, count: int, until: int | None = None
) -> list[Entry]:
    """Up to `count` passages that bear on some words: found by search, and saying at least two of
    the words that tell something."""
    hits = knowledge.search(about, kind="paper", n=SEARCHED_PER_PASSAGE * count, until=until)
    entries = (hit.entry for hit in hits)
    bearing = (e for e in entries if len(shared_words(about, f"{e.title} {e.lesson}")) >= 2)
    return list(islice(bearing, count))


def passage_id(entry: Entry) -> str:
    """The name of a passage: the paper's id, and the places of the section and of the piece."""
    return f"{entry.run}/{entry.candidate}"


# --- what bears on what ---------------------------------------------------------------------------


_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]{2,}")
_LEAST_LETTERS: Final = 4
_ROOT_LETTERS: Final = 6
"""Words that begin with as many equal letters count as one: convolution and convolutional."""

_SAID_BY_ALL: Final = frozenset(
    """about above accuracy after also always another architecture around baseline because been
    before being below better between block blocks both bring brings candidate change changed
    class classes could data deep different does each every fewer first from function gain give
    given gives have help helps here high higher image images improve improves input instead into
    itself keep keeps large larger last layer layers lead learn learned learns less like linear
    loss make makes many mean measured model models module more most much must need needs network
    networks neural noise number other others output over paper parameter parameters parent place
    rather replace replaced result results same score sequential should show shows small smaller
    some standard start starts step steps such take takes task than that their them then there
    these they this those three through time together train trained training under unit units used
    uses using value values very were what when where which while wide wider will with without
    work would deviations""".split()  # noqa: SIM905
)


def shared_words(one: str, other: str) -> set[str]:
    """The roots of the telling words that both texts say. Names in camel case are several words."""
    return _roots(one) & _roots(other)


def _roots(text: str) -> set[str]:
    words = (word.lower() for word in _WORD.findall(text))
    telling = (w for w in words if len(w) >= _LEAST_LETTERS and w not in _SAID_BY_ALL)
    return {word[:_ROOT_LETTERS] for word in telling}
