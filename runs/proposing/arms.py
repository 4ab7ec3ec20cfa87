"""The arms of a campaign: who proposes, in which shares, by what came of it so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archwright.agents.backends.bandit import FULL_GAIN, Pull, choose_arm
from archwright.core import PERSON, Candidate
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal

SYMBOLIC: Final = "symbolic"
MODEL: Final = "model"
CONTROL_ARM: Final = "control"
LEAST_ROOM: Final = 2
LEAST_RESULTS: Final = 4
"""Results of each arm before gains decide: until then a model's answer and the symbolic engine's
proposal take turns."""


class Arms:
    """Chooses between the model and the symbolic engine.

    Where nobody says the share, by the gain that their candidates reached for what they cost: the
    bandit that also chooses among several models. The cost of a candidate is the share of the
    budget that it used, in trainings and in dollars.
    """

    def __init__(self, settings: RunSettings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._given = 0
        self._last = SYMBOLIC
        self._dead = not settings.asks_models

    @property
    def are_models_asked(self) -> bool:
        """Whether models still take part."""
        return not self._dead

    def end_models(self, reason: str) -> None:
        """Models are dead, or too dear: the symbolic engine continues alone."""
        self._dead = True
        self._journal.notice(f"{reason}: the symbolic engine continues alone")

    def choose(self, number: int, ended: Sequence[Candidate], room: int = LEAST_ROOM) -> str:
        """The arm whose turn it is, from what has ended; for the last candidate that the budget has
        room for no model is asked, unless models alone propose."""
        share = self._settings.model_share
        if self._dead or share == 0:
            return SYMBOLIC
        if share is not None:
            self._given += 1
            turn = int(self._given * share) > int((self._given - 1) * share)
            return MODEL if turn else SYMBOLIC
        if room < LEAST_ROOM:
            return SYMBOLIC
        self._last = self._by_gain(number, ended)
        return self._last

    def _by_gain(self, number: int, ended: Sequence[Candidate]) -> str:
        best = max((c.gain or 0.0 for c in ended), default=0.0)
        pulls = [
            Pull(_arm(c), FULL_GAIN * max(0.0, c.gain or 0.0) / best if best > 0 else 0.0, cost)
            for c, cost in zip(ended, self._costs(ended), strict=True)
            if not c.is_control and c.proposer not in ("", PERSON)
        ]
        known = [sum(p.model == arm for p in pulls) for arm in (MODEL, SYMBOLIC)]
        if min(known) < LEAST_RESULTS:
            return SYMBOLIC if self._last == MODEL else MODEL
        return choose_arm((MODEL, SYMBOLIC), pulls, number)

    def _costs(self, ended: Sequence[Candidate]) -> list[float]:
        """What each candidate used of the budget: trainings, and dollars as so many trainings."""
        settings = self._settings
        rate = 0.0
        if settings.max_usd and settings.max_trials:
            rate = settings.max_trials / settings.max_usd
        spent = self._journal.spend().usd * rate
        asked = max(1, sum(_arm(c) == MODEL for c in ended))
        return [max(1, c.trials) + (spent / asked if _arm(c) == MODEL else 0.0) for c in ended]


def _arm(candidate: Candidate) -> str:
    return MODEL if candidate.proposer not in ("", SYMBOLIC, PERSON) else SYMBOLIC
