"""Papers in the knowledge base: their sections in pieces that can be found and cited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from archwright.knowledge.entries import Entry
from archwright.knowledge.papers.headings import REFERENCES
from archwright.knowledge.papers.paper import Paper, Section
from archwright.knowledge.papers.relevance import shared_words
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
