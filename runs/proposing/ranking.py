"""How promising a candidate is that waits for its first training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from archwright.core import Candidate
from archwright.source.fingerprint import family

LEAST_PAIRS = 6
"""Results beside expectations before expectations are compared with them."""
ALIKE = 0.25
"""What a candidate loses for each of its family among the latest that were let in."""


@dataclass(slots=True)
class Promise:
    """Ranks by the surrogate where it is trusted, else by what the proposer expected, set against
    how its expectations fared so far; and the more of one family were let in last, the less
    promising is another.

    Args:
        expect: what the surrogate expects; None where it is not trusted.
        ended: all candidates that have ended.
        sd: the noise standard deviation at the top rung, in the metric's unit; None before it is
            known.
    """

    expect: Callable[[Candidate], float | None]
    ended: Callable[[], Sequence[Candidate]]
    sd: Callable[[], float | None]

    def __call__(self, candidate: Candidate) -> float:
        """The promise of a candidate, to be compared with others of the same moment."""
        if candidate.is_control or candidate.is_from_person:
            return math.inf
        ended = self.ended()
        alike = Counter(family(c.source) for c in ended[-2 * LEAST_PAIRS :] if c.trials)
        penalty = ALIKE * alike[family(candidate.source)] / (2 * LEAST_PAIRS)
        believed = self.expect(candidate)
        if believed is not None:
            return believed - penalty
        return expected_gain(candidate, ended, self.sd()) - penalty


def expected_gain(candidate: Candidate, ended: Sequence[Candidate], sd: float | None) -> float:
    """The gain that is to be expected, in noise standard deviations: the mean of what the same
    proposer's candidates reached, moved by what was expected of this one as far as expectations
    were right before. Linear regression on earlier pairs, shrunk by `LEAST_PAIRS` of no relation.
    """
    same = [c for c in ended if c.proposer == candidate.proposer and c.gain is not None]
    mean = fmean([c.gain or 0.0 for c in same]) if same else 0.0
    pairs = [(c.expected, c.gain) for c in same if c.expected is not None and c.gain is not None]
    if candidate.expected is None or not sd:
        return mean
    if len(pairs) < LEAST_PAIRS:
        return mean + 0.5 * candidate.expected / sd
    wanted = [expected / sd for expected, _ in pairs]
    middle, reached = fmean(wanted), fmean(gain for _, gain in pairs)
    spread = sum((w - middle) ** 2 for w in wanted) / len(wanted)
    together = sum(
        (w - middle) * (gain - reached) for w, (_, gain) in zip(wanted, pairs, strict=True)
    ) / len(pairs)
    slope = together / spread if spread > 0 else 0.0
    slope *= len(pairs) / (len(pairs) + LEAST_PAIRS)
    return reached + max(0.0, slope) * (candidate.expected / sd - middle)
