"""The policies that others have to beat: random draws, and a greedy tree."""

from __future__ import annotations

from random import Random
from typing import ClassVar, Final

from archwright.core import Candidate, CandidateStatus
from archwright.search.policies.asking import Asking
from archwright.search.policies.protocol import Choice, Space

DRAFTS: Final = 5
"""Architectures that are drawn before any is improved."""
DEBUG_SHARE: Final = 0.5
DEBUG_DEPTH: Final = 3


class Drafts(Asking):
    """A fresh draw each time: the search that learns nothing."""

    name: ClassVar[str] = "random"

    def choose(self, rng: Random) -> Choice:
        """See `Asking.choose`."""
        return self.draft(rng)


class Greedy(Asking):
    """A few drafts, then with even odds fix a broken leaf or improve the best.

    Jiang et al. 2025, "AIDE: AI-Driven Exploration in the Space of Code". To fix is to edit what
    broke: what the debugger can repair was repaired before it counted as broken.
    """

    name: ClassVar[str] = "greedy"

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self.repeated = 0
        """Repetitions since something new was made: each sends it on to the next best."""

    def learn(self, candidate: Candidate) -> None:
        """Count the repetitions."""
        self.repeated = self.repeated + 1 if candidate.status is CandidateStatus.DUPLICATE else 0

    def choose(self, rng: Random) -> Choice:
        """See `Asking.choose`."""
        ranked = self.known.ranked
        if len(self.known.measured) + len(self.known.broken) < DRAFTS or not ranked:
            return self.draft(rng)
        broken = self._broken_leaves() if rng.random() < DEBUG_SHARE else []
        start = rng.choice(broken) if broken else ranked[self.repeated % len(ranked)]
        mates = [r for r in ranked[: DRAFTS + 1] if r is not start]
        operator = rng.choice(self.operators(1, 2) if mates else self.operators(1))
        return self.apply(operator, start, mates, rng)

    def _broken_leaves(self) -> list[Candidate]:
        leaves = [r for r in self.known.broken if r.id not in self.known.children]
        return [r for r in leaves if self._depth(r) <= DEBUG_DEPTH]

    def _depth(self, candidate: Candidate) -> int:
        """How many broken candidates in a row led to this one, itself counted."""
        depth = 1
        while candidate.parents:
            parent = self.known.by_id.get(candidate.parents[0])
            if parent is None or parent.gain is not None:
                break
            candidate, depth = parent, depth + 1
        return depth
