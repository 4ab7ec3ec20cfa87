"""Which of the best candidates are discoveries.

A finalist is trained on fresh seeds, paired with its controls on the same seeds and steps: the
baseline; where it is larger, the baseline scaled to its size; where it brings a recipe, the
baseline trained with that recipe. It must beat them all. While a verdict is open and the budget
lasts, seeds are added. Only then is the sealed test split opened, once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Final, Literal, Protocol

import numpy as np

from archwright.core import Array, Recipe, Status, TaskSpec
from archwright.runs.halving import Trains
from archwright.runs.journal.journal import Journal
from archwright.runs.noise import BASELINE, Floor
from archwright.runs.results.snapshot import Verdict
from archwright.runs.settings import RunSettings
from archwright.runs.trainer import Trial, TrialRequest
from archwright.runs.verification.judgement import Against, confirm, judge
from archwright.runs.verification.statistics import STAGES
from archwright.sandbox import Sandbox
from archwright.search.operators.scaling import scale_width
from archwright.search.policies import CONTROL

FRESH_SEED: Final = 1000
"""Verification's seeds start here; the search's start at 0."""
SEEDS_PER_ROUND: Final = 100
EQUAL_PARAMETERS: Final = 0.05
SECOND_STAGE: Final = 2
PLAYOFF: Final = 3
"""Candidates in the play-off for each place among the finalists."""


class TrainsSealed(Trains, Protocol):
    """What trains for verification: `archwright.runs.trainer.Trainer`, or a simulation of it."""

    def train_sealed(self, request: TrialRequest) -> Trial: ...

    def open_sealed(self, request: TrialRequest) -> Array: ...


@dataclass(frozen=True, slots=True)
class Contender:
    """An architecture under verification: a finalist or one of its controls."""

    id: str
    title: str
    source: str
    recipe: Recipe
    parameters: int
    kind: str = "finalist"
    seeds: int = 0
    """Seeds with which the search trained it at the top rung."""


Field = tuple[Contender, list[Contender]]
"""A finalist with its controls."""


class Verification:
    """Verifies the finalists of one run. A later `round_` uses seeds of its own.

    Args:
        allowance: most trainings that it may use, None without a limit.
    """

    def __init__(
        self,
        spec: TaskSpec,
        settings: RunSettings,
        trainer: TrainsSealed,
        sandbox: Sandbox,
        journal: Journal,
        floors: Sequence[Floor],
        allowance: int | None = None,
        round_: int = 0,
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._trainer = trainer
        self._sandbox = sandbox
        self._journal = journal
        self._top = len(spec.rungs) - 1
        self._floor = floors[-1]
        self._left = allowance
        self.round = round_
        self._baseline = Contender(
            BASELINE, "the baseline", spec.baseline, spec.recipe, floors[-1].parameters, BASELINE
        )
        self._scores: dict[str, list[float | None]] = {}

    def verify(self, count: int) -> list[Verdict]:
        """Verdicts on the best `count` candidates of the run, best first."""
        fields = {f.id: (f, self._controls(f)) for f in self._choose(count)}
        rounds = self.round + 1  # who asks again has more chances, and is corrected for them
        verdicts: dict[str, Verdict] = {}
        for stage in range(1, STAGES + 1):
            # Where seeds run short, they go to the most promising.
            order = sorted(fields, key=lambda i: -verdicts[i].effect if i in verdicts else 0.0)
            wanting = [fields[i] for i in order if _wants_seeds(verdicts.get(i), stage)]
            for finalist, controls in self._train(wanting, stage):
                verdicts[finalist.id] = self._judge(finalist, controls, len(fields) * rounds)
        self._journal.note("unverified", [i for i in fields if i not in verdicts])
        looked = [v for v in verdicts.values() if v.verdict == "discovery"]
        ends = [
            self._confirm(v, *fields[i], len(looked) * rounds) if v in looked else v
            for i, v in verdicts.items()
        ]
        return [replace(v, round=self.round) for v in ends]

    # --- finalists and their controls -----------------------------------------------------------

    def _choose(self, count: int) -> list[Contender]:
        """The finalists, best first: the best of a play-off on the seeds of the noise floor."""
        gains = self._play_off(self._enter(count))
        best = sorted(gains, key=lambda i: -gains[i])[:count]
        return [self._contender(i) for i in best if gains[i] > 0]

    def _enter(self, count: int) -> list[str]:
        """Those at the top rung that gained anything, best first.

        A gain on few seeds is trusted less: it is multiplied by n / (n + 1), the weight of n
        measurements against a prior of the same variance.
        """
        rows = self._journal.query(
            "SELECT * FROM candidates WHERE rung = ? AND gain > 0 AND operator != ? "
            "AND sequence > 0 AND end IN ('trained', 'promoted') ORDER BY sequence",
            *(self._top, CONTROL),
        )
        best = sorted(rows, key=lambda r: -r["gain"] * r["seeds"] / (r["seeds"] + 1))
        return [row["id"] for row in best[: PLAYOFF * count]]

    def _play_off(self, entrants: Sequence[str]) -> dict[str, float]:
        """Mean paired gain of each entrant over all seeds of the noise floor, in the metric's
        unit; entrants for whom no trials are left keep the seeds that they have."""
        jobs: list[tuple[Contender, int]] = []
        for entrant in map(self._contender, entrants):
            missing = [(entrant, s) for s in range(entrant.seeds, len(self._floor.scores))]
            if self._left is None or len(jobs) + len(missing) <= self._left // 2:
                jobs += missing
        self._spend(len(jobs))
        with ThreadPoolExecutor(self._settings.workers) as pool:
            list(pool.map(lambda job: self._trainer.train(self._search_request(*job)), jobs))
        gains = {}
        for entrant in map(self._contender, entrants):
            played = entrant.seeds + sum(c.id == entrant.id for c, _ in jobs)
            trials = [self._trainer.train(self._search_request(entrant, s)) for s in range(played)]
            scores = [t.score for t in trials]
            if None not in scores:
                pairs = zip((s for s in scores if s is not None), self._floor.scores, strict=False)
                gains[entrant.id] = fmean(self._spec.metric.gain(a, b) for a, b in pairs)
        return gains

    def _search_request(self, contender: Contender, seed: int) -> TrialRequest:
        """A trial as the search would make it: the journal has some of them already."""
        return replace(self._request(contender, 0), seed=seed, purpose="search")

    def _contender(self, candidate: str) -> Contender:
        (row,) = self._journal.query("SELECT * FROM candidates WHERE id = ?", candidate)
        recipe = Recipe(**json.loads(row["recipe"]))
        fields = (row["id"], row["title"], row["source"], recipe, row["parameters"])
        return Contender(*fields, seeds=row["seeds"])

    def _spend(self, trials: int) -> None:
        if self._left is not None:
            self._left -= trials

    def _controls(self, finalist: Contender) -> list[Contender]:
        """What a finalist must beat."""
        controls = [self._baseline]
        if finalist.parameters > self._baseline.parameters * (1 + EQUAL_PARAMETERS):
            controls += self._scaled(finalist)
        if finalist.recipe != self._baseline.recipe:
            base = controls[-1]
            controls.append(
                replace(
                    base,
                    id=f"{base.id}-recipe-of-{finalist.id}",
                    title=f"{base.title} with its recipe",
                    recipe=finalist.recipe,
                    kind="recipe",
                )
            )
        return controls

    def _scaled(self, finalist: Contender) -> list[Contender]:
        """The baseline at the finalist's size, where its widths can be scaled to it.

        A finalist that is smaller than the baseline is compared with it as it is: the harder test.
        """
        done = self._journal.once(
            "matched", finalist.id, finalist.id, {}, lambda: self._scale(finalist.parameters)
        )
        if done["source"] is None:
            made = done["largest"] is not None
            self._journal.notice(
                f"no baseline of {finalist.id}'s size ({finalist.parameters} parameters) could be "
                f"made: it is compared with {'the largest that could' if made else 'none larger'}"
            )
            if not made:
                return []
            done = {"source": done["largest"], "parameters": done["largest_parameters"]}
        size = done["parameters"]
        return [
            replace(
                self._baseline,
                id=f"{BASELINE}-{size}",
                title=f"the baseline scaled to {size} parameters",
                source=done["source"],
                parameters=size,
                kind="size",
            )
        ]

    def _scale(self, target: int) -> dict[str, Any]:
        """Bisect the width factor until parameters are within 5 % of `target`."""
        low, high = 1.0, 2.0 + 2.0 * target / self._baseline.parameters
        nearest: tuple[float, str | None, int] = (EQUAL_PARAMETERS, None, 0)
        largest: tuple[int, str | None] = (0, None)
        for _ in range(14):
            factor = (low + high) / 2
            source = scale_width(self._spec.baseline, factor)
            report = self._sandbox.check(source, replace(self._spec.problem, max_params=10**9))
            if report.status is not Status.OK:
                high = factor
                continue
            off = report.parameters / target - 1
            if abs(off) <= nearest[0]:
                nearest = (abs(off), source, report.parameters)
            if off <= 0 and report.parameters > largest[0]:
                largest = (report.parameters, source)
            low, high = (factor, high) if off < 0 else (low, factor)
        return {
            "source": nearest[1],
            "parameters": nearest[2],
            "largest": largest[1],
            "largest_parameters": largest[0],
        }

    # --- trials ---------------------------------------------------------------------------------

    def _train(self, fields: Sequence[Field], stage: int) -> list[Field]:
        """Train finalists with their controls up to the stage's seeds; those that the allowance
        had room for."""
        wanted = self._settings.verify_seeds * stage
        jobs: dict[tuple[str, int], tuple[Contender, int]] = {}
        fitting: list[Field] = []
        for finalist, controls in fields:
            more = {
                (c.id, seed): (c, seed)
                for c in (finalist, *controls)
                for seed in range(self._trained(c), wanted)
            }
            if self._left is None or len(jobs | more) <= self._left:
                jobs |= more
                fitting.append((finalist, controls))
        self._spend(len(jobs))
        order = sorted(jobs.values(), key=lambda job: job[1])
        with ThreadPoolExecutor(self._settings.workers) as pool:
            trials = pool.map(lambda job: self._trainer.train_sealed(self._request(*job)), order)
            for (contender, _), trial in zip(order, trials, strict=True):
                self._scores.setdefault(contender.id, []).append(trial.score)
        return fitting

    def _trained(self, contender: Contender) -> int:
        return len(self._scores.get(contender.id, ()))

    def _request(self, contender: Contender, seed: int) -> TrialRequest:
        return TrialRequest(
            candidate=contender.id,
            title=contender.title,
            source=contender.source,
            recipe=contender.recipe,
            rung=self._top,
            seed=fresh_seed(self.round, seed),
            purpose="verification",
        )

    # --- judgement ------------------------------------------------------------------------------

    def _judge(self, finalist: Contender, controls: list[Contender], tried: int) -> Verdict:
        own = self._scores[finalist.id]
        everyone = [own, *(self._scores[c.id][: len(own)] for c in controls)]
        failed = [
            who.title
            for who, scores in zip((finalist, *controls), everyone, strict=True)
            if None in scores
        ]
        if failed:
            blank = (0.0, (0.0, 0.0), 1.0, len(own), f"{failed[0]} failed to train on a fresh seed")
            end: Literal["no gain", "undecided"] = "no gain" if None in own else "undecided"
            return Verdict(finalist.id, finalist.title, end, *blank)
        known = [[s for s in scores if s is not None] for scores in everyone]
        against = [
            Against(c.kind, c.title, c.parameters, tuple(scores))
            for c, scores in zip(controls, known[1:], strict=True)
        ]
        verdict = judge(self._spec.metric, finalist.id, finalist.title, known[0], against, tried)
        size = max(c.parameters for c in controls)
        if verdict.verdict == "discovery" and finalist.parameters > size * (1 + EQUAL_PARAMETERS):
            reason = f"no baseline of its size could be made: the largest has {size} parameters"
            return replace(verdict, verdict="undecided", reason=reason)
        return verdict

    def _confirm(
        self, verdict: Verdict, finalist: Contender, controls: list[Contender], looked: int
    ) -> Verdict:
        """The look at the test split, for what is a discovery so far."""
        key = f"{finalist.id}/{self.round}"
        request = {"seeds": verdict.seeds, "controls": [c.id for c in controls]}
        self._journal.once("look", key, finalist.id, request, lambda: {"at": time.time()})
        own, *others = [
            np.stack(
                [self._trainer.open_sealed(self._request(who, s)) for s in range(verdict.seeds)]
            )
            for who in (finalist, *controls)
        ]
        return confirm(self._spec.metric, verdict, own, others, looked)


def _wants_seeds(verdict: Verdict | None, stage: int) -> bool:
    """A verdict that is open does; a discovery once, so that its look at the test split is worth
    having."""
    if verdict is None or verdict.verdict == "undecided":
        return True
    return verdict.verdict == "discovery" and stage == SECOND_STAGE


def fresh_seed(round_: int, number: int = 0) -> int:
    """The seed with the given number, from 0, of a round of verification."""
    return FRESH_SEED + SEEDS_PER_ROUND * round_ + number


def rounds_so_far(journal: Journal) -> int:
    """How many times the run's sealed test split was opened."""
    keys = journal.query("SELECT key FROM steps WHERE kind = 'look' AND state = 'finished'")
    return len({row["key"].rpartition("/")[2] for row in keys})
