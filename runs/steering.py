"""The policy of a run: told what was found, asked what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from archwright.core import CONTROL, Candidate, Measurement, seed_of
from archwright.runs.context import Campaign, RunContext
from archwright.search.objectives import rank_by_objectives
from archwright.search.policies import Choice, Policy, open_policy
from archwright.search.policies.tweaks import force_structure
from archwright.search.source_space import SHORTLIST, SourceSpace

__all__ = ["Choice", "Steering"]


class Steering:
    """Chooses for one candidate after the other, in the order of their numbers."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._settings = context.settings
        previews = SHORTLIST if self._settings.backend == "symbolic" else 0
        self._space = SourceSpace(context.spec.problem, context.spec.recipe, previews)
        self._policy = self._open()
        self._told = 0
        self._chosen: list[str] = []

    def _open(self) -> Policy:
        seed = seed_of(self._settings.seed, "policy")
        return open_policy(self._settings.policy, self._space, seed, self._settings.islands)

    def choose(self, number: int, campaign: Campaign) -> Choice:
        """Every so often the control arm's random draw, else what the policy says. A control goes
        to the top at once, for what random draws reach is measured there."""
        share = self._settings.control
        if int(number * share) > int((number - 1) * share):
            return Choice(CONTROL, (), 0, self._context.top)
        return self._ask(number, self._read(campaign))

    def _ask(self, number: int, results: Sequence[Candidate]) -> Choice:
        """What the policy says, knowing `results`: those of last time, and more.

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
            return asdict(choice) | {"state": self._policy.state(), "confidence": believed}

        done = self._context.journal.once("choice", str(number), str(number), {}, decide)
        self._chosen.append(done["operator"])
        return Choice(done["operator"], tuple(done["parents"]), done["seed"], done.get("rung", 0))

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
