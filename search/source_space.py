"""Architectures as source, for a policy to propose from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from random import Random
from typing import Final

from archwright.core import CONTROL, Candidate, Problem, Recipe, SourceError
from archwright.search.operators.operators import OPERATORS, edit
from archwright.search.operators.parents import NotApplicable
from archwright.search.policies.protocol import Choice, Proposal
from archwright.search.predict.outline import outline
from archwright.source.fingerprint import family

SHORTLIST: Final = 16
"""Proposals that are compared for one candidate: an edit of source takes milliseconds."""


class SourceSpace:
    """The operators of the grammar, on the sources that it was shown.

    Args:
        problem: what candidates are built against.
        recipe: of a candidate that brings none.
        previews: how many proposals may be compared for one candidate; 0 where a model writes
            them, for what it will write cannot be known.
    """

    operators: Mapping[str, int] = {n: o.parents for n, o in OPERATORS.items() if n != CONTROL}

    def __init__(self, problem: Problem, recipe: Recipe, previews: int = SHORTLIST) -> None:
        self.previews = previews
        self._problem = problem
        self._recipe = recipe
        self._sources: dict[str, str] = {}
        self._shown: dict[str, Proposal | None] = {}

    def show(self, candidate: Candidate) -> Proposal | None:
        """See `Space.show`; None where the source breaks the contract."""
        if candidate.id not in self._shown:
            self._sources[candidate.id] = candidate.source
            self._shown[candidate.id] = self._describe(candidate.source)
        return self._shown[candidate.id]

    def preview(self, choice: Choice) -> Proposal | None:
        """See `Space.preview`: the edit that the symbolic backend makes from the choice's seed."""
        sources = [self._sources[p] for p in choice.parents]
        try:
            made = edit(choice.operator, sources, self._problem, Random(choice.seed))
        except (NotApplicable, SourceError):
            return None
        return self._describe(made.source)

    def _describe(self, source: str) -> Proposal | None:
        try:
            features = outline(source, self._problem, self._recipe)
        except SourceError:
            return None
        key = hashlib.sha256(source.encode()).hexdigest()
        return Proposal(key, features, family=family(source))
