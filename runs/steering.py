"""What to try next: which arm of a campaign proposes it, and what the policy has in mind for it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from archwright.core import CONTROL, Candidate, Measurement, seed_of
from archwright.runs.context import Campaign, RunContext
from archwright.runs.proposing.arms import CONTROL_ARM, MODEL, SYMBOLIC, Arms
from archwright.search.objectives import rank_by_objectives
from archwright.search.policies import Choice, Policy, open_policy
from archwright.search.policies.tweaks import force_structure
from archwright.search.source_space import SourceSpace

__all__ = ["Choice", "Move", "Steering"]


@dataclass(frozen=True, slots=True)
class Move:
    """What is to be done under one number."""

    choice: Choice
    arm: str = SYMBOLIC
    first: int = 0
    """The first number of those that share a model's answer."""
    place: int = 0
    """How many of those come before it."""
    count: int = 1
    """How many share the answer."""
    ranking: tuple[str, ...] = ()
    """What is under way as the surrogate expects it, the best first, where it is trusted."""
    stage: str = ""
    """What the search does now, where it is at the metric's ceiling or on a plateau."""


class Steering:
    """Chooses for one candidate after the other, in the order of their numbers."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._settings = context.settings
        self._space = SourceSpace(context.spec.problem, context.spec.recipe)
        self._policy = self._open()
        self._told = 0
        self._chosen: list[str] = []
        self._shared: Move | None = None
        self._lock = threading.RLock()
        self.arms = Arms(context.settings, context.journal)

    def _open(self) -> Policy:
        seed = seed_of(self._settings.seed, "policy")
        return open_policy(self._settings.policy, self._space, seed, self._settings.islands)

    def choose(
        self, number: int, campaign: Campaign, ended: Sequence[Candidate] = (), room: int = 1
    ) -> Move:
        """Every so often the control arm's random draw, else what the policy says, for the arm
        whose turn it is. A control goes to the top at once, for what random draws reach is measured
        there.

        Args:
            ended: all candidates that have ended.
            room: candidates that the budget has room for.
        """
        if is_control(number, self._settings.control):
            return Move(Choice(CONTROL, (), 0, self._context.top), CONTROL_ARM)
        with self._lock:
            return self._ask(number, self._read(campaign), ended, room)

    def _ask(
        self, number: int, results: Sequence[Candidate], ended: Sequence[Candidate], room: int
    ) -> Move:
        """What the policy says; the journal answers where it said it before.

        With several objectives a gain is a rank among all candidates. Any of them may have changed,
        so the policy starts afresh.
        """
        if len(self._settings.objectives) > 1:
            self._policy, self._told = self._open(), 0
        for result in results[self._told :]:
            self._policy.tell(result)
        self._told = len(results)

        def decide() -> dict[str, Any]:
            choice = self._force_structure(self._policy.ask(number))
            confidence = self._policy.confidence()
            believed = confidence and {**asdict(confidence), "earned": confidence.earned}
            said = {"state": self._policy.state(), "confidence": believed}
            return asdict(choice) | said | self._share(number, ended, room)

        done = self._context.journal.once("choice", str(number), str(number), {}, decide)
        self._chosen.append(done["operator"])
        choice = Choice(done["operator"], tuple(done["parents"]), done["seed"], done.get("rung", 0))
        move = Move(
            choice,
            arm=done.get("arm", SYMBOLIC),
            first=done.get("first", number),
            place=done.get("place", 0),
            count=done.get("count", 1),
        )
        self._shared = move if move.arm == MODEL else None
        return move

    def _share(self, number: int, ended: Sequence[Candidate], room: int) -> dict[str, Any]:
        """The arm whose turn it is. A model is asked for several candidates at once, and has the
        numbers that follow as well."""
        shared = self._shared
        if shared is not None and shared.place + 1 < shared.count:
            return {
                "arm": MODEL,
                "first": shared.first,
                "place": shared.place + 1,
                "count": shared.count,
            }
        arm = self.arms.choose(number, ended)
        count = min(self._settings.proposals, room) if arm == MODEL else 1
        return {"arm": arm, "first": number, "place": 0, "count": count}

    def expect(self, candidate: Candidate) -> float | None:
        """How good the surrogate expects a candidate to be, its doubt in the candidate's favour;
        None where it is not trusted."""
        with self._lock:
            shown = self._space.show(candidate)
            return None if shown is None else self._policy.expect(shown)

    def _force_structure(self, choice: Choice) -> Choice:
        most = self._settings.tweaks
        if most is None:
            return choice
        return force_structure(choice, self._chosen, self._space.operators, most)

    def _read(self, campaign: Campaign) -> list[Candidate]:
        """What was found, for the policy; what left nothing to start from is left out."""
        known = [self._place(c) for c in campaign.known.values()]
        usable = [c for c in known if not c.sequence or self._space.show(c) is not None]
        return list(rank_by_objectives(usable, self._settings.objectives))

    def _place(self, candidate: Candidate) -> Candidate:
        """What is known from before the search stands at the rung that it was measured at; what was
        measured at none of this run's rungs stands beside the baseline, which gains nothing."""
        if candidate.sequence or candidate.gain is not None:
            return candidate
        shown = Measurement(candidate.score or 0.0, 0.0)
        return replace(candidate, rungs={self._context.top: shown})


def is_control(number: int, share: float) -> bool:
    """Whether a number is the control arm's."""
    return int(number * share) > int((number - 1) * share)
