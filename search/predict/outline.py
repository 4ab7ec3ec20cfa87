"""What a source says of its architecture without being run, as numbers for a surrogate."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from typing import Final

import numpy as np

from archwright.core import Array, Problem, Recipe
from archwright.source.code import callee, calls, code_of
from archwright.source.counting import count_parameters
from archwright.source.fingerprint import FAMILIES, family, read_source

BUCKETS: Final = 32
"""Places that the names of what is called are hashed to."""
WIDTH: Final = BUCKETS + len(FAMILIES) + 5


def outline(source: str, problem: Problem, recipe: Recipe) -> Array:
    """Calls by name (logarithms of their counts), family, parameters (0 where they cannot be
    counted), calls in all, and the recipe: float64 `(WIDTH,)`.

    Raises:
        SourceError: the source breaks the contract.
    """
    trained = read_source(source, problem, recipe).recipe
    names = Counter(callee(call) for call in calls(code_of(source).tree))
    buckets = np.zeros(BUCKETS)
    for name, times in names.items():
        buckets[zlib.crc32(name.encode()) % BUCKETS] += times
    kind = family(source)
    return np.array(
        [
            *np.log1p(buckets),
            *(float(kind == other) for other in FAMILIES),
            math.log1p(count_parameters(source, problem) or 0),
            math.log1p(names.total()),
            math.log(trained.learning_rate),
            trained.weight_decay,
            math.log(trained.batch_size),
        ]
    )
