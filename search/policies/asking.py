"""What all policies share: results, a random generator for each number, state."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, ClassVar

from archwright.core import Candidate, Json
from archwright.search.policies.known import Known
from archwright.search.policies.protocol import Choice, Space
from archwright.search.predict.surrogate import Confidence


class Asking:
    """A policy but for its choice. A subclass fills in `choose`, and may learn in `learn`."""

    name: ClassVar[str]

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed
        self.known = Known()

    def ask(self, number: int) -> Choice:
        """See `Policy.ask`."""
        return self.choose(Random(f"{self.seed}/{number}"))

    def choose(self, rng: Random) -> Choice:
        """The next choice, from what is known."""
        raise NotImplementedError

    def tell(self, candidate: Candidate) -> None:
        """See `Policy.tell`."""
        if self.known.add(candidate, self.space.show(candidate)):
            self.learn(candidate)

    def learn(self, candidate: Candidate) -> None:
        """Whatever a policy keeps beside the results."""

    def best(self) -> str | None:
        """The best by what was measured."""
        return self.known.ranked[0].id if self.known.ranked else None

    def confidence(self) -> Confidence | None:
        """See `Policy.confidence`."""
        return None

    def state(self) -> dict[str, Any]:
        """See `Policy.state`."""
        return {"policy": self.name, "seed": self.seed, "told": len(self.known.all)}

    def restore(self, state: Json, results: Sequence[Candidate]) -> None:
        """See `Policy.restore`. What is learned is learned again from the results."""
        if self.known.all:
            raise ValueError("only a policy that was told nothing yet can be restored")
        for candidate in results:
            self.tell(candidate)
        if self.state() != state:
            raise ValueError(f"this is not the state of {self.name} after {len(results)} results")

    # --- choices that several policies make --------------------------------------------------

    def draft(self, rng: Random) -> Choice:
        """A new architecture."""
        return Choice("draft", (), rng.getrandbits(32))

    def apply(
        self, operator: str, first: Candidate, others: Sequence[Candidate], rng: Random
    ) -> Choice:
        """An operator on a parent, with a mate from `others` where it needs one.

        It starts one rung below the one that the parent reached: the rungs under that tell near
        relatives apart badly, and cost a training like any other.
        """
        parents = [first.id]
        if self.space.operators[operator] == 2:
            parents.append(rng.choice([o.id for o in others if o.id != first.id]))
        return Choice(operator, tuple(parents), rng.getrandbits(32), max(0, (first.rung or 0) - 1))

    def operators(self, *parents: int) -> list[str]:
        """Names of the operators that need so many parents."""
        return [name for name, needed in self.space.operators.items() if needed in parents]
