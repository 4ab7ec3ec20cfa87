"""The results that a policy was told, ready for what policies ask of them."""

from __future__ import annotations

from bisect import bisect_left, insort
from random import Random

from archwright.search.policies.protocol import Result


class Known:
    """Results by id, in the order in which they came, and by fitness."""

    def __init__(self) -> None:
        self.all: list[Result] = []
        self.by_id: dict[str, Result] = {}
        self.keys: set[str] = set()
        self.measured: list[Result] = []
        """In the order in which they came."""
        self.ranked: list[Result] = []
        """Measured ones, the best first; of equals the one that came first."""
        self.champions: list[Result] = []
        """The best of each lineage, the best first. A lineage is a draft, or what was known before,
        and all that descends from it by first parents."""
        self.broken: list[Result] = []
        """Those that failed."""
        self.children: dict[str, int] = {}
        self._lineage: dict[str, str] = {}
        self._champion: dict[str, Result] = {}

    def add(self, result: Result) -> bool:
        """Take in a result; False for one that was told before (as a migrant), which changes
        nothing."""
        if result.id in self.by_id:
            return False
        self.all.append(result)
        self.by_id[result.id] = result
        for parent in result.parents:
            self.children[parent] = self.children.get(parent, 0) + 1
        first = result.parents[0] if result.parents else result.id
        self._lineage[result.id] = self._lineage.get(first, first)
        if result.proposal is not None:
            self.keys.add(result.proposal.key)
        if result.gain is None and not result.duplicate:
            self.broken.append(result)
        if result.gain is not None:
            self.measured.append(result)
            insort(self.ranked, result, key=_order)
            self._compare(result)
        return True

    def _compare(self, result: Result) -> None:
        """Whether it is the champion of its lineage now."""
        lineage = self._lineage[result.id]
        before = self._champion.get(lineage)
        if before is not None:
            if result.fitness <= before.fitness:
                return
            self.champions.remove(before)
        self._champion[lineage] = result
        insort(self.champions, result, key=_order)

    def place(self, result: Result) -> int:
        """How many are better."""
        return bisect_left(self.ranked, _order(result), key=_order)

    def tournament(self, among: list[Result], entrants: int, rng: Random) -> Result:
        """The best of a few drawn at random."""
        return max(rng.sample(among, min(entrants, len(among))), key=lambda r: r.fitness)


def _order(result: Result) -> tuple[float, float]:
    rung, gain = result.fitness
    return -rung, -gain
