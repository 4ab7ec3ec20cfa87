"""Architectures as source, for a policy to propose from, and what a source says of its architecture
without being run.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import Final

import numpy as np

from archwright.core import CONTROL, Array, Candidate, Problem, Recipe, SourceError
from archwright.search.operators import OPERATORS, NotApplicable, edit_of
from archwright.search.policies.protocol import Choice, Preview
from archwright.source.code import callee, code_of
from archwright.source.counting import count_parameters
from archwright.source.fingerprint import FAMILIES, family, read_source

SHORTLIST: Final = 16
"""Proposals that are compared for one candidate: an edit of source takes milliseconds."""


class SourceSpace:
    """The operators of the grammar, on the sources that it was shown.

    Args:
        problem: what candidates are built against.
        recipe: of a candidate that brings none.
        previews: how many proposals may be compared for one candidate; 0 where a model writes
            them, for what it will write cannot be known.

    Attributes:
        sized: how many parameters a choice's candidate shall have at most, None where it may have
            as many as the task allows.
    """

    operators: Mapping[str, int] = {n: o.parents for n, o in OPERATORS.items() if n != CONTROL}

    def __init__(self, problem: Problem, recipe: Recipe, previews: int = SHORTLIST) -> None:
        self.previews = previews
        self._problem = problem
        self._recipe = recipe
        self._sources: dict[str, str] = {}
        self._shown: dict[str, Preview | None] = {}
        self.sized: Callable[[Choice], int | None] = lambda choice: choice.target

    def show(self, candidate: Candidate) -> Preview | None:
        """See `Space.show`; None where the source breaks the contract."""
        if candidate.id not in self._shown:
            self._sources[candidate.id] = candidate.source
            self._shown[candidate.id] = self._describe(candidate.source)
        return self._shown[candidate.id]

    def forget(self, known: Container[str]) -> None:
        """From now on only what is known can be a parent."""
        self._sources = {id_: source for id_, source in self._sources.items() if id_ in known}
        self._shown = {id_: shown for id_, shown in self._shown.items() if id_ in known}

    def preview(self, choice: Choice) -> Preview | None:
        """See `Space.preview`: the edit that the symbolic backend makes from the choice's seed."""
        sources = tuple(self._sources[p] for p in choice.parents)
        try:
            made = edit_of(choice.operator, sources, self._problem, choice.seed, self.sized(choice))
        except (NotApplicable, SourceError):
            return None
        return self._describe(made.source)

    def _describe(self, source: str) -> Preview | None:
        try:
            features = outline(source, self._problem, self._recipe)
        except SourceError:
            return None
        key = hashlib.sha256(source.encode()).hexdigest()
        return Preview(key, features, family=family(source))


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
    names = Counter(callee(call) for call in code_of(source).calls)
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
