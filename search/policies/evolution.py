"""Regularised evolution: a tournament among the youngest."""

from __future__ import annotations

from random import Random
from typing import ClassVar, Final

from archwright.search.policies.asking import Asking
from archwright.search.policies.protocol import Choice

POPULATION: Final = 20
ENTRANTS: Final = 5


class Evolution(Asking):
    """Parents by tournament among those that came last; the oldest die, however good.

    Real et al. 2019, "Regularized Evolution for Image Classifier Architecture Search".
    """

    name: ClassVar[str] = "evolution"

    def choose(self, rng: Random) -> Choice:
        """See `Asking.choose`."""
        alive = self.known.measured[-POPULATION:]
        if len(alive) < POPULATION // 2:
            return self.draft(rng)
        first = self.known.tournament(alive, ENTRANTS, rng)
        return self.apply(rng.choice(self.operators(1)), first, alive, rng)
