"""Which of several models to ask: a bandit that weighs gain against dollars."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from archwright.agents.roles import RUN_ROLES
from archwright.core import InputError

FULL_GAIN: Final = 10.0
"""Gain, in noise standard deviations, from which a candidate counts as a full success."""
LEAST_SHARE: Final = 0.01
"""A model that costs nothing counts as this share of the dearest."""


@dataclass(frozen=True, slots=True)
class Pull:
    """What came of one candidate: who answered, its gain (noise standard deviations), its cost."""

    model: str
    gain: float
    usd: float


def choose_arm(models: Sequence[str], pulls: Sequence[Pull], number: int) -> str:
    """The model for candidate `number`: untried ones in turn, then the highest index.

    The index is (mean reward + sqrt(2 ln t / n)) / mean cost, of fractional KUBE (Tran-Thanh,
    Chapman, Rogers and Jennings 2012, "Knapsack Based Optimal Policies for Budget-Limited
    Multi-Armed Bandits"). The reward is the gain over the baseline from 0 to 1. It depends on
    nothing but the arguments.
    """
    by_model = {m: [p for p in pulls if p.model == m] for m in models}
    untried = [m for m in models if not by_model[m]]
    if untried:
        return untried[number % len(untried)]
    costs = {m: sum(p.usd for p in seen) / len(seen) for m, seen in by_model.items()}
    least = LEAST_SHARE * max(costs.values()) or 1.0
    total = sum(map(len, by_model.values()))

    def index(model: str) -> float:
        seen = by_model[model]
        mean = sum(min(max(p.gain, 0.0) / FULL_GAIN, 1.0) for p in seen) / len(seen)
        reach = math.sqrt(2 * math.log(total) / len(seen))
        return (mean + reach) / max(costs[model], least)

    return max(models, key=index)


def parse_models(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Models by role, those for every role under "", from `NAME` or `ROLE=NAME`.

    Raises:
        InputError: a role is unknown, or some role is left without a model.
    """
    found = _by_role(words, "--model")
    missing = [r for r in RUN_ROLES if r not in found]
    if missing and "" not in found:
        raise InputError(f"no model for the {missing[0]}: add --model NAME for all other roles")
    return found


def parse_others(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Models that take over, in this order, where one is dead; as `parse_models`, but a role may
    have none.

    Raises:
        InputError: a role is unknown.
    """
    return _by_role(words, "--or")


def _by_role(words: Sequence[str], option: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        role, _, name = word.partition("=")
        if not name or role not in RUN_ROLES:
            role, name = "", word
        if "=" in name and "/" not in name.partition("=")[0]:
            raise InputError(f"{option} {word}: the roles are {', '.join(RUN_ROLES)}")
        if not name.strip():
            raise InputError(f"{option} needs a name")
        found[role] = (*found.get(role, ()), name)
    return found


class ModelPool:
    """The models of a run: one for each role, or several among which the bandit chooses.

    Args:
        models: names by role, "" for every role that is not named.
        pulls: what came of the candidates that candidate `number` may see, from the journal.
        others: by role like the models, those that take over where a model is dead.
    """

    def __init__(
        self,
        models: Mapping[str, tuple[str, ...]],
        pulls: Callable[[int], Sequence[Pull]],
        others: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        self._models = dict(models)
        self._others = dict(others)
        self._pulls = pulls
        self._lock = threading.Lock()
        self._chosen: dict[tuple[tuple[str, ...], int], str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every model that may be asked."""
        named = (*self._models.values(), *self._others.values())
        return tuple(dict.fromkeys(n for names in named for n in names))

    def chain(self, role: str, candidate: str) -> tuple[str, ...]:
        """The model that answers a role for a candidate, and those that take over from it."""
        others = (*self._others.get(role, ()), *self._others.get("", ()))
        return tuple(dict.fromkeys((self.choose(role, candidate), *others)))

    def choose(self, role: str, candidate: str) -> str:
        """The model that answers a role for a candidate: one per candidate, and always the same."""
        names = self._models.get(role) or self._models[""]
        if len(names) == 1:
            return names[0]
        number = int("".join(c for c in candidate if c.isdigit()) or 0)
        with self._lock:
            if (names, number) not in self._chosen:
                pulls = [p for p in self._pulls(number) if p.model in names]
                self._chosen[names, number] = choose_arm(names, pulls, number)
            return self._chosen[names, number]
