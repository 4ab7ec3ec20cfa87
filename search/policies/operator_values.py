"""Which operator pays where: learned while searching."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, Literal

Outcome = Literal["start", "better", "worse", "failed"]

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

    def choose(self, family: str, outcome: Outcome, operators: Sequence[str], rng: Random) -> str:
        """The operator of the highest value, of equals any; sometimes any at all."""
        if rng.random() < EXPLORE:
            return rng.choice(operators)
        values = self._values.get((family, outcome), {})
        highest = max(values.get(o, 0.5) for o in operators)
        return rng.choice([o for o in operators if values.get(o, 0.5) == highest])

    def learn(
        self,
        family: str,
        outcome: Outcome,
        operator: str,
        after: tuple[str, Outcome],
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
