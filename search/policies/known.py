"""The candidates that a policy was told, ready for what policies ask of them."""

from __future__ import annotations

from bisect import bisect_left, insort
from random import Random

from archwright.core import Candidate, CandidateStatus
from archwright.search.policies.protocol import Proposal


class Known:
    """Candidates by id, in the order in which they came, and by fitness."""

    def __init__(self) -> None:
        self.all: list[Candidate] = []
        self.by_id: dict[str, Candidate] = {}
        self.proposals: dict[str, Proposal] = {}
        """What is known of them, by id."""
        self.keys: set[str] = set()
        self.measured: list[Candidate] = []
        """In the order in which they came."""
        self.ranked: list[Candidate] = []
        """Measured ones, the best first; of equals the one that came first."""
        self.champions: list[Candidate] = []
        """The best of each lineage, the best first. A lineage is a draft, or what was known before,
        and all that descends from it by first parents."""
        self.broken: list[Candidate] = []
        """Those that failed."""
        self.children: dict[str, int] = {}
        self._lineage: dict[str, str] = {}
        self._champion: dict[str, Candidate] = {}

    def add(self, candidate: Candidate, proposal: Proposal | None) -> bool:
        """Take in a candidate that has ended; False for one that was told before (as a migrant),
        which changes nothing."""
        id_ = candidate.id
        if id_ in self.by_id:
            return False
        self.all.append(candidate)
        self.by_id[id_] = candidate
        for parent in candidate.parents:
            self.children[parent] = self.children.get(parent, 0) + 1
        first = candidate.parents[0] if candidate.parents else id_
        self._lineage[id_] = self._lineage.get(first, first)
        if proposal is not None:
            self.proposals[id_] = proposal
            self.keys.add(proposal.key)
        if candidate.gain is not None:
            self.measured.append(candidate)
            insort(self.ranked, candidate, key=_order)
            self._compare(candidate)
        elif candidate.status is not CandidateStatus.DUPLICATE:
            self.broken.append(candidate)
        return True

    def family(self, candidate: Candidate) -> str:
        """The coarse kind of a candidate; empty where it is not known."""
        proposal = self.proposals.get(candidate.id)
        return proposal.family if proposal else ""

    def _compare(self, candidate: Candidate) -> None:
        """Whether it is the champion of its lineage now."""
        lineage = self._lineage[candidate.id]
        before = self._champion.get(lineage)
        if before is not None:
            if candidate.fitness <= before.fitness:
                return
            self.champions.remove(before)
        self._champion[lineage] = candidate
        insort(self.champions, candidate, key=_order)

    def place(self, candidate: Candidate) -> int:
        """How many are better."""
        return bisect_left(self.ranked, _order(candidate), key=_order)

    def tournament(self, among: list[Candidate], entrants: int, rng: Random) -> Candidate:
        """The best of a few drawn at random."""
        return max(rng.sample(among, min(entrants, len(among))), key=lambda r: r.fitness)


def _order(candidate: Candidate) -> tuple[float, float]:
    rung, gain = candidate.fitness
    return -rung, -gain
