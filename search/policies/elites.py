"""MAP-Elites: the best of each kind is kept, and each kind goes on being improved."""

from __future__ import annotations

from random import Random
from typing import ClassVar, Final

from archwright.core import Candidate
from archwright.search.policies.asking import Asking
from archwright.search.policies.protocol import Choice, Space

DRAFTS: Final = 10
DRAFT_SHARE: Final = 0.1


class Elites(Asking):
    """An archive over family and size; parents are drawn evenly from its cells.

    Mouret and Clune 2015, "Illuminating search spaces by mapping elites".
    """

    # A dictionary, not `ribs`: a cell here is a name and a number of bits, which that library would
    # have to be told as floats in an array, and it brings a compiler (numba) with it.

    name: ClassVar[str] = "map-elites"

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self.cells: dict[tuple[str, int], Candidate] = {}

    def learn(self, candidate: Candidate) -> None:
        """Keep it if it is the best of its kind."""
        if candidate.gain is None:
            return
        cell = self.known.family(candidate), candidate.parameters.bit_length()
        if cell not in self.cells or candidate.fitness > self.cells[cell].fitness:
            self.cells[cell] = candidate

    def choose(self, rng: Random) -> Choice:
        """See `Asking.choose`."""
        if len(self.known.measured) < DRAFTS or rng.random() < DRAFT_SHARE:
            return self.draft(rng)
        elites = list(self.cells.values())
        operator = rng.choice(self.operators(1, 2) if len(elites) > 1 else self.operators(1))
        return self.apply(operator, rng.choice(elites), elites, rng)
