"""What to try next: parents and an operator, from what is known. Search never evaluates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from archwright.search.operators import OPERATORS

EARLY: Final = 6
"""Below this many measured candidates the search mostly draws new ones."""
DRAFT_SHARE: Final = (0.6, 0.15)
"""Share of new drafts early on, and later."""
TOURNAMENT: Final = 4
CONTROL: Final = "control"
"""The operator of the control arm: a random draw that no search has touched."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A measured architecture that can be a parent.

    `gain` is over the baseline at the same rung, in its noise standard deviations.
    """

    id: str
    source: str
    rung: int
    gain: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Parents (ids; none for a draft) and the operator to apply to them."""

    operator: str
    parents: tuple[str, ...]


class Policy(Protocol):
    """Chooses what to try next. A pure function of the pool and the random state."""

    def choose(self, pool: Sequence[Scored], rng: Random) -> Choice:
        """The next choice. `pool` holds the baseline, at least."""
        ...


class Tournament:
    """Parents by tournament over what was measured, with a share of fresh drafts.

    Selection as in regularised evolution (Real et al. 2019, "Regularized Evolution for Image
    Classifier Architecture Search"), without ageing: a candidate that climbed further beats one
    that did not, then the higher gain wins.
    """

    def choose(self, pool: Sequence[Scored], rng: Random) -> Choice:
        """See `Policy.choose`."""
        share = DRAFT_SHARE[len(pool) > EARLY]
        if rng.random() < share:
            return Choice("draft", ())
        first = self._pick(pool, rng)
        operator = rng.choice([n for n, info in OPERATORS.items() if 0 < info.parents <= len(pool)])
        if OPERATORS[operator].parents == 1:
            return Choice(operator, (first.id,))
        second = self._pick([s for s in pool if s.id != first.id], rng)
        return Choice(operator, (first.id, second.id))

    @staticmethod
    def _pick(pool: Sequence[Scored], rng: Random) -> Scored:
        entrants = rng.sample(list(pool), min(TOURNAMENT, len(pool)))
        return max(entrants, key=lambda s: (s.rung, s.gain))
