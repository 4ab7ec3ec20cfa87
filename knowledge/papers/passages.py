"""Papers in the knowledge base: their sections in pieces that can be found and cited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from archwright.knowledge.entries import Entry
from archwright.knowledge.papers.paper import Paper, Section
from archwright.knowledge.papers.text import REFERENCES
from archwright.knowledge.store import Knowledge

RUN: Final = "paper:"
"""Before a paper's id it is the `run` of its entries."""
PASSAGE_CHARACTERS: Final = 1800


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
