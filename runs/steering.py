"""What to try next: which arm of a campaign proposes it, and what the policy has in mind for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Final

from archwright.core import (
    CONTROL,
    PERSON,
    QUALITY,
    Candidate,
    CandidateStatus,
    Measurement,
    seed_of,
)
from archwright.runs.context import Campaign, RunContext, prospect_of
from archwright.runs.guiding import seeds_of, words_so_far
from archwright.runs.history import History
from archwright.runs.proposing.arms import CONTROL_ARM, MODEL, SYMBOLIC, Arms
from archwright.search.aiming import Prospect
from archwright.search.objectives import rank_by_objectives
from archwright.search.plateau import PlateauStage, stage_of
from archwright.search.policies import Choice, Policy, open_policy
from archwright.search.policies.tweaks import force_structure
from archwright.search.sizing import Sizing
from archwright.search.source_space import SHORTLIST, SourceSpace
from archwright.source.fingerprint import family

__all__ = ["Choice", "Move", "Steering"]

SMALLER: Final = ("simplify", "drop_branch", "widen")
"""Operators that can make an architecture smaller."""
COUNTED: Final = ("parameters", "int8")
"""Costs that follow the number of parameters."""
PRESSED: Final = 4
"""Proposals that are compared for one candidate where slots are about to wait for candidates."""
DRAWS: Final = 8
"""Drafts that are looked at for one of another kind."""
STAGES: Final[Mapping[PlateauStage, str]] = {
    "broaden": "nothing new is gained: the search broadens to kinds unlike the best",
    "cost": "nothing more is gained: the search looks for fewer parameters at an equal score",
    "stop": "nothing more is gained: the search stops, as the task says",
}
"""What is said once a stage begins."""


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
    stage: PlateauStage = "search"
    """What the search does now: something else at the metric's ceiling and on a plateau."""
    words: int = 0
    """How many words of a person it has heard."""
    seed: int | None = None
    """Which of a person's own architectures it is."""

    @property
    def is_for_model(self) -> bool:
        """Whether a model is asked."""
        return self.arm == MODEL


class Steering:
    """Chooses for one candidate after the other, in the order of their numbers.

    Attributes:
        seen: the candidates that have ended, as far as choices know of them.
        arms: who proposes.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._settings = context.settings
        self._space = SourceSpace(context.spec.problem, context.spec.recipe)
        self._chosen: deque[str] = deque(maxlen=context.settings.tweaks or 0)
        self._shared: Move | None = None
        self._seeds = 0
        self._lock = threading.RLock()
        self.seen = History(context.facts.most_known)
        self._forgotten = 0
        self._begin()
        self.arms = Arms(context.settings, context.journal)

    def _begin(self) -> None:
        """With a policy that was told nothing yet."""
        self._policy = self._open()
        self._told = 0
        self._staged: tuple[tuple[int, int], PlateauStage] | None = None
        self._best: tuple[int, Candidate | None] = 0, None

    def _open(self) -> Policy:
        seed = seed_of(self._settings.seed, "policy")
        return open_policy(self._settings.policy, self._space, seed, self._settings.islands)

    def choose(
        self,
        number: int,
        campaign: Campaign,
        room: int = 1,
        is_pressed: bool = False,
    ) -> Move:
        """Every so often the control arm's random draw, else what the policy says, for the arm
        whose turn it is. A control goes to the top at once, for what random draws reach is measured
        there.

        Args:
            room: candidates that the budget has room for.
            is_pressed: whether slots are about to wait: then fewer proposals are compared.
        """
        if is_control(number, self._settings.control):
            return Move(self._control(number), CONTROL_ARM)
        with self._lock:
            if campaign.forgotten != self._forgotten:
                self._forgotten = campaign.forgotten
                self._space.forget(campaign.known)
                self._begin()
            self._space.previews = PRESSED if is_pressed else SHORTLIST
            return self._ask(number, campaign, room)

    def _control(self, number: int) -> Choice:
        """A random draw; where the aim is a cost, of any size."""
        choice = Choice(CONTROL, (), 0, self._context.top)
        if self._context.aim is None:
            return choice
        sized = replace(choice, seed=seed_of(self._settings.seed, "control", number))
        return replace(choice, target=Sizing(self._context.spec.problem).target(sized))

    def _sizing(self, prospect: Prospect) -> Sizing:
        """How large what is proposed shall be, by the results so far."""
        reached = [c for c in prospect.measured if prospect.is_met(c)]
        ids = {c.id for c in reached}
        missed = [c for c in prospect.measured if c.id not in ids]
        beaten = prospect.to_beat() if prospect.aim.objective in COUNTED else None
        if prospect.baseline_meets:
            reached.append(prospect.baseline)
        below = beaten.parameters if beaten else None
        return Sizing(self._context.spec.problem, below, reached, missed)

    def stage(self, campaign: Campaign) -> PlateauStage:
        """What the search does by what it has found: a task says what follows a plateau."""
        if self._context.aim is not None:
            return "search"  # A cost has no ceiling.
        found = campaign.measured
        shown = campaign.forgotten, len(found)
        if self._staged is None or self._staged[0] != shown:
            self._staged = shown, stage_of(found, self._context.floors, self._context.spec)
        return self._staged[1]

    def is_over(self, campaign: Campaign) -> bool:
        """Whether the search is to stop here, as the task says; what it does instead of going on as
        before is said once."""
        stage = self.stage(campaign)
        if stage in STAGES:
            self._context.journal.notice(STAGES[stage])
        return stage == "stop"

    def _ask(self, number: int, campaign: Campaign, room: int) -> Move:
        """What the policy says; the journal answers where it said it before.

        With several objectives, or one that is a cost, a gain is a rank among all candidates. Any
        of them may have changed, so the policy starts afresh.
        """
        prospect = prospect_of(self._context, campaign)
        if prospect is not None:
            self._space.sized = self._sizing(prospect).target
        if self._settings.objectives != (QUALITY,):
            self._policy, self._told = self._open(), 0
        for result in self._read(campaign):
            self._policy.tell(result)
        self._told = len(campaign.known)

        def decide() -> dict[str, Any]:
            stage = self.stage(campaign)
            choice = self._force_structure(self._policy.ask(number))
            choice = self._adapt(choice, stage, campaign)
            choice = replace(choice, target=self._space.sized(choice))
            confidence = self._policy.confidence()
            believed = confidence and asdict(confidence)
            said = {"state": self._policy.state(), "confidence": believed, "stage": stage}
            return asdict(choice) | said | self._share(number, room)

        done = self._context.journal.once("choice", str(number), str(number), {}, decide)
        self._chosen.append(done["operator"])
        choice = Choice(
            operator=done["operator"],
            parents=tuple(done["parents"]),
            seed=done["seed"],
            rung=done.get("rung", 0),
            target=done.get("target"),
        )
        move = Move(
            choice,
            arm=done.get("arm", SYMBOLIC),
            first=done.get("first", number),
            place=done.get("place", 0),
            count=done.get("count", 1),
            ranking=tuple(done.get("ranking", ())),
            stage=done.get("stage", "search"),
            words=done.get("words", 0),
            seed=done.get("seed_from"),
        )
        self._seeds += move.arm == PERSON
        if move.arm != PERSON:
            self._shared = move if move.is_for_model else None
        return move

    def _share(self, number: int, room: int) -> dict[str, Any]:
        """The arm whose turn it is. A model is asked for several candidates at once, and has the
        numbers that follow as well."""
        journal, shared = self._context.journal, self._shared
        words = words_so_far(journal)
        if self._seeds < len(seeds_of(journal, words)):
            return {"arm": PERSON, "first": number, "words": words, "seed_from": self._seeds}
        if shared is not None and shared.place + 1 < shared.count:
            return {
                "arm": MODEL,
                "first": shared.first,
                "place": shared.place + 1,
                "count": shared.count,
                "words": words,
            }
        most = self._settings.max_candidates
        room = room if most is None else min(room, most - number + 1)
        arm = self.arms.choose(number, self.seen.all(), room)
        count = min(self._settings.proposals, room) if arm == MODEL else 1
        ranking = self._ranking() if arm == MODEL else ()
        return {"arm": arm, "first": number, "count": count, "words": words, "ranking": ranking}

    def _ranking(self) -> list[str]:
        """What is under way as the surrogate expects it, the best first."""
        open_ = [
            c for c in self._context.journal.each_candidate() if c.status is CandidateStatus.OPEN
        ]
        expected = {c.id: e for c in open_ if (e := self.expect(c)) is not None}
        return sorted(expected, key=lambda id_: -expected[id_])

    def _adapt(self, choice: Choice, stage: PlateauStage, campaign: Campaign) -> Choice:
        """The choice as the stage wants it: a draft of another kind than the best, or something
        smaller made of the best."""
        best = self._best_of(campaign)
        if stage in ("search", "stop") or best is None:
            return choice
        if stage == "cost":
            operator = SMALLER[choice.seed % len(SMALLER)]
            return Choice(operator, (best.id,), choice.seed, max(0, (best.rung or 0) - 1))
        kind = family(best.source)
        drafts = (Choice("draft", (), choice.seed + i) for i in range(DRAWS))
        shown = ((draft, self._space.preview(draft)) for draft in drafts)
        unlike = (draft for draft, made in shown if made is not None and made.family != kind)
        return next(unlike, Choice("draft", (), choice.seed))

    def _best_of(self, campaign: Campaign) -> Candidate | None:
        """The first of the best that were measured; only what is new is looked at."""
        seen, best = self._best
        for candidate in islice(campaign.measured, seen, None):
            if candidate.gain is not None and (best is None or candidate.fitness > best.fitness):
                best = candidate
        self._best = len(campaign.measured), best
        return best

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
        return force_structure(choice, list(self._chosen), self._space.operators, most)

    def _read(self, campaign: Campaign) -> list[Candidate]:
        """What the policy was not told yet; what left nothing to start from is left out."""
        new = islice(campaign.known, self._told, None)
        shown: Sequence[Candidate] = [campaign.known[id_] for id_ in new]
        if (prospect := prospect_of(self._context, campaign)) is not None:
            shown = prospect.rank(shown)
        known = [self._place(c) for c in shown]
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
