"""Monte-Carlo tree search over lineages."""

from __future__ import annotations

from math import log, sqrt
from random import Random
from typing import ClassVar, Final

from archwright.core import Candidate
from archwright.search.policies.asking import Asking
from archwright.search.policies.protocol import Choice, Space
from archwright.search.policies.shortlist import Shortlist
from archwright.search.predict.surrogate import Confidence

ROOT: Final = ""
EXPLORE: Final = 0.5
WIDENING: Final = 0.5
"""A node has at most visits ** WIDENING children before one of them is followed instead."""
MATES: Final = 10
PLACES: Final = 4
"""Nodes that compete for being expanded."""


class Tree(Asking):
    """Follows the tree of parents and children to where value and uncertainty are highest, and
    expands there by a mutation or a recombination.

    Li et al. 2025, "AgentSwift: Efficient LLM Agent Design via Value-guided Hierarchical Search":
    among several expansions the one is tried that a value model favours.
    """

    name: ClassVar[str] = "mcts"

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self.shortlist = Shortlist(space, self.known, seed)
        self.children: dict[str, list[str]] = {ROOT: []}
        self.visits: dict[str, int] = {ROOT: 0}
        self.peaks: dict[str, Candidate] = {}
        """The best of each node and all that descends from it."""

    def learn(self, candidate: Candidate) -> None:
        """A visit to it and to all it descends from."""
        parent = candidate.parents[0] if candidate.parents else ROOT
        parent = parent if parent in self.visits else ROOT
        path = self._path(parent)
        if candidate.gain is not None:
            self.children[parent].append(candidate.id)
            self.children[candidate.id] = []
            self.visits[candidate.id] = 0
            path.insert(0, candidate.id)
        for node in path:
            self.visits[node] += 1
            if node not in self.peaks or candidate.fitness > self.peaks[node].fitness:
                self.peaks[node] = candidate

    def _path(self, node: str) -> list[str]:
        """A node and all above it."""
        path = [node]
        while path[-1] != ROOT:
            parents = self.known.by_id[path[-1]].parents
            path.append(parents[0] if parents and parents[0] in self.visits else ROOT)
        return path

    def choose(self, rng: Random) -> Choice:
        """See `Asking.choose`."""
        if not self.known.measured:
            return self.draft(rng)
        nodes = [self._select(rng) for _ in range(PLACES)]
        return self.shortlist.pick(lambda rng: self._expand(rng.choice(nodes), rng), rng)

    def confidence(self) -> Confidence | None:
        """See `Policy.confidence`."""
        return self.shortlist.confidence

    def _select(self, rng: Random) -> str:
        node = ROOT
        while self.children[node] and len(self.children[node]) >= self.visits[node] ** WIDENING:
            above = log(self.visits[node] + 1)
            scores = [
                self._value(child) + EXPLORE * rng.random() * sqrt(above / self.visits[child])
                for child in self.children[node]
            ]
            node = self.children[node][scores.index(max(scores))]
        return node

    def _value(self, node: str) -> float:
        """The share of all measured that the best of a node and what descends from it beats."""
        return 1 - self.known.place(self.peaks[node]) / len(self.known.ranked)

    def _expand(self, node: str, rng: Random) -> Choice:
        if node == ROOT:
            return self.draft(rng)
        first = self.known.by_id[node]
        mates = [r for r in self.known.ranked[:MATES] if r is not first]
        operator = rng.choice(self.operators(1, 2) if mates else self.operators(1))
        return self.apply(operator, first, mates, rng)
