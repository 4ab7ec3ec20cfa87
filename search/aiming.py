"""What results say of an aim at a cost: what a candidate must show at a rung that may still reach
the floor, which is the smallest that does, and how candidates compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, log2, sqrt
from typing import Final

import numpy as np

from archwright.core import BASELINE, Aim, Candidate, Floor
from archwright.search.objectives import with_gain

SURE: Final = 1.0
"""A candidate is at the floor once its mean is so many standard errors above it."""
OPTIMISM: Final = 0.75
"""Of the improvements from a rung to the top that were seen, the quantile that is hoped for."""
HOPE: Final = 0.2
"""Of what a rung leaves to the best possible score, at least so much is taken to be left at the
top."""
UNKNOWN: Final = 1e6
"""Noise standard deviations that one whose cost is unknown lies behind all others."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """The results of a search for the least cost, as of one moment.

    Args:
        floors: the noise floor by rung. Only those of rungs in question are looked at.
        measured: candidates of the search with a score.
        baseline: with its mean at the top rung, once that is known.
    """

    aim: Aim
    floors: Sequence[Floor]
    measured: Sequence[Candidate]
    baseline: Candidate

    @property
    def top(self) -> int:
        """The highest rung."""
        return len(self.floors) - 1

    def needed(self, rung: int) -> float:
        """The score at a rung from which the floor may still be reached at the top: with the
        improvement that the best quarter of all showed that were trained at both, the baseline
        among them."""
        aim, floors, top = self.aim, self.floors, self.top
        if rung == top:
            return aim.floor
        pairs = [(floors[rung].mean, floors[top].mean)]
        both = [c.rungs for c in self.measured if {rung, top} <= c.rungs.keys()]
        pairs += [(rungs[rung].score, rungs[top].score) for rungs in both]
        gain, ideal = aim.metric.gain, self.aim.metric.ideal
        if not isfinite(ideal):
            gains = [gain(after, before) for before, after in pairs]
            return self._below(aim.floor, max(0.0, float(np.quantile(gains, OPTIMISM))))
        # Towards the best possible score what is left shrinks by a share, not by an amount.
        left = [gain(ideal, t) / gain(ideal, r) for r, t in pairs if gain(ideal, r) > 0]
        share = float(np.quantile(left, 1 - OPTIMISM)) if left else 1.0
        return self._below(ideal, gain(ideal, aim.floor) / min(1.0, max(HOPE, share)))

    def _below(self, score: float, amount: float) -> float:
        """A score that is worse by an amount."""
        return score - amount if self.aim.metric.direction == "maximize" else score + amount

    def is_hopeful(self, candidate: Candidate) -> bool:
        """Whether it may be promoted although it is below what is needed, for small networks learn
        more slowly than those that `needed` knows: nothing that is not larger is better at its
        rung, and it is not too far below."""
        rung, score = candidate.rung, candidate.score
        if rung is None or score is None or rung == self.top:
            return False
        gain, cost, ideal = self.aim.metric.gain, self.aim.cost, self.aim.metric.ideal
        shown = ((cost(c), c.rungs[rung].score) for c in self.measured if rung in c.rungs)
        if any(other <= cost(candidate) and gain(seen, score) >= 0 for other, seen in shown):
            return False
        return not isfinite(ideal) or HOPE * gain(ideal, score) <= gain(ideal, self.aim.floor)

    def is_met(self, candidate: Candidate) -> bool:
        """Whether a candidate is at the floor, or at a lower rung may still reach it, by its
        mean."""
        rung, score = candidate.rung, candidate.score
        return (
            rung is not None
            and score is not None
            and self.aim.metric.gain(score, self.needed(rung)) >= 0
        )

    def is_sure(self, candidate: Candidate) -> bool:
        """Whether its mean at the top rung lies above the floor beyond its standard error."""
        shown = candidate.rungs.get(self.top)
        if shown is None:
            return False
        error = self.floors[self.top].sd / sqrt(max(1, shown.seeds))
        return self.aim.margin(shown.score) > SURE * error

    @property
    def baseline_meets(self) -> bool:
        """Whether the baseline's mean is at the floor; not as long as it is not known."""
        shown = self.baseline.rungs.get(self.top)
        return shown is not None and self.aim.margin(shown.score) >= 0

    def smallest(self) -> Candidate | None:
        """The smallest that is at the floor beyond its standard error; None as long as none is."""
        sure = [c for c in self.measured if isfinite(self.aim.cost(c)) and self.is_sure(c)]
        return min(sure, key=lambda c: (self.aim.cost(c), c.sequence), default=None)

    def to_beat(self) -> Candidate | None:
        """What a candidate must be smaller than: the smallest by now, or the baseline where that is
        at the floor."""
        smallest = self.smallest()
        bases = [self.baseline] if self.baseline_meets else []
        known = [*bases, *([] if smallest is None else [smallest])]
        return min(known, key=self.aim.cost, default=None)

    def too_costly(self, candidate: Candidate) -> str:
        """Why a candidate need not be trained: one at the floor is not larger; empty where it may
        be worth it."""
        beaten = self.to_beat()
        if beaten is None or self.aim.cost(candidate) < self.aim.cost(beaten):
            return ""
        name = "the baseline" if beaten.id == BASELINE else f"candidate {beaten.id}"
        own, other = (self.aim.cost(c) for c in (candidate, beaten))
        return (
            f"it has {self.aim.cost_text(own)}, and {name} reaches the floor with "
            f"{self.aim.cost_text(other)}"
        )

    def rank(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """The candidates with each gain replaced by what it is worth to the aim: above 0 and the
        larger the smaller it is where it is at the floor, else what it lacks, below 0.

        After the rules for feasible and infeasible solutions of Deb (2000, "An efficient constraint
        handling method for genetic algorithms").
        """
        return tuple(with_gain(c, self._worth(c)) for c in candidates)

    def _worth(self, candidate: Candidate) -> float | None:
        rung, score, cost = candidate.rung, candidate.score, self.aim.cost(candidate)
        if rung is None or score is None:
            return None
        over = self.aim.metric.gain(score, self.needed(rung)) / self.floors[rung].sd
        if cost == inf:
            return min(over, 0.0) - UNKNOWN
        return over if over < 0 else 64.0 - log2(cost)
