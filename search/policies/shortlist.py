"""Several proposals in place of one, and the surrogate's pick among them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

import numpy as np

from archwright.core import Array, Candidate
from archwright.search.policies.asking import Known
from archwright.search.policies.outlook import REFIT
from archwright.search.policies.protocol import Choice, Preview, Space
from archwright.search.predict.surrogate import Confidence, Only, Surrogate

MOST_EXAMPLES: Final = 160


class Shortlist:
    """Draws choices, previews their proposals, and takes the one that is expected to improve most
    on the best; before the first handful of results the first that is new."""

    def __init__(self, space: Space, known: Known, seed: int, only: Only | None = None) -> None:
        self._space = space
        self._known = known
        self._surrogate = Surrogate(seed, only)
        self._fitted = 0

    @property
    def confidence(self) -> Confidence:
        """How well the surrogate predicts, as of its last fit."""
        return self._surrogate.confidence()

    def pick(self, draw: Callable[[Random], Choice], rng: Random) -> Choice:
        """The best of several draws; the only one where nothing can be previewed."""
        if not self._space.previews:
            return draw(rng)
        self._refit()
        found = self._draw(draw, self._space.previews if self._surrogate.ready else 1, rng)
        if len(found) < 2:
            return found[0][0] if found else draw(rng)
        improvement = self._surrogate.improvement(np.array([p.features for _, p in found]))
        return found[int(np.argmax(improvement))][0]

    def expect(self, proposal: Preview) -> float | None:
        """The logarithm of the improvement that is expected of a proposal; None before the first
        handful of results."""
        self._refit()
        if not self._surrogate.ready:
            return None
        return float(self._surrogate.improvement(proposal.features[None, :])[0])

    def _draw(
        self, draw: Callable[[Random], Choice], count: int, rng: Random
    ) -> list[tuple[Choice, Preview]]:
        """So many choices that lead to new and different candidates; fewer where that is hard."""
        found: dict[str, tuple[Choice, Preview]] = {}
        for _ in range(2 * self._space.previews):
            choice = draw(rng)
            proposal = self._space.preview(choice)
            if proposal is not None and proposal.key not in self._known.keys:
                found.setdefault(proposal.key, (choice, proposal))
            if len(found) == count:
                break
        return list(found.values())

    def _refit(self) -> None:
        count = len(self._known.measured)
        if not count or count - self._fitted < REFIT * count:
            return
        self._fitted = count
        examples = [r for r in self._examples() if r.id in self._known.proposals]
        if examples:
            features = [self._known.proposals[r.id].features for r in examples]
            sizes = np.array([r.parameters for r in examples], float)
            self._surrogate.fit(np.array(features), targets(len(examples)), sizes, count)

    def _examples(self) -> list[Candidate]:
        """The best and the latest, the best first."""
        ranked = self._known.outlook.ranked
        if len(ranked) <= MOST_EXAMPLES:
            return ranked
        half = MOST_EXAMPLES // 2
        best = ranked[:half]
        ids = {r.id for r in best}
        latest = [r for r in self._known.measured[-half:] if r.id not in ids]
        return best + sorted(latest, key=self._known.outlook.of, reverse=True)


def targets(count: int) -> Array:
    """What the surrogate learns for `count` results, the best first: minus the logarithm of the
    rank, for the differences that matter are those at the top."""
    ranks = np.arange(count, dtype=float)
    wanted: Array = -np.log1p(ranks)
    return wanted
