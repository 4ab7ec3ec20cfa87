"""The policy of a run: told what was found, asked what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from archwright.agents.questions import Work
from archwright.core import End, TaskSpec
from archwright.runs.candidates import seed_of
from archwright.runs.halving import highest
from archwright.runs.journal.journal import Journal
from archwright.runs.ledger import Tried
from archwright.runs.settings import RunSettings
from archwright.search.policies import Choice, Policy, Result, open_policy
from archwright.search.policies.tweaks import force_structure
from archwright.search.source_space import SHORTLIST, SourceSpace
from archwright.source.family import family


class Steering:
    """Asks the policy for one candidate after the other, in the order of their numbers."""

    def __init__(self, spec: TaskSpec, settings: RunSettings, journal: Journal) -> None:
        previews = SHORTLIST if settings.backend == "symbolic" else 0
        self._space = SourceSpace(spec.problem, spec.recipe, previews)
        self._settings = settings
        self._journal = journal
        self._policy = self._open()
        self._told = 0
        self._results: dict[str, Result | None] = {}
        self._chosen: list[str] = []

    def _open(self) -> Policy:
        seed = seed_of(self._settings.seed, "policy")
        return open_policy(self._settings.policy, self._space, seed, self._settings.islands)

    def choose(self, number: int, results: Sequence[Result]) -> Choice:
        """What candidate `number` is to be, knowing `results`: those of last time, and more.

        Where gains are standings among several objectives, any of them may have changed, and the
        policy begins anew.
        """
        if len(self._settings.objectives) > 1:
            self._policy, self._told = self._open(), 0
        for result in results[self._told :]:
            self._policy.tell(result)
        self._told = len(results)

        def decide() -> dict[str, Any]:
            choice = self._force_structure(self._policy.ask(number))
            made = asdict(choice)
            confidence = self._policy.confidence()
            believed = (
                None if confidence is None else {**asdict(confidence), "earned": confidence.earned}
            )
            return made | {"state": self._policy.state(), "confidence": believed}

        done = self._journal.once("choice", str(number), str(number), {}, decide)
        self._chosen.append(done["operator"])
        return Choice(done["operator"], tuple(done["parents"]), done["seed"], done.get("rung", 0))

    def _force_structure(self, choice: Choice) -> Choice:
        most = self._settings.tweaks
        if most is None:
            return choice
        return force_structure(choice, self._chosen, self._space.operators, most)

    def known(self, work: Work, rung: int) -> Result:
        """An architecture that was measured before the search began, at `rung`."""
        result = self._results.get(work.id)
        if result is None:
            result = self._results[work.id] = Result(
                number=0,
                id=work.id,
                operator="",
                parents=(),
                gain=work.gain or 0.0,
                rung=rung,
                family=family(work.source),
                parameters=work.parameters,
                proposal=self._space.show(work.id, work.source),
            )
        return result

    def tried(self, number: int, tried: Tried) -> Result | None:
        """A candidate of this run; None for one that left nothing to start from."""
        if tried.id not in self._results:
            self._results[tried.id] = self._read(number, tried)
        return self._results[tried.id]

    def _read(self, number: int, tried: Tried) -> Result | None:
        proposal = self._space.show(tried.id, tried.source)
        if proposal is None:
            return None
        rung, shown = highest(tried.rungs)
        return Result(
            number=number,
            id=tried.id,
            operator=tried.operator,
            parents=tried.parents,
            gain=shown.gain if shown else None,
            rung=rung,
            family=family(tried.source),
            parameters=tried.parameters,
            proposal=proposal,
            duplicate=tried.end is End.DUPLICATE,
        )
