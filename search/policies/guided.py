"""The default: the best of several lineages are varied, by the operators that paid, and the
surrogate picks among proposals."""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar, Final, Literal, get_args

from archwright.core import Candidate
from archwright.search.policies.asking import Asking
from archwright.search.policies.operator_values import OperatorValues, Outcome
from archwright.search.policies.protocol import Choice, Space
from archwright.search.policies.shortlist import OPTIMISM, Shortlist
from archwright.search.predict.surrogate import Confidence

DRAFTS: Final = 8
"""Lineages at the highest rung before anything is varied."""
FRESH: Final = 1 / 3
"""Share of drafts after that: where the first lineages were all poor, only a draft leads away."""
PARENTS: Final = 5
"""The best of so many lineages are varied: of all results, one lineage would soon be left."""

Part = Literal["surrogate", "optimism", "values", "recombination", "lineages", "drafts"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)


class Guided(Asking):
    """Varies the best of a lineage, and of many proposals tries the one that the surrogate favours.

    Args:
        without: a part that is taken away, to see what it adds.
    """

    name: ClassVar[str] = "guided"

    def __init__(self, space: Space, seed: int, without: Part | None = None) -> None:
        super().__init__(space, seed)
        self.without = without
        self.values = OperatorValues()
        self.shortlist = Shortlist(
            space, self.known, seed, 0.0 if without == "optimism" else OPTIMISM
        )

    def choose(self, rng: Random) -> Choice:
        """See `Asking.choose`."""
        share = 0.0 if self.without == "drafts" else FRESH
        drafts = self._is_drafting() or rng.random() < share
        draw = self.draft if drafts else self._vary
        return draw(rng) if self.without == "surrogate" else self.shortlist.pick(draw, rng)

    def _vary(self, rng: Random) -> Choice:
        pool = self.known.ranked if self.without == "lineages" else self.known.champions
        best = pool[:PARENTS]
        first = rng.choice(best)
        mates = len(best) > 1 and self.without != "recombination"
        names = self.operators(1, 2) if mates else self.operators(1)
        if self.without == "values":
            return self.apply(rng.choice(names), first, best, rng)
        operator = self.values.choose(self.known.family(first), self._outcome(first), names, rng)
        return self.apply(operator, first, best, rng)

    def _is_drafting(self) -> bool:
        """Whether too few lineages have shown how high they end. What an earlier run found stands
        for the drafts that it was chosen from."""
        first = self.known.champions[:DRAFTS]
        enough = len(first) == DRAFTS and first[0].rung == first[-1].rung
        return not enough and not any(not r.number and (r.gain or 0) > 0 for r in first)

    def learn(self, candidate: Candidate) -> None:
        """What the operator paid."""
        parent = self.known.by_id.get(candidate.parents[0]) if candidate.parents else None
        if parent is not None:
            after = (
                self.known.family(candidate) or self.known.family(parent),
                self._outcome(candidate),
            )
            self.values.learn(
                self.known.family(parent), self._outcome(parent), candidate.operator, after
            )

    def _outcome(self, candidate: Candidate) -> Outcome:
        """What came of the operator that made a candidate."""
        if candidate.gain is None:
            return "failed"
        parent = self.known.by_id.get(candidate.parents[0]) if candidate.parents else None
        if parent is None:
            return "start"
        return "better" if candidate.fitness > parent.fitness else "worse"

    def confidence(self) -> Confidence | None:
        """See `Policy.confidence`."""
        return self.shortlist.confidence

    def state(self) -> dict[str, Any]:
        """See `Policy.state`."""
        return super().state() | {"values": self.values.to_json()}
