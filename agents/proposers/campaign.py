"""A campaign as a proposer is shown it, and the proposals that a model answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from archwright.agents.questions import Brief, Passage, ShownCandidate, Typed
from archwright.core import Candidate, Curve


class LedgerRow(Typed):
    """One candidate of a campaign in a line, a projection of it."""

    candidate: str
    parents: tuple[str, ...]
    proposer: str
    operator: str
    title: str
    status: str
    parameters: int
    scores: Mapping[str, float]
    """Mean score at each rung that it was measured at, by the rung's steps."""
    seeds: int
    """At its highest rung."""
    reason: str
    gains: Mapping[str, float] = {}
    """At each rung the gain over the baseline in the metric's unit, positive is better, by the
    rung's steps."""
    expected: float | None = None
    """The gain that its proposer expected, in the metric's unit."""
    problems: Mapping[str, float] = {}
    """Of a suite: the gain over the reference of each problem, in its noise, at the highest rung
    that was measured."""

    @property
    def gain(self) -> float | None:
        """At its highest rung."""
        return self.gains[max(self.gains, key=int)] if self.gains else None

    @classmethod
    def of(
        cls,
        candidate: Candidate,
        rungs: Sequence[int],
        sds: Sequence[float] = (),
        problems: Mapping[str, float] | None = None,
    ) -> Self:
        """The row of a candidate.

        Args:
            rungs: training budgets in steps, rising.
            sds: noise standard deviations at the rungs; without them no gain is said.
            problems: its gains on the problems of a suite.
        """
        return cls(
            candidate=candidate.id,
            parents=candidate.parents,
            proposer=candidate.proposer,
            operator=candidate.operator,
            title=candidate.title,
            status=candidate.status.value,
            parameters=candidate.parameters,
            scores={str(rungs[r]): m.score for r, m in sorted(candidate.rungs.items())},
            seeds=candidate.seeds,
            reason=candidate.reason,
            gains={
                str(rungs[r]): m.gain * sds[r]
                for r, m in sorted(candidate.rungs.items())
                if m.gain is not None and r < len(sds)
            },
            expected=candidate.expected,
            problems=problems or {},
        )


class ShownWork(ShownCandidate):
    """A candidate whose whole source is shown, with what can be seen of its trainings."""

    why: str = ""
    """Why it is shown: the verified best, the suggested parent, one unlike it."""
    curve: Curve = ()
    errors: str = ""
    """Where its predictions went wrong on validation."""


class Suggestion(Typed):
    """What the policy would try next."""

    operator: str
    parents: tuple[str, ...] = ()
    seed: int | None = None
    """Of the draw that the search has in mind, for a proposer that can make it."""
    about: str = ""
    """What the operator does, in a line."""
    target: int | None = None
    """Most parameters that it shall have, where the aim is the smallest."""


class Steer(Typed):
    """A person's word: shown to every proposer above all else but the contract."""

    words: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    """Families and ideas to keep away from."""
    pinned: tuple[str, ...] = ()
    """Families and ideas to keep to."""


class CampaignQuestion(Typed):
    """To the researcher, who also wears the coder's hat where `with_code`: what next?"""

    brief: Brief
    number: int
    """Of the first candidate that is asked for."""
    count: int = 1
    """Proposals that are asked for."""
    seed: int = 0
    """Of the run."""
    with_code: bool = True
    baseline: ShownWork
    layers: tuple[tuple[str, int], ...] = ()
    """The baseline's parameters by layer."""
    noise: tuple[tuple[int, float, float], ...] = ()
    """For each rung its steps, the baseline's mean and its noise standard deviation."""
    samples: int = 0
    """Samples of the validation split."""
    promoted: int = 3
    """A candidate is promoted when it is in the top 1/N of its rung."""
    left: str = ""
    """What is left of the budget, in words."""
    mode: str = ""
    """What the search does now, where it is at the metric's ceiling or on a plateau."""
    aim: str = ""
    """What is searched for where that is a cost at a floor of quality, with the smallest so far."""
    steer: Steer = Steer()
    memo: str = ""
    ledger: tuple[LedgerRow, ...] = ()
    omitted: int = 0
    """Candidates that are not in the ledger, for lack of space."""
    works: tuple[ShownWork, ...] = ()
    examples: tuple[ShownCandidate, ...] = ()
    """From earlier runs."""
    suggestion: Suggestion
    ranking: tuple[str, ...] = ()
    """Ids of what is under way as the surrogate expects them, the best first, where it is
    trusted."""
    lessons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()

    def work(self, id_: str) -> ShownCandidate | None:
        """What is shown under an id, the baseline included."""
        shown = (self.baseline, *self.works, *self.examples)
        return next((work for work in shown if work.id == id_), None)

    def knows(self, id_: str) -> bool:
        """Whether an id is one that is shown, in the ledger or with its source."""
        return self.work(id_) is not None or any(row.candidate == id_ for row in self.ledger)

    def shortened(self) -> Self | None:
        """The question with less in it, for a model whose context it does not fit: examples and
        passages go first, then works and the older half of the ledger; None where nothing is left
        to go."""
        if self.examples or self.passages or self.warnings or self.lessons:
            gone: dict[str, object] = {
                "examples": (), "passages": (), "warnings": (), "lessons": (),
            }  # fmt: skip
        elif len(self.works) > 1:
            gone = {"works": self.works[:1]}
        elif len(self.ledger) > 1:
            half = len(self.ledger) // 2
            gone = {"ledger": self.ledger[half:], "omitted": self.omitted + half}
        elif self.memo:
            gone = {"memo": ""}
        else:
            return None
        return self.model_copy(update=gone)


class Proposed(Typed):
    """One proposal as a model wrote it."""

    title: str
    move: str = ""
    """The kind of change, as an operator's name or in the model's own words."""
    rationale: str = ""
    hypothesis: str = ""
    expected: float | None = None
    """Gain over the baseline at the top rung that is expected, in the metric's unit; positive is
    better."""
    parents: tuple[str, ...] = ()
    """Ids of the ledger, the works or the examples, or `baseline`."""
    citations: tuple[str, ...] = ()
    source: str = ""
    """A whole file; empty where the reply holds no code for it that can be used."""
    fault: str = ""
    """Why its code cannot be used, for the model: a diff that fits nowhere, no valid Python."""


class Proposals(Typed):
    """All proposals of one reply, in its order."""

    proposals: tuple[Proposed, ...]
