"""Which of the best candidates are discoveries.

A finalist is trained on fresh seeds, paired with its controls on the same seeds and steps: the
baseline; where it is larger, the baseline scaled to its size; where it brings a recipe, the
baseline trained with that recipe. It must beat them all. While a verdict is open and the budget
lasts, seeds are added. Only then is the sealed test split opened, once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from archwright.core import Candidate, TrialSpec, Verdict
from archwright.runs.context import RunContext
from archwright.runs.journal import Journal
from archwright.runs.verification.controls import EQUAL_PARAMETERS, Controls, make_controls
from archwright.runs.verification.finalists import choose_finalists
from archwright.runs.verification.judgement import Against, confirm, judge
from archwright.runs.verification.statistics import STAGES

FRESH_SEED: Final = 1000
"""Verification's seeds start here; the search's start at 0."""
SEEDS_PER_ROUND: Final = 100
SECOND_STAGE: Final = 2
TEST: Final = "test"
"""The kind of a step that opens the test split for a finalist."""

Field = tuple[Candidate, Controls]
"""A finalist with its controls."""


class Verification:
    """Verifies the finalists of one run. A later `round_` uses seeds of its own.

    Args:
        allowance: most trainings that it may use, None without a limit.
    """

    def __init__(self, context: RunContext, allowance: int | None = None, round_: int = 0) -> None:
        self._context = context
        self._left = allowance
        self.round = round_
        self._scores: dict[str, list[float | None]] = {}

    def verify(self, count: int) -> list[Verdict]:
        """Verdicts on the best `count` candidates of the run, best first."""
        half = None if self._left is None else self._left // 2
        finalists, spent = choose_finalists(self._context, count, half)
        self._spend(spent)
        fields = {f.id: (f, make_controls(self._context, f)) for f in finalists}
        rounds = self.round + 1  # who asks again has more chances, and is corrected for them
        verdicts: dict[str, Verdict] = {}
        for stage in range(1, STAGES + 1):
            # Where seeds run short, they go to the most promising.
            order = sorted(fields, key=lambda i: -verdicts[i].effect if i in verdicts else 0.0)
            wanting = [fields[i] for i in order if _wants_seeds(verdicts.get(i), stage)]
            for finalist, controls in self._train(wanting, stage):
                verdicts[finalist.id] = self._judge(finalist, controls, len(fields) * rounds)
        self._context.journal.note(unverified=[i for i in fields if i not in verdicts])
        tested = [v for v in verdicts.values() if v.verdict == "discovery"]
        ends = [
            self._confirm(v, *fields[i], len(tested) * rounds) if v in tested else v
            for i, v in verdicts.items()
        ]
        return [replace(v, round=self.round) for v in ends]

    def _spend(self, trials: int) -> None:
        if self._left is not None:
            self._left -= trials

    # --- trials ---------------------------------------------------------------------------------

    def _train(self, fields: Sequence[Field], stage: int) -> list[Field]:
        """Train finalists with their controls up to the stage's seeds; those that the allowance
        had room for."""
        wanted = self._context.settings.verify_seeds * stage
        jobs: dict[tuple[str, int], tuple[Candidate, int]] = {}
        fitting: list[Field] = []
        for finalist, controls in fields:
            more = {
                (c.id, seed): (c, seed)
                for c in (finalist, *controls.values())
                for seed in range(len(self._scores.get(c.id, ())), wanted)
            }
            if self._left is None or len(jobs | more) <= self._left:
                jobs |= more
                fitting.append((finalist, controls))
        self._spend(len(jobs))
        order = sorted(jobs.values(), key=lambda job: job[1])
        train = self._context.trainer.train_sealed
        with ThreadPoolExecutor(self._context.settings.workers) as pool:
            trials = pool.map(lambda job: train(self._trial(*job)), order)
            for (candidate, _), trial in zip(order, trials, strict=True):
                self._scores.setdefault(candidate.id, []).append(trial.score)
        return fitting

    def _trial(self, candidate: Candidate, seed: int) -> TrialSpec:
        fresh = fresh_seed(self.round, seed)
        return TrialSpec(candidate, self._context.top, fresh, purpose="verification")

    # --- judgement ------------------------------------------------------------------------------

    def _judge(self, finalist: Candidate, controls: Controls, tried: int) -> Verdict:
        own = self._scores[finalist.id]
        rivals = controls.values()
        everyone = [own, *(self._scores[c.id][: len(own)] for c in rivals)]
        failed = [
            who.title
            for who, scores in zip((finalist, *rivals), everyone, strict=True)
            if None in scores
        ]
        if failed:
            blank = (0.0, (0.0, 0.0), 1.0, len(own), f"{failed[0]} failed to train on a fresh seed")
            end: Literal["no gain", "undecided"] = "no gain" if None in own else "undecided"
            return Verdict(finalist.id, finalist.title, end, *blank)
        known = [[s for s in scores if s is not None] for scores in everyone]
        against = [
            Against(kind, c.title, c.parameters, tuple(scores))
            for (kind, c), scores in zip(controls.items(), known[1:], strict=True)
        ]
        metric = self._context.metric
        verdict = judge(metric, finalist.id, finalist.title, known[0], against, tried)
        size = max(c.parameters for c in rivals)
        if verdict.verdict == "discovery" and finalist.parameters > size * (1 + EQUAL_PARAMETERS):
            reason = f"no baseline of its size could be made: the largest has {size} parameters"
            return replace(verdict, verdict="undecided", reason=reason)
        return verdict

    def _confirm(
        self, verdict: Verdict, finalist: Candidate, controls: Controls, tested: int
    ) -> Verdict:
        """The evaluation on the test split, for what is a discovery so far."""
        key = f"{finalist.id}/{self.round}"
        request = {"seeds": verdict.seeds, "controls": [c.id for c in controls.values()]}
        self._context.journal.once(TEST, key, finalist.id, request, lambda: {"at": time.time()})
        open_sealed = self._context.trainer.open_sealed
        own, *others = [
            np.stack([open_sealed(self._trial(who, s)) for s in range(verdict.seeds)])
            for who in (finalist, *controls.values())
        ]
        return confirm(self._context.metric, verdict, own, others, tested)


def _wants_seeds(verdict: Verdict | None, stage: int) -> bool:
    """A verdict that is open does; a discovery once, so that its evaluation on the test split is
    worth having."""
    if verdict is None or verdict.verdict == "undecided":
        return True
    return verdict.verdict == "discovery" and stage == SECOND_STAGE


def fresh_seed(round_: int, number: int = 0) -> int:
    """The seed with the given number, from 0, of a round of verification."""
    return FRESH_SEED + SEEDS_PER_ROUND * round_ + number


def rounds_so_far(journal: Journal) -> int:
    """How many times the run's sealed test split was opened."""
    return len({step.key.rpartition("/")[2] for step in journal.steps(TEST)})
