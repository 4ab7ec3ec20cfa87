"""Several searches side by side that now and then send each other their best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from archwright.core import Candidate, Json
from archwright.search.policies.protocol import Choice, Policy, Preview, Space
from archwright.search.predict.surrogate import Confidence

MIGRATION: Final = 20
"""Results that an island is told between two migrations from it."""


class Islands:
    """Numbers go round the islands; the best of each migrates to the next.

    Args:
        make: a policy from a space and a seed.
        count: how many islands.
    """

    def __init__(
        self, make: Callable[[Space, int], Policy], space: Space, seed: int, count: int
    ) -> None:
        self._islands = [make(space, seed * count + i) for i in range(count)]
        self._told = [0] * count
        self._results: dict[str, Candidate] = {}

    def ask(self, number: int) -> Choice:
        """See `Policy.ask`."""
        return self._islands[number % len(self._islands)].ask(number)

    def tell(self, candidate: Candidate) -> None:
        """See `Policy.tell`. What was known before belongs to all."""
        self._results[candidate.id] = candidate
        if candidate.number == 0:
            for island in self._islands:
                island.tell(candidate)
            return
        home = candidate.number % len(self._islands)
        self._islands[home].tell(candidate)
        self._told[home] += 1
        best = self._islands[home].best()
        if self._told[home] % MIGRATION == 0 and best is not None:
            self._islands[(home + 1) % len(self._islands)].tell(self._results[best])

    def best(self) -> str | None:
        """See `Policy.best`."""
        found = [self._results[b] for i in self._islands if (b := i.best()) is not None]
        return max(found, key=lambda r: r.fitness).id if found else None

    def confidence(self) -> Confidence | None:
        """That of the island whose surrogate predicts best."""
        best = self._best_informed()
        return None if best is None else best.confidence()

    def expect(self, preview: Preview) -> float | None:
        """What the island expects whose surrogate predicts best."""
        best = self._best_informed()
        return None if best is None else best.expect(preview)

    def _best_informed(self) -> Policy | None:
        known = [(c.correlation, i) for i in self._islands if (c := i.confidence()) is not None]
        return max(known, key=lambda pair: pair[0])[1] if known else None

    def state(self) -> dict[str, Any]:
        """See `Policy.state`."""
        return {"islands": [i.state() for i in self._islands], "told": list(self._told)}

    def restore(self, state: Json, results: Sequence[Candidate]) -> None:
        """See `Policy.restore`."""
        if self._results:
            raise ValueError("only a policy that was told nothing yet can be restored")
        for candidate in results:
            self.tell(candidate)
        if self.state() != state:
            raise ValueError(f"this is not the state of these islands after {len(results)} results")
