"""A person's words to a run: steps of its journal, which any process may append.

A run that is repeated must see a word where it was first seen. So whoever decides by them records
how many there were (`words_so_far`), and asks for as many (`known`).
"""

from __future__ import annotations

import time
from typing import Final, Literal

from archwright.agents.proposers.campaign import Steer
from archwright.core.settings import SearchSettings
from archwright.runs.journal import Journal, Step

WORD: Final = "word"
"""The kind of a step that is a person's word; its key is a number, from 1."""

WordKind = Literal["guide", "pin", "ban", "seed"]


def record_word(journal: Journal, kind: WordKind, words: str, source: str = "") -> int:
    """Record a person's word, and return its number.

    Args:
        journal: of the run; another process may hold it.
        kind: what the words are: a guide, a pin, a ban, or the name of an architecture.
        words: what was said.
        source: of an architecture.
    """
    said = {"kind": kind, "words": words, "at": time.time()}
    return journal.append(WORD, {**said, "source": source} if source else said)


def words_so_far(journal: Journal) -> int:
    """How many words were recorded."""
    last = journal.last_step(WORD)
    return int(last.key) if last else 0


def steer_of(journal: Journal, settings: SearchSettings, known: int | None = None) -> Steer:
    """What holds: the settings' words, then the journal's, each once. A ban lifts a pin of the same
    words that was said before, and a pin a ban.

    Args:
        known: how many of the journal's words; all of them without it.
    """
    said = [("guide", settings.guide)]
    said += [*(("ban", words) for words in settings.ban), *(("pin", w) for w in settings.pin)]
    said += [(step.result["kind"], step.result["words"]) for step in recorded(journal, known)]
    held: dict[str, tuple[str, str]] = {}
    guides: dict[str, str] = {}
    for kind, words in said:
        key = " ".join(words.split()).casefold()
        if kind == "guide" and key:
            guides.setdefault(key, words)
        elif kind in ("ban", "pin") and key:
            held.pop(key, None)  # what was said last stands last
            held[key] = (kind, words)
    return Steer(
        words=tuple(guides.values()),
        banned=tuple(words for kind, words in held.values() if kind == "ban"),
        pinned=tuple(words for kind, words in held.values() if kind == "pin"),
    )


def recorded(journal: Journal, known: int | None) -> list[Step]:
    """The first so many words of the journal, or all, in the order of their numbers."""
    steps = sorted(journal.steps(WORD), key=lambda step: int(step.key))
    return [step for step in steps if known is None or int(step.key) <= known]
