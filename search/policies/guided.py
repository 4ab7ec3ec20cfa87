"""The default: of drafts and variations of the best, the one that the surrogate favours."""

from __future__ import annotations

from random import Random
from typing import ClassVar, Final, Literal, get_args

from archwright.search.policies.asking import Asking
from archwright.search.policies.protocol import Choice, Preview, Space
from archwright.search.policies.shortlist import Shortlist
from archwright.search.predict.surrogate import Confidence, Only

DRAFTS: Final = 8
"""So many are measured at the highest rung before anything is varied: what starts well may end
low."""
FRESH: Final = 0.4
"""Share of drafts after that: where the first were poor, only a draft leads away."""
BLIND: Final = 0.5
"""Share of the first drafts that the surrogate does not choose, once as many as `DRAFTS` are
measured at any rung: by lower rungs it favours what learns quickly, and of one kind."""
PARENTS: Final = 10
"""So many of the most promising are varied."""

GuidedPart = Literal["surrogate", "process", "forest", "drafts", "recombination"]
PARTS: Final[tuple[GuidedPart, ...]] = get_args(GuidedPart)
_ONLY: Final[dict[GuidedPart, Only]] = {"process": "forest", "forest": "process"}


class Guided(Asking):
    """Of many proposals, drafts and variations of the best, tries the one that is expected to
    improve most.

    Args:
        without: a part that is taken away, to see what it adds.
    """

    name: ClassVar[str] = "guided"

    def __init__(self, space: Space, seed: int, without: GuidedPart | None = None) -> None:
        super().__init__(space, seed)
        self.without = without
        self.shortlist = Shortlist(space, self.known, seed, _ONLY.get(without) if without else None)

    def choose(self, rng: Random) -> Choice:
        """See `Asking.choose`."""
        drafting = self._is_drafting()
        draw = self.draft if drafting else self._propose
        # Results that are at lower rungs still: where there is one rung alone, there are none.
        low = drafting and len(self.known.measured) >= DRAFTS
        blind = self.without == "surrogate" or (low and rng.random() < BLIND)
        return draw(rng) if blind else self.shortlist.pick(draw, rng)

    def _propose(self, rng: Random) -> Choice:
        if self.without != "drafts" and rng.random() < FRESH:
            return self.draft(rng)
        best = self.known.outlook.ranked[:PARENTS]
        mates = len(best) > 1 and self.without != "recombination"
        operator = rng.choice(self.operators(1, 2) if mates else self.operators(1))
        return self.apply(operator, rng.choice(best), best, rng)

    def _is_drafting(self) -> bool:
        """Whether too few have shown how high they end. What an earlier run found stands for the
        drafts that it was chosen from."""
        first = self.known.ranked[:DRAFTS]
        highest = [r for r in first if r.rung == first[0].rung]
        known = any(not r.number and (r.gain or 0) > 0 for r in highest)
        return len(highest) < DRAFTS and not known

    def confidence(self) -> Confidence | None:
        """See `Policy.confidence`."""
        return self.shortlist.confidence

    def expect(self, preview: Preview) -> float | None:
        """See `Policy.expect`."""
        return self.shortlist.expect(preview)
