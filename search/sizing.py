"""How large what is proposed shall be, where the aim is the smallest: sizes on a log scale, and
around the smallest that is still at the floor by bisection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from random import Random
from statistics import median_low
from typing import Final

from archwright.core import Candidate, Problem
from archwright.search.policies.protocol import Choice
from archwright.source.counting import whole_parameters

SPAN: Final = 256.0
"""The limit over the smallest size that is drawn before anything is known."""
STEP: Final = 8.0
"""A variation is at most so many times smaller than its parent."""
NARROW: Final = 1.25
"""Bounds that are closer have been bisected: only another structure leads below them."""
LEAST_FAILURES: Final = 4
"""So many too small ones raise the smallest size that is drawn."""
SHRUNK: Final = 0.95
"""A variation has at most this share of its parent's parameters."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """Sizes in parameters for the choices of one moment.

    Args:
        problem: the task's, with its limit.
        below: what is proposed has to have fewer parameters; None where their number is not the
            cost, or nothing is at the floor yet.
        reached: what was measured and is at the floor, or may still reach it.
        missed: what was measured and is not.
    """

    problem: Problem
    below: int | None = None
    reached: Sequence[Candidate] = ()
    missed: Sequence[Candidate] = ()
    _sizes: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sizes", {c.id: c.parameters for c in self.reached})

    def target(self, choice: Choice) -> int | None:
        """How many parameters a choice's candidate shall have, at most; None where the task's limit
        is all. The same choice has the same at the same moment."""
        rng = Random(f"size/{choice.seed}")
        parent = self._sizes.get(choice.parents[0]) if choice.parents else None
        if parent is None:
            most = self._most()
            return self._between(self._least(most), most, rng) if not choice.parents else most
        most = min(self._most(), int(SHRUNK * parent))
        children = [c.parameters for c in self.missed if c.parents[:1] == choice.parents[:1]]
        least = max((size for size in children if size < most), default=0)
        if self._own(least) * NARROW > self._own(most) or not least:
            least = self._fixed + int(self._own(most) / STEP)
        return self._between(least, most, rng)

    @property
    def _fixed(self) -> int:
        """Parameters of the network that the harness puts a candidate into."""
        return whole_parameters(0, self.problem)

    def _own(self, size: int) -> int:
        return max(1, size - self._fixed)

    def _most(self) -> int:
        limit = self.problem.max_params
        return limit if self.below is None else max(1, min(limit, self.below - 1))

    def _least(self, most: int) -> int:
        """The smallest size that is drawn: the middle of those that were too small, once there are
        some, and not much below what is to be beaten."""
        least = self._fixed + int(self._own(most) / SPAN)
        smallest = min((c.parameters for c in self.reached), default=most)
        small = [c.parameters for c in self.missed if c.parameters < smallest]
        if len(small) >= LEAST_FAILURES:
            least = max(least, min(median_low(small), self._fixed + int(self._own(most) / STEP)))
        return least

    def _between(self, least: int, most: int, rng: Random) -> int:
        """Log-uniform between two sizes, of what is the candidate's own."""
        low, high = log(self._own(least)), log(self._own(most))
        return self._fixed + round(exp(rng.uniform(min(low, high), high)))
