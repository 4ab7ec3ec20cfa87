"""Similarity of code and of words, and choosing a few that are good and unlike each other."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 256
Vectors = NDArray[np.float32]

_COMMENT: Final = re.compile(r"#[^\n]*")
_WORD: Final = re.compile(r"[^\W\d]\w*")
# What every architecture says tells nothing.
_SAID_BY_ALL: Final = """self def return import from as class super torch nn forward __init__ Module
    Model Mixer input_shape output_shape"""
_EVERYWHERE: Final = frozenset(_SAID_BY_ALL.split())
_FUSION_OFFSET: Final = 60


def embed(text: str) -> Vectors:
    """A unit vector of the words and word pairs of code or prose, zero when there are none.

    Signed feature hashing (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning",
    2009) of logarithmic counts, `(DIMENSIONS,)`. Numbers do not count: a wider copy is a copy.
    """
    words = [w for w in _WORD.findall(_COMMENT.sub("", text)) if w not in _EVERYWHERE]
    counts = Counter(w.lower() for w in words)
    counts.update(" ".join(pair) for pair in pairwise(words))
    vector = np.zeros(DIMENSIONS, np.float32)
    for feature, count in counts.items():
        code = zlib.crc32(feature.encode(errors="replace"))
        sign = 1.0 if code & 0x10000 else -1.0
        vector[code % DIMENSIONS] += sign * np.log1p(count)
    norm = float(np.linalg.norm(vector))
    return vector / np.float32(norm) if norm else vector


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


def full_text_query(text: str) -> str:
    """`text` as an FTS5 query that finds any of its words and can mean nothing else; may be ""."""
    words = dict.fromkeys(re.findall(r"\w+", text.replace("\0", " ")))
    return " OR ".join(f'"{word}"' for word in list(words)[:64])
