"""Full text search that stays quick in a large knowledge base, by the words that tell most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from archwright.knowledge.database import Database
from archwright.knowledge.retrieval import query_words, quoted_query
from archwright.knowledge.vectors import VectorIndex

_ROWS: Final = 1_000
"""So many entries may the words of a query find together."""


class FullText:
    """Ranks entries by BM25 (Robertson and Zaragoza, 2009) over FTS5.

    BM25 weighs a word by its rarity, and what it costs grows with the number of entries that have
    the word: so the rarest words are taken first, for as long as few enough entries have them.
    """

    def __init__(self, database: Database, index: VectorIndex) -> None:
        self._database = database
        self._index = index

    def ranked(self, text: str, kind: str | None, until: int | None, count: int) -> list[int]:
        """Ids of up to `count` visible entries that share a telling word with `text`, best
        first."""
        ids, seen = self._index.visible(kind, until)
        words, rare = self._telling(query_words(text), len(ids))
        if not words or not len(ids):
            return []
        order = "bm25(words, 4, 2, 2, 3, 1)" if rare else "rowid DESC"
        rows = self._database.read(
            f"SELECT rowid AS id FROM words WHERE words MATCH ? ORDER BY {order} LIMIT ?",
            quoted_query(words),
            count if seen.all() else 10 * _ROWS,
        )
        found = np.array([row["id"] for row in rows], np.int64)
        # An entry that another hand wrote since is found, but not among the ids yet.
        places = np.minimum(np.searchsorted(ids, found), len(ids) - 1)
        return [int(id) for id in found[seen[places] & (ids[places] == found)][:count]]

    def _telling(self, words: Sequence[str], size: int) -> tuple[list[str], bool]:
        """The rarest words, together in few enough entries, and whether they tell anything; where
        all are frequent, one of them, whose newest entries are as good as any."""
        if size <= _ROWS:
            return list(words), True
        counts = {word: self._count(word) for word in words}
        kept: list[str] = []
        total = 0
        for word in sorted(words, key=counts.__getitem__):
            total += counts[word]
            if kept and total > _ROWS:
                break
            kept.append(word)
        return kept, bool(kept) and counts[kept[0]] <= _ROWS

    def _count(self, word: str) -> int:
        """How many entries have a word, counted no further than matters."""
        query = "SELECT COUNT(*) AS n FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
        return int(self._database.read(query, quoted_query([word]), _ROWS + 1)[0]["n"])
