"""What a search goes by: vectors in memory, and full text on the disk.

Entries are only ever added, and a replaced one knows by which: both are seen by their ids.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from archwright.knowledge.database import Database
from archwright.knowledge.retrieval import DIMENSIONS, Vectors, query_words, quoted_query, unpack

FOREVER: Final = 2**62
_NEVER: Final = FOREVER + 1
_COARSE: Final = 64
EXACT_UPTO: Final = 20_000
"""Above so many entries a coarse look at all of them chooses those that are compared exactly."""
_COMPARED: Final = 500
_BATCH: Final = 50_000

Ids = NDArray[np.int64]


class VectorIndex:
    """Ids, kinds, successors and vectors of all entries, by rising id. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kinds: dict[str, int] = {}
        self._ids: Ids = np.empty(0, np.int64)
        self._kind: Ids = np.empty(0, np.int64)
        self._replaced: Ids = np.empty(0, np.int64)
        self._vectors = np.empty((0, DIMENSIONS), np.float16)
        self._coarse: Vectors = np.empty((0, _COARSE), np.float32)

    def visible(self, kind: str | None, until: int | None) -> tuple[Ids, NDArray[np.bool_]]:
        """All ids, and which of them are seen: of this kind, and current at that moment."""
        with self._lock:
            self._refresh()
            return self._ids, self._mask(kind, until)

    def nearest(
        self, query: Vectors, kind: str | None, until: int | None, count: int, least: float
    ) -> list[int]:
        """Ids of up to `count` visible entries with a similarity above `least`, best first."""
        with self._lock:
            self._refresh()
            seen = self._mask(kind, until)
            if np.count_nonzero(seen) > EXACT_UPTO:
                likeness = np.where(seen, _products(self._coarse, fold(query)), -np.inf)
                places = np.argpartition(-likeness, _COMPARED)[:_COMPARED]
            else:
                places = np.flatnonzero(seen)
            likeness = _products(self._vectors[places].astype(np.float32), query)
            best = np.argsort(-likeness, kind="stable")[:count]
            return [int(self._ids[places[i]]) for i in best if likeness[i] > least]

    def _mask(self, kind: str | None, until: int | None) -> NDArray[np.bool_]:
        last = FOREVER if until is None else until
        seen = (self._ids <= last) & (self._replaced > last)
        if kind is not None:
            seen &= self._kind == self._kinds.get(kind, -1)
        return np.asarray(seen)

    def _refresh(self) -> None:
        """Read what other hands added or replaced since."""
        last = known = int(self._ids[-1]) if len(self._ids) else 0
        while rows := self._database.read(
            "SELECT id, kind, replaced_by, vector FROM entries WHERE id > ? ORDER BY id LIMIT ?",
            last,
            _BATCH,
        ):
            kinds = [self._kinds.setdefault(r["kind"], len(self._kinds)) for r in rows]
            self._ids = _grown(self._ids, [r["id"] for r in rows])
            self._kind = _grown(self._kind, kinds)
            self._replaced = _grown(self._replaced, [r["replaced_by"] or _NEVER for r in rows])
            vectors = unpack([r["vector"] for r in rows])
            self._vectors = np.concatenate([self._vectors, vectors.astype(np.float16)])
            self._coarse = np.concatenate([self._coarse, fold(vectors)])
            last = int(self._ids[-1])
        # After the new ones, so that none of those that they replace is missed.
        rows = self._database.read(
            "SELECT id, replaced_by FROM entries WHERE replaced_by > ? AND replaced_by <= ?",
            known,
            last,
        )
        places = np.searchsorted(self._ids, [row["id"] for row in rows])
        self._replaced[places] = [row["replaced_by"] for row in rows]


def _products(vectors: Vectors, query: Vectors) -> Vectors:
    """The inner product of each with the query, on one core.

    The threads of a matrix product cost more than they bring here: on two busy cores 40,000 by 64
    took 28 ms, and 0.3 ms without.
    """
    return np.asarray(np.einsum("ij,j->i", vectors, query), np.float32)


def fold(vectors: Vectors) -> Vectors:
    """Vectors of hashed features with a quarter of the bins: the same hashing, coarser."""
    folded = vectors.reshape(*vectors.shape[:-1], DIMENSIONS // _COARSE, _COARSE).sum(axis=-2)
    return np.asarray(folded, np.float32)


def _grown(array: Ids, more: Sequence[int]) -> Ids:
    return np.concatenate([array, np.array(more, np.int64)])


# --- full text ------------------------------------------------------------------------------------


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
