"""Which of the best candidates are discoveries.

A finalist is trained on fresh seeds, paired with the baseline on the same seeds and steps. Where it
has more parameters than the baseline, a baseline scaled to its size is trained beside it, and it
must beat both. Only then is the sealed test split opened, once: a gain that does not show there is
no discovery.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from archwright.domain import Recipe, Status, TaskSpec
from archwright.runs.journal import Journal
from archwright.runs.noise import BASELINE, Floor
from archwright.runs.settings import RunSettings
from archwright.runs.snapshot import Comparison, Verdict
from archwright.runs.statistics import ALPHA, compare
from archwright.runs.trainer import Trainer, TrialRequest
from archwright.sandbox import Sandbox
from archwright.search.scaling import scale_width

FRESH_SEED = 1000
"""Verification's seeds start here; the search's start at 0."""
EQUAL_PARAMETERS = 0.05


@dataclass(frozen=True, slots=True)
class Contender:
    """An architecture under verification: a finalist, the baseline, or a scaled baseline."""

    id: str
    title: str
    source: str
    recipe: Recipe
    parameters: int


class Verification:
    """Verifies the finalists of one run. A later `round_` uses seeds of its own."""

    def __init__(
        self,
        spec: TaskSpec,
        settings: RunSettings,
        trainer: Trainer,
        sandbox: Sandbox,
        journal: Journal,
        floors: Sequence[Floor],
        round_: int = 0,
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._trainer = trainer
        self._sandbox = sandbox
        self._journal = journal
        self._metric = spec.metric
        self._floor = floors[-1]
        self._top = len(spec.rungs) - 1
        self._round = round_
        self._baseline = Contender(
            BASELINE, "the baseline", spec.baseline, spec.recipe, floors[-1].parameters
        )

    def verify(self, count: int) -> list[Verdict]:
        """Verdicts on the best `count` candidates of the run, best first."""
        finalists = self._choose(count)
        controls = {f.id: self._matched(f) for f in finalists}
        everyone = {
            c.id: c
            for c in (*finalists, *(m for m in controls.values() if m), self._baseline)
            if finalists
        }
        scores = self._train_all(list(everyone.values()))
        return [self._judge(f, controls[f.id], scores, len(finalists)) for f in finalists]

    def _choose(self, count: int) -> list[Contender]:
        """Those at the top rung that gained anything, best first."""
        rows = self._journal.query(
            "SELECT * FROM candidates WHERE rung = ? AND end = 'promoted' ORDER BY sequence",
            self._top,
        )
        gains = {row["id"]: self._metric.gain(row["score"], self._floor.mean) for row in rows}
        best = sorted((r for r in rows if gains[r["id"]] > 0), key=lambda r: -gains[r["id"]])
        return [_contender(row) for row in best[:count]]

    # --- equal parameters ---------------------------------------------------------------------

    def _matched(self, finalist: Contender) -> Contender | None:
        """A baseline scaled to the finalist's size, when that is larger than the baseline's.

        A finalist that is smaller than the baseline is compared with it as it is: the harder test.
        """
        if finalist.parameters <= self._baseline.parameters * (1 + EQUAL_PARAMETERS):
            return None
        done = self._journal.once(
            "matched", finalist.id, finalist.id, {}, lambda: self._scale(finalist.parameters)
        )
        if done["source"] is None:
            return None
        size = done["parameters"]
        return replace(
            self._baseline,
            id=f"{BASELINE}-{size}",
            title=f"the baseline scaled to {size} parameters",
            source=done["source"],
            parameters=size,
        )

    def _scale(self, target: int) -> dict[str, Any]:
        """Bisect the width factor until parameters are within 5 % of `target`."""
        low, high = 1.0, 1.0 + 2.0 * target / self._baseline.parameters
        nearest: tuple[float, str | None, int] = (EQUAL_PARAMETERS, None, 0)
        for _ in range(16):
            factor = (low + high) / 2
            source = scale_width(self._spec.baseline, factor)
            report = self._sandbox.check(source, replace(self._spec.problem, max_params=10**9))
            if report.status is not Status.OK:
                high = factor
                continue
            off = report.parameters / target - 1
            if abs(off) <= nearest[0]:
                nearest = (abs(off), source, report.parameters)
            low, high = (factor, high) if off < 0 else (low, factor)
        return {"source": nearest[1], "parameters": nearest[2]}

    # --- trials ---------------------------------------------------------------------------------

    def _train_all(self, contenders: Sequence[Contender]) -> dict[str, list[float | None]]:
        """Validation scores per contender, one per fresh seed."""
        jobs = [(c, s) for s in range(self._settings.verify_seeds) for c in contenders]
        with ThreadPoolExecutor(self._settings.workers) as pool:
            trials = pool.map(lambda job: self._trainer.train_sealed(self._request(*job)), jobs)
            scores = [t.score for t in trials]
        return {
            c.id: [s for (who, _), s in zip(jobs, scores, strict=True) if who.id == c.id]
            for c in contenders
        }

    def _request(self, contender: Contender, seed: int) -> TrialRequest:
        return TrialRequest(
            candidate=contender.id,
            title=contender.title,
            source=contender.source,
            recipe=contender.recipe,
            rung=self._top,
            seed=FRESH_SEED + 100 * self._round + seed,
            purpose="verification",
        )

    # --- judgement ------------------------------------------------------------------------------

    def _judge(
        self,
        finalist: Contender,
        matched: Contender | None,
        scores: dict[str, list[float | None]],
        tried: int,
    ) -> Verdict:
        controls = [self._baseline, *([matched] if matched else [])]
        seeds = self._settings.verify_seeds
        blank = Verdict(finalist.id, finalist.title, "undecided", 0.0, (0.0, 0.0), 1.0, seeds, "")
        if any(s is None for who in (finalist, *controls) for s in scores[who.id]):
            return replace(blank, reason="a verification trial did not finish")
        compared = [self._compare(finalist, c, scores, tried) for c in controls]
        verdict = replace(
            _hardest(blank, compared), mean=fmean(s for s in scores[finalist.id] if s is not None)
        )
        if matched is None and finalist.parameters > self._baseline.parameters * (
            1 + EQUAL_PARAMETERS
        ):
            return replace(verdict, reason="no baseline of its size could be made to compare with")
        verdict = self._decide(verdict)
        if verdict.verdict != "discovery":
            return verdict
        looked = [
            replace(known, test_gain=self._look(finalist, control))
            for known, control in zip(compared, controls, strict=True)
        ]
        return self._confirm(_hardest(verdict, looked))

    def _compare(
        self,
        finalist: Contender,
        control: Contender,
        scores: dict[str, list[float | None]],
        tried: int,
    ) -> Comparison:
        effect = compare(self._gains(scores[finalist.id], scores[control.id]), tried)
        return Comparison(
            control=control.title,
            parameters=control.parameters,
            mean=fmean(s for s in scores[control.id] if s is not None),
            effect=effect.mean,
            interval=effect.interval,
            p=effect.p,
        )

    @staticmethod
    def _decide(verdict: Verdict) -> Verdict:
        """On validation alone."""
        low, high = verdict.interval
        if verdict.effect <= 0:
            return replace(verdict, verdict="no gain", reason="the mean gain is not positive")
        if verdict.p >= ALPHA or low <= 0:
            reason = f"a gain from {low:+.3g} to {high:+.3g} fits what was measured"
            return replace(verdict, verdict="undecided", reason=reason)
        return replace(verdict, verdict="discovery")

    @staticmethod
    def _confirm(verdict: Verdict) -> Verdict:
        """On the test split."""
        if verdict.test_gain is None or verdict.test_gain <= 0:
            return replace(verdict, verdict="no gain", reason="the gain vanishes on the test split")
        beaten = " and ".join(c.control for c in verdict.comparisons)
        return replace(verdict, reason=f"it beats {beaten}, on fresh seeds and on the test split")

    def _gains(self, own: Sequence[float | None], control: Sequence[float | None]) -> list[float]:
        pairs = zip(own, control, strict=True)
        return [self._metric.gain(a, b) for a, b in pairs if a is not None and b is not None]

    def _look(self, finalist: Contender, control: Contender) -> float:
        """The one look at the test split: mean paired gain over the verification seeds."""
        key = f"{finalist.id}/{control.id}/{self._round}"

        def open_both() -> dict[str, Any]:
            seeds = range(self._settings.verify_seeds)
            scores = {
                who.id: [self._trainer.open_sealed(self._request(who, s)) for s in seeds]
                for who in (finalist, control)
            }
            gains = self._gains(scores[finalist.id], scores[control.id])
            return {"scores": scores, "gain": fmean(gains), "at": time.time()}

        return float(self._journal.once("look", key, finalist.id, {}, open_both)["gain"])


def _hardest(verdict: Verdict, compared: Sequence[Comparison]) -> Verdict:
    """The verdict in the numbers of the control that is hardest to beat."""
    hardest = min(compared, key=lambda c: c.interval[0])
    looked = [c.test_gain for c in compared if c.test_gain is not None]
    return replace(
        verdict,
        effect=hardest.effect,
        interval=hardest.interval,
        p=max(c.p for c in compared),
        test_gain=min(looked, default=None),
        comparisons=tuple(compared),
    )


def _contender(row: sqlite3.Row) -> Contender:
    recipe = Recipe(**json.loads(row["recipe"]))
    return Contender(row["id"], row["title"], row["source"], recipe, row["parameters"])


def rounds_so_far(journal: Journal) -> int:
    """How many times the run's sealed test split was opened."""
    keys = journal.query("SELECT key FROM steps WHERE kind = 'look' AND state = 'finished'")
    return len({row["key"].rpartition("/")[2] for row in keys})
