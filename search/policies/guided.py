"""The default: the best of several lineages are varied, by the operators that paid, and the
surrogate picks among proposals."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar, Final, Literal, get_args

from archwright.core import Candidate
from archwright.search.policies.asking import Asking
from archwright.search.policies.protocol import Choice, Preview, Space
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
        operator = self.values.choose(self.known.family(first), self._effect(first), names, rng)
        return self.apply(operator, first, best, rng)

    def _is_drafting(self) -> bool:
        """Whether too few lineages have shown how high they end. What an earlier run found stands
        for the drafts that it was chosen from."""
        first = self.known.champions[:DRAFTS]
        highest = [r for r in first if r.rung == first[0].rung]
        known = any(not r.number and (r.gain or 0) > 0 for r in highest)
        return len(highest) < DRAFTS and not known

    def learn(self, candidate: Candidate) -> None:
        """What the operator paid."""
        parent = self.known.by_id.get(candidate.parents[0]) if candidate.parents else None
        # A model's own moves are no operators that could be chosen.
        if parent is not None and candidate.operator in self.space.operators:
            after = (
                self.known.family(candidate) or self.known.family(parent),
                self._effect(candidate),
            )
            self.values.learn(
                self.known.family(parent), self._effect(parent), candidate.operator, after
            )

    def _effect(self, candidate: Candidate) -> Effect:
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

    def expect(self, preview: Preview) -> float | None:
        """See `Policy.expect`."""
        return self.shortlist.expect(preview)

    def state(self) -> dict[str, Any]:
        """See `Policy.state`."""
        return super().state() | {"values": self.values.to_json()}


# --- operators ------------------------------------------------------------------------------------

Effect = Literal["start", "better", "worse", "failed"]

RATE: Final = 0.2
DISCOUNT: Final = 0.3
EXPLORE: Final = 0.25
"""Share of the choices that are made evenly, so that no operator is given up for good."""


class OperatorValues:
    """Q-learning with (family, last outcome) as the state and operators as the actions.

    Anu et al. 2025, "HHNAS-AM: Hierarchical Hybrid Neural Architecture Search using Adaptive
    Mutation Policies". The reward of an operator is 1 when its child beat its parent, else 0.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], dict[str, float]] = {}

    def choose(self, family: str, outcome: Effect, operators: Sequence[str], rng: Random) -> str:
        """The operator of the highest value, of equals any; sometimes any at all."""
        if rng.random() < EXPLORE:
            return rng.choice(operators)
        values = self._values.get((family, outcome), {})
        highest = max(values.get(o, 0.5) for o in operators)
        return rng.choice([o for o in operators if values.get(o, 0.5) == highest])

    def learn(
        self,
        family: str,
        outcome: Effect,
        operator: str,
        after: tuple[str, Effect],
    ) -> None:
        """An operator led from a state to the state `after`."""
        reward = float(after[1] == "better")
        ahead = max(self._values.get(after, {}).values(), default=0.5)
        target = (1 - DISCOUNT) * reward + DISCOUNT * ahead
        values = self._values.setdefault((family, outcome), {})
        old = values.get(operator, 0.5)
        values[operator] = old + RATE * (target - old)

    def to_json(self) -> dict[str, dict[str, float]]:
        """The table: `family/outcome` to operator to value, in [0, 1]."""
        return {"/".join(state): dict(values) for state, values in self._values.items()}
