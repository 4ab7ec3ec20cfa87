"""What a person says to a run: words, bans, pins and architectures of their own, all recorded."""

from __future__ import annotations

from archwright.runs.guiding.seeding import (
    SEEDS,
    own_architectures,
    read_architecture,
    record_seeds,
    seeds_of,
)
from archwright.runs.guiding.words import WORD, record_word, steer_of, words_so_far

__all__ = [
    "SEEDS",
    "WORD",
    "own_architectures",
    "read_architecture",
    "record_seeds",
    "record_word",
    "seeds_of",
    "steer_of",
    "words_so_far",
]
