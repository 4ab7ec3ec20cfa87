"""Similarity of code and of words, and choosing a few that are good and unlike each other."""

from __future__ import annotations

import math
import re
import threading
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

if TYPE_CHECKING:
    from archwright.knowledge.entries import Database, Entry
    from archwright.knowledge.store import Knowledge

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


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """`word` without its ending, roughly: convolutions and convolutional become the same."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_LENGTH:
            return word[: -len(ending)]
    return word


def spread(text: str) -> str:
    """`text` as its parts with blanks between, for the index of full text."""
    return " ".join(split_words(text))


DIMENSIONS: Final = 256
Vectors = NDArray[np.float32]

_COMMENT: Final = re.compile(r"#[^\n]*")
_WORD: Final = re.compile(r"[^\W\d]\w*")
# What every architecture says tells nothing.
_SAID_BY_ALL: Final = """self def return import from as class super torch nn forward __init__ Module
    Model Mixer input_shape output_shape"""
_EVERYWHERE: Final = frozenset(_SAID_BY_ALL.split())
_FUSION_OFFSET: Final = 60
_RUN_LENGTH: Final = 4
_RUN_WEIGHT: Final = 0.3


def embed(text: str) -> Vectors:
    """A unit vector of the words, their parts and the word pairs of code or prose; zero when there
    are none.

    Signed feature hashing (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning",
    2009) of logarithmic counts, `(DIMENSIONS,)`; runs of letters within words count a little
    (Bojanowski et al., "Enriching Word Vectors with Subword Information", 2017), so that words of
    one kin are near. Numbers do not count: a wider copy is a copy.
    """
    words = [w for w in _WORD.findall(_COMMENT.sub("", text)) if w not in _EVERYWHERE]
    counts: Counter[str] = Counter(" ".join(pair) for pair in pairwise(words))
    parts = Counter(p for p in split_words(" ".join(words)) if p not in COMMON and p.isalpha())
    counts.update(stem(part) for part in parts.elements())
    bins = list(map(_bin, counts))
    weights = list(map(math.log1p, counts.values()))
    for part, count in parts.items():
        runs = _runs(part)
        bins += runs
        weights += [_RUN_WEIGHT * math.log1p(count)] * len(runs)
    signed = np.bincount(np.array(bins, np.intp), weights, 2 * DIMENSIONS)
    vector = (signed[:DIMENSIONS] - signed[DIMENSIONS:]).astype(np.float32)
    norm = float(np.linalg.norm(vector))
    return vector / np.float32(norm) if norm else vector


def _bin(feature: str) -> int:
    """Where a feature counts: with its sign below `DIMENSIONS`, against it from there on."""
    code = zlib.crc32(feature.encode(errors="replace"))
    return code % DIMENSIONS + (0 if code & 0x10000 else DIMENSIONS)


@lru_cache(maxsize=50_000)
def _runs(part: str) -> tuple[int, ...]:
    """Where the runs of four letters of a word count, its ends marked."""
    marked = f"<{part}>"
    starts = range(len(marked) - _RUN_LENGTH + 1)
    return tuple(_bin(f"#{marked[i : i + _RUN_LENGTH]}") for i in starts)


def embedded(source: str, title: str, lesson: str) -> bytes:
    """The stored vector of an entry: that of its code, else of its words."""
    return pack(embed(source or f"{title} {lesson}"))


def pack(vector: Vectors) -> bytes:
    """A vector as it is stored: half precision, little endian."""
    return vector.astype("<f2").tobytes()


def unpack(blobs: Sequence[bytes]) -> Vectors:
    """Stored vectors as a matrix `(len(blobs), DIMENSIONS)`."""
    flat = np.frombuffer(b"".join(blobs), dtype="<f2").astype(np.float32)
    return flat.reshape(len(blobs), DIMENSIONS)


def choose_diverse(
    quality: Sequence[float],
    vectors: Vectors,
    count: int,
    shown: Vectors | None = None,
    weight: float = 0.5,
) -> list[int]:
    """Pick up to `count` that are good and unlike each other, best first.

    Maximal marginal relevance (Carbonell and Goldstein, "The Use of MMR", 1998): each pick
    maximises `weight * quality - (1 - weight) * (similarity to what was picked or shown)`.

    Args:
        quality: one number from 0 to 1 each.
        vectors: unit vectors `(N, DIMENSIONS)`.
        count: how many are wanted.
        shown: unit vectors `(M, DIMENSIONS)` of what the reader sees anyway.
    """
    worth = np.asarray(quality, np.float32)
    likeness = np.zeros(len(worth), np.float32)
    if shown is not None and len(shown) and len(worth):
        likeness = (vectors @ shown.T).max(axis=1)
    picked: list[int] = []
    while len(picked) < min(count, len(worth)):
        margin = weight * worth - (1 - weight) * likeness
        margin[picked] = -np.inf
        best = int(np.argmax(margin))
        picked.append(best)
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return picked


def fuse(rankings: Iterable[Sequence[int]]) -> list[tuple[int, float]]:
    """Merge rankings of ids into one, best first, with the fused score.

    Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009).
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, item in enumerate(ranking):
            scores[item] = scores.get(item, 0.0) + 1.0 / (_FUSION_OFFSET + place)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def query_words(text: str) -> list[str]:
    """The different words of `text` that bear a topic, the first 32 of them; all where none does.

    Names count by their parts, as they do in the index.
    """
    words = list(dict.fromkeys(split_words(text)))
    return ([w for w in words if w not in COMMON] or words)[:32]


def quoted_query(words: Iterable[str]) -> str:
    """An FTS5 query that finds any of the words and can mean nothing else; may be ""."""
    return " OR ".join(f'"{word}"' for word in words)


FOREVER: Final = 2**62
_NEVER: Final = FOREVER + 1
_COARSE: Final = 64
EXACT_UPTO: Final = 20_000
"""Above so many entries a coarse look at all of them chooses those that are compared exactly."""
_COMPARED: Final = 500
_BATCH: Final = 50_000

Ids = NDArray[np.int64]


class _Column:
    """Rows of one kind and shape; the room for them doubles, so that one more is cheap."""

    def __init__(self, kind: DTypeLike, *shape: int) -> None:
        self._room: NDArray[Any] = np.empty((0, *shape), kind)
        self._count = 0

    @property
    def rows(self) -> NDArray[Any]:
        """All rows, as of now."""
        return self._room[: self._count]

    def add(self, more: ArrayLike) -> None:
        """Append rows."""
        new = np.asarray(more, self._room.dtype)
        count = self._count + len(new)
        if count > len(self._room):
            room = np.empty((2 * count, *self._room.shape[1:]), self._room.dtype)
            room[: self._count] = self.rows
            self._room = room
        self._room[self._count : count] = new
        self._count = count


class VectorIndex:
    """Ids, kinds, successors and vectors of entries, by rising id: of all that were asked about so
    far. A run asks about what was known when it began, so what it writes costs it nothing here.
    Threads may share it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._kinds: dict[str, int] = {}
        self._ids, self._kind, self._replaced = (_Column(np.int64) for _ in range(3))
        self._vectors = _Column(np.float16, DIMENSIONS)
        self._coarse = _Column(np.float32, _COARSE)

    def visible(self, kind: str | None, until: int | None) -> tuple[Ids, NDArray[np.bool_]]:
        """All ids so far, and which of them are seen: of this kind, and current at that moment."""
        with self._lock:
            self._refresh(until)
            return self._ids.rows, self._mask(kind, until)

    def nearest(
        self, query: Vectors, kind: str | None, until: int | None, count: int, least: float
    ) -> list[int]:
        """Ids of up to `count` visible entries with a similarity above `least`, best first."""
        with self._lock:
            self._refresh(until)
            seen = self._mask(kind, until)
            if np.count_nonzero(seen) > EXACT_UPTO:
                likeness = np.where(seen, _products(self._coarse.rows, fold(query)), -np.inf)
                places = np.argpartition(-likeness, _COMPARED)[:_COMPARED]
            else:
                places = np.flatnonzero(seen)
            likeness = _products(self._vectors.rows[places].astype(np.float32), query)
            best = np.argsort(-likeness, kind="stable")[:count]
            return [int(self._ids.rows[places[i]]) for i in best if likeness[i] > least]

    def _mask(self, kind: str | None, until: int | None) -> NDArray[np.bool_]:
        last = FOREVER if until is None else until
        seen = (self._ids.rows <= last) & (self._replaced.rows > last)
        if kind is not None:
            seen &= self._kind.rows == self._kinds.get(kind, -1)
        return np.asarray(seen)

    def _refresh(self, until: int | None) -> None:
        """Read what other hands added or replaced since, up to an id."""
        last = known = self._last()
        while rows := self._database.read(
            "SELECT id, kind, replaced_by, vector FROM entries WHERE id > ? AND id <= ?"
            " ORDER BY id LIMIT ?",
            *(last, FOREVER if until is None else until, _BATCH),
        ):
            kinds = [self._kinds.setdefault(r["kind"], len(self._kinds)) for r in rows]
            self._ids.add([r["id"] for r in rows])
            self._kind.add(kinds)
            self._replaced.add([r["replaced_by"] or _NEVER for r in rows])
            vectors = unpack([r["vector"] for r in rows])
            self._vectors.add(vectors)
            self._coarse.add(fold(vectors))
            last = self._last()
        # After the new ones, so that none of those that they replace is missed.
        rows = self._database.read(
            "SELECT id, replaced_by FROM entries WHERE replaced_by > ? AND replaced_by <= ?",
            known,
            last,
        )
        places = np.searchsorted(self._ids.rows, [row["id"] for row in rows])
        self._replaced.rows[places] = [row["replaced_by"] for row in rows]

    def _last(self) -> int:
        return int(self._ids.rows[-1]) if len(self._ids.rows) else 0


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
        last = FOREVER if until is None else until
        words, rare = self._telling(query_words(text), len(ids), last)
        if not words or not len(ids):
            return []
        order = "bm25(words, 4, 2, 2, 3, 1)" if rare else "rowid DESC"
        rows = self._database.read(
            "SELECT rowid AS id FROM words WHERE words MATCH ? AND rowid <= ?"
            f" ORDER BY {order} LIMIT ?",
            quoted_query(words),
            last,
            count if seen.all() else 10 * _ROWS,
        )
        found = np.array([row["id"] for row in rows], np.int64)
        # An entry that another hand wrote since is found, but not among the ids yet.
        places = np.minimum(np.searchsorted(ids, found), len(ids) - 1)
        return [int(id) for id in found[seen[places] & (ids[places] == found)][:count]]

    def _telling(self, words: Sequence[str], size: int, last: int) -> tuple[list[str], bool]:
        """The rarest words, together in few enough entries, and whether they tell anything; where
        all are frequent, one of them, whose newest entries are as good as any."""
        if size <= _ROWS:
            return list(words), True
        counts = {word: self._count(word, last) for word in words}
        kept: list[str] = []
        total = 0
        for word in sorted(words, key=counts.__getitem__):
            total += counts[word]
            if kept and total > _ROWS:
                break
            kept.append(word)
        return kept, bool(kept) and counts[kept[0]] <= _ROWS

    def _count(self, word: str, last: int) -> int:
        """How many entries up to an id have a word, counted no further than matters."""
        found = "SELECT 1 FROM words WHERE words MATCH ? AND rowid <= ? LIMIT ?"
        query = f"SELECT COUNT(*) AS n FROM ({found})"
        return int(self._database.read(query, quoted_query([word]), last, _ROWS + 1)[0]["n"])


# --- passages of papers ---------------------------------------------------------------------------

SEARCHED_PER_PASSAGE: Final = 5


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


_LETTERS = re.compile(r"[A-Z]?[a-z]+|[A-Z]{2,}")
_LEAST_LETTERS: Final = 4
_ROOT_LETTERS: Final = 6
"""Words that begin with as many equal letters count as one: convolution and convolutional."""

_COMMON_WORDS: Final = frozenset(
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
    words = (word.lower() for word in _LETTERS.findall(text))
    telling = (w for w in words if len(w) >= _LEAST_LETTERS and w not in _COMMON_WORDS)
    return {word[:_ROOT_LETTERS] for word in telling}
