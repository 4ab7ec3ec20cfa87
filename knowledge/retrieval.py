"""Similarity of code and of words, and choosing a few that are good and unlike each other."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
    weights = {feature: math.log1p(count) for feature, count in counts.items()}
    for part, count in parts.items():
        for run in _runs(part):
            weights[run] = weights.get(run, 0.0) + _RUN_WEIGHT * math.log1p(count)
    vector = np.zeros(DIMENSIONS, np.float32)
    for feature, weight in weights.items():
        code = zlib.crc32(feature.encode(errors="replace"))
        vector[code % DIMENSIONS] += weight if code & 0x10000 else -weight
    norm = float(np.linalg.norm(vector))
    return vector / np.float32(norm) if norm else vector


def _runs(part: str) -> list[str]:
    """The runs of four letters of a word, its ends marked."""
    marked = f"<{part}>"
    return [f"#{marked[i : i + _RUN_LENGTH]}" for i in range(len(marked) - _RUN_LENGTH + 1)]


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
