"""`archwright bench calibration`: how often the verdicts are right, where the truth is known.

Simulated campaigns go through the code that a run uses to climb, choose finalists, verify and look
at the test split; only the training is replaced by draws around a known quality. Scores vary from
seed to seed with a standard deviation of 1, and each candidate has luck of its own with the
validation samples, which no number of seeds removes.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.benchmarks.dedup.workers import end_with
from archwright.cli.options import AsJson
from archwright.cli.output import emit, say
from archwright.core import (
    BASELINE,
    METRICS,
    Array,
    Candidate,
    Floor,
    Problem,
    Recipe,
    Status,
    TaskSpec,
    Trial,
    TrialSpec,
    Verdict,
)
from archwright.core.settings import RunSettings
from archwright.runs.allocation import Plan
from archwright.runs.context import Campaign, RunContext
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.journal import Journal
from archwright.runs.verification import Verification
from archwright.runs.workspace.paths import RunPaths
from archwright.sandbox.in_process import InProcessSandbox

SAMPLE_LUCK: Final = 0.25
"""Spread over candidates of their luck with the validation samples, in noise sd."""
SAMPLES: Final = 400
SAMPLE_NOISE: Final = 3.0
PLANTED: Final = 2.0
PLANTED_NUMBER: Final = 7
LAG: Final = 8
"""Candidates under way whose results a candidate does not see."""

PROBLEM: Final = Problem("Model", (1,), (1,), "mse", max_params=1000)
SPEC: Final = TaskSpec(
    name="simulated",
    summary="draws around a known quality",
    metric=METRICS["accuracy"],
    problem=PROBLEM,
    rungs=(1, 3),
    recipe=Recipe(),
    contract="",
    baseline="",
    folder=Path(),
)

BASE: Final = Candidate(BASELINE, parameters=10)


class SimulatedTrainer:
    """Draws scores around known qualities in place of training.

    The draw of a trial depends on its candidate, steps and seed alone.
    """

    def __init__(self, campaign: int, planted: float) -> None:
        self._campaign = campaign
        self._planted = planted

    def quality(self, candidate: str) -> float:
        """The truth, in noise standard deviations over the baseline."""
        return self._planted if candidate == str(PLANTED_NUMBER) else 0.0

    def on_validation(self, candidate: str) -> float:
        """What an endless number of seeds would show on the validation samples."""
        luck = 0.0 if candidate == BASELINE else self._draw(candidate, "luck").normal()
        return self.quality(candidate) + SAMPLE_LUCK * float(luck)

    def train(self, spec: TrialSpec) -> Trial:
        """A score around what validation shows."""
        id_, rung = spec.candidate.id, spec.rung
        noise = float(self._draw(id_, rung, spec.seed).normal())
        value = 90.0 + self.on_validation(id_) + noise
        return Trial(
            *(id_, spec.purpose, rung, SPEC.rungs[rung], spec.seed),
            status=Status.OK,
            score=value,
            curve=((1, 1.0), (3, 0.5)),
        )

    def train_sealed(self, spec: TrialSpec) -> Trial:
        """As `train`."""
        return self.train(spec)

    def open_sealed(self, spec: TrialSpec) -> Array:
        """Test scores around the truth, one per sample."""
        id_ = spec.candidate.id
        by_sample = self._draw(id_, "test").normal(0.0, SAMPLE_NOISE, SAMPLES)
        noise = float(self._draw(id_, "test", spec.seed).normal())
        scores: Array = 90.0 + self.quality(id_) + noise + by_sample
        return scores

    def _draw(self, *parts: object) -> np.random.Generator:
        text = "/".join(map(str, (self._campaign, *parts)))
        return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))


@dataclass(frozen=True, slots=True)
class Played:
    """What one simulated campaign came to."""

    discoveries: int
    found: bool
    """Whether the planted candidate is among the discoveries."""
    covered: tuple[bool, ...]
    """Per finalist, whether its interval holds what validation would show with endless seeds."""
    candidates: int


def play(campaign: int, planted: float, settings: RunSettings) -> Played:
    """One campaign."""
    trainer = SimulatedTrainer(campaign, planted)
    plan = Plan.of(settings, len(SPEC.rungs))
    floors = _measure(trainer, settings)
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.create(RunPaths(Path(folder)), {"settings": settings.to_json()}) as journal,
    ):
        sandbox = InProcessSandbox()
        context = RunContext(SPEC, settings, journal, sandbox, trainer, BASE, floors)
        halving = SuccessiveHalving(SPEC.metric, settings, trainer, floors)
        candidates = _search(halving, journal, plan.search or 0)
        verification = Verification(context, allowance=plan.verification)
        verdicts = verification.verify(plan.finalists)
    found = [v for v in verdicts if v.verdict == "discovery"]
    return Played(
        discoveries=len(found),
        found=any(v.candidate == str(PLANTED_NUMBER) for v in found),
        covered=tuple(_covers(v, trainer) for v in verdicts),
        candidates=candidates,
    )


def _measure(trainer: SimulatedTrainer, settings: RunSettings) -> list[Floor]:
    floors = []
    for rung, steps in enumerate(SPEC.rungs):
        wanted = [TrialSpec(BASE, rung, s) for s in range(settings.baseline_seeds)]
        scores = tuple(t.score for w in wanted if (t := trainer.train(w)).score is not None)
        floors.append(Floor(steps, statistics.fmean(scores), statistics.stdev(scores), scores, 10))
    return floors


def _search(halving: SuccessiveHalving, journal: Journal, trials: int) -> int:
    """Candidates until the trials are spent; how many there were."""
    ended: list[Candidate] = []
    while trials > 0:
        number = len(ended) + 1
        seen = ended[: max(0, number - LAG)]
        candidate = _step(halving, journal, number, seen, trials)
        ended.append(candidate)
        trials -= candidate.trials
    return len(ended)


def _step(
    halving: SuccessiveHalving,
    journal: Journal,
    number: int,
    seen: Sequence[Candidate],
    trials: int,
) -> Candidate:
    key = str(number)
    drawn = Candidate(key, key, sequence=1000 * number, operator="draw", parameters=10)
    campaign = Campaign({}, tuple(seen))
    candidate = halving.run(
        journal.propose(drawn),
        min(trials, halving.most_trials),
        lambda rung: campaign.rivals(rung, rung, ()),
        journal.update,
    )
    journal.update(candidate)
    return candidate


def _covers(verdict: Verdict, trainer: SimulatedTrainer) -> bool:
    low, high = verdict.interval
    return low <= trainer.on_validation(verdict.candidate) <= high


# --- the command ----------------------------------------------------------------------------------


def run(
    *,
    campaigns: int = 400,
    max_trials: int = 200,
    search_seeds: int | None = None,
    workers: int = 2,
    json: AsJson = False,
) -> None:
    """Play campaigns with nothing to find, and with one planted gain.

    Args:
        campaigns: Campaigns of each kind (default: 400).
        max_trials: Trainings of a campaign (default: 200).
        search_seeds: Seeds at most of a candidate at a rung (default: as in a run).
        workers: Campaigns at a time.
    """
    settings = RunSettings(max_trials=max_trials, workers=1)
    if search_seeds is not None:
        settings = settings.changed(search_seeds=search_seeds)
    document = measure(campaigns, settings, workers)
    emit(json, document, lambda: _print(document))


def measure(campaigns: int, settings: RunSettings, workers: int = 1) -> dict[str, Any]:
    """The rates over so many campaigns of each kind, with their 95 % intervals (Wilson 1927)."""
    say(f"playing {campaigns} campaigns with nothing to find, and {campaigns} with a planted gain")
    null = _play_all(0.0, settings, campaigns, workers)
    real = _play_all(PLANTED, settings, campaigns, workers)
    covered = [c for campaign in (*null, *real) for c in campaign.covered]
    false = [c.discoveries > 0 for c in null]
    found = [c.found for c in real]
    return {
        "false_discovery_rate": _rate(false),
        "power": _rate(found),
        "coverage": _rate(covered),
        "intervals": {
            "false_discovery_rate": wilson(false),
            "power": wilson(found),
            "coverage": wilson(covered),
        },
        "campaigns": campaigns,
        "max_trials": settings.max_trials,
        "search_seeds": settings.search_seeds,
        "planted_noise_sd": PLANTED,
        "candidates": statistics.fmean(c.candidates for c in null),
    }


def _play_all(planted: float, settings: RunSettings, campaigns: int, workers: int) -> list[Played]:
    playing = partial(play, planted=planted, settings=settings)
    if workers == 1:
        return list(map(playing, range(campaigns)))
    # Spawned, for a fork of a process with threads may hang.
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=end_with, initargs=(os.getpid(),)
    ) as pool:
        return list(pool.map(playing, range(campaigns), chunksize=10))


def _rate(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def wilson(hits: Sequence[bool]) -> tuple[float, float]:
    """Wilson's 95 % score interval of a rate (1927, "Probable Inference, the Law of Succession, and
    Statistical Inference")."""
    n, rate, z = len(hits), _rate(hits), 1.96
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * (rate * (1 - rate) / n + z**2 / (4 * n**2)) ** 0.5
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _print(document: dict[str, Any]) -> None:
    lines = (
        ("campaigns with nothing to find that end with a discovery", "false_discovery_rate"),
        (f"campaigns that find a gain of {PLANTED:g} noise sd", "power"),
        ("corrected intervals that hold the truth", "coverage"),
    )
    for words, key in lines:
        low, high = document["intervals"][key]
        print(f"{100 * document[key]:6.1f} %  {words} ({100 * low:.1f} to {100 * high:.1f})")
    print(
        f"{document['campaigns']} campaigns of each kind, {document['max_trials']} trials and "
        f"{document['candidates']:.0f} candidates each"
    )
