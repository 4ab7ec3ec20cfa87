"""`archwright bench calibration`: how often the verdicts are right, where the truth is known.

Simulated campaigns go through the code that a run uses to promote, choose finalists, screen and
decide on the sealed split; only the training is replaced by draws around a known quality. Scores
vary from seed to seed with a standard deviation of 1, the same training's scores on validation and
on test go together by a given correlation, and each candidate and control has luck of its own with
the samples of either split, which no number of seeds removes. Some candidates need a control of
their size or with their recipe, and some trainings are killed by a busy machine.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.benchmarks.dedup.workers import end_with
from archwright.benchmarks.search.simulation import BASE, PLANTED_NUMBER, SPEC, SimulatedTrainer
from archwright.benchmarks.tabular.searching import check_at_least_one
from archwright.cli.options import AsJson
from archwright.cli.output import emit, say
from archwright.core import (
    Candidate,
    Floor,
    TrialSpec,
    Verdict,
)
from archwright.core.settings import RunSettings
from archwright.runs.budget.plan import Plan
from archwright.runs.context import Campaign, RunContext
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.journal import Journal
from archwright.runs.verification import Account, Verification
from archwright.runs.workspace.paths import RunPaths
from archwright.sandbox.in_process import InProcessSandbox

PLANTED: Final = (1.0, 1.5, 2.0)
CORRELATIONS: Final = (0.0, 0.5, 1.0)
NEEDS_CONTROL: Final = 0.1
"""Share of the candidates that need a control of their size, and of those that need one with their
recipe."""
LAG: Final = 8
"""Candidates under way whose results a candidate does not see."""


@dataclass(frozen=True, slots=True)
class Played:
    """How one simulated campaign ended."""

    false: bool
    """Whether a discovery is no better than the baseline."""
    found: bool
    """Whether the planted candidate is among the discoveries."""
    final: bool
    """Whether it was among the finalists."""
    covered: tuple[bool, ...]
    """By finalist and control, whether the interval holds the truth of the split it is about."""
    candidates: int
    trainings: int
    """Of verification, on fresh seeds."""
    playoff: int
    """Of the play-off, on seeds of the search."""


def play(campaign: int, planted: float, settings: RunSettings) -> dict[float, Played]:
    """One campaign, verified under each correlation."""
    trainer = SimulatedTrainer(campaign, planted)
    plan = Plan.of(settings, len(SPEC.rungs))
    floors = _measure(trainer, settings)
    with tempfile.TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder))
        with Journal.create(paths, {"settings": settings.to_json()}) as journal:
            sandbox = InProcessSandbox()
            context = RunContext(SPEC, settings, journal, sandbox, trainer, BASE, floors)
            halving = SuccessiveHalving(SPEC.metric, settings, trainer, floors)
            candidates = _search(halving, journal, plan.search or 0, campaign)
            searched = len(trainer.searched)
            played = {}
            for correlation in CORRELATIONS:
                trainer.correlation = correlation
                account = Account(paths.root / f"looks-{correlation}.json")
                verification = Verification(context, account, allowance=plan.verification)
                verdicts = verification.verify(plan.finalists)
                played[correlation] = _played(verdicts, trainer, candidates, searched)
    return played


def _played(
    verdicts: Sequence[Verdict], trainer: SimulatedTrainer, candidates: int, searched: int
) -> Played:
    fresh, trainer.fresh = trainer.fresh, set()
    found = [v.candidate for v in verdicts if v.verdict == "discovery"]
    known = str(PLANTED_NUMBER) if trainer.planted else None
    return Played(
        false=any(id_ != known for id_ in found),
        found=known in found,
        final=any(v.candidate == known for v in verdicts),
        covered=tuple(hit for v in verdicts for hit in _covers(v, trainer)),
        candidates=candidates,
        trainings=len(fresh),
        playoff=len(trainer.searched) - searched,
    )


def _measure(trainer: SimulatedTrainer, settings: RunSettings) -> list[Floor]:
    floors = []
    for rung, steps in enumerate(SPEC.rungs):
        wanted = [TrialSpec(BASE, rung, s) for s in range(settings.baseline_seeds)]
        scores = tuple(t.score for w in wanted if (t := trainer.train(w)).score is not None)
        floors.append(Floor(steps, statistics.fmean(scores), statistics.stdev(scores), scores, 10))
    return floors


def _search(halving: SuccessiveHalving, journal: Journal, trials: int, campaign: int) -> int:
    """Candidates until the trials are spent; how many there were."""
    ended: list[Candidate] = []
    draw = np.random.default_rng(campaign)
    while trials > 0:
        number = len(ended) + 1
        larger, recipe = draw.random(2) < NEEDS_CONTROL
        drawn = _drawn(number, bool(larger), bool(recipe))
        if larger:
            size = {"source": "the baseline, wider", "parameters": drawn.parameters}
            journal.once("matched", drawn.id, drawn.id, {}, partial(dict, size))
        seen = ended[: max(0, number - LAG)]
        candidate = _step(halving, journal, drawn, seen, trials)
        ended.append(candidate)
        trials -= candidate.trials
    return len(ended)


def _drawn(number: int, larger: bool, recipe: bool) -> Candidate:
    return Candidate(
        str(number),
        str(number),
        sequence=1000 * number,
        operator="draw",
        parameters=(2 if larger else 1) * BASE.parameters,
        recipe=replace(BASE.recipe, learning_rate=0.01) if recipe else BASE.recipe,
    )


def _step(
    halving: SuccessiveHalving,
    journal: Journal,
    drawn: Candidate,
    seen: Sequence[Candidate],
    trials: int,
) -> Candidate:
    campaign = Campaign({}, tuple(seen))
    candidate = halving.run(
        journal.propose(drawn),
        min(trials, halving.most_trials),
        lambda rung: campaign.rivals(rung, rung, ()),
        journal.update,
    )
    journal.update(candidate)
    return candidate


def _covers(verdict: Verdict, trainer: SimulatedTrainer) -> Iterator[bool]:
    """Whether the interval over each control holds what endless seeds would show: of other samples,
    too, where the sealed split was opened."""
    for compared in verdict.comparisons:
        if compared.test_gain is not None:
            truth = trainer.quality(verdict.candidate)
        elif compared.kind == "baseline":
            truth = trainer.on_validation(verdict.candidate)
        else:
            continue  # a control's luck goes by an id that the verdict does not hold
        low, high = compared.interval
        yield low <= truth <= high


# --- the command ----------------------------------------------------------------------------------


def run(
    *,
    campaigns: int = 400,
    max_trials: int = 200,
    search_seeds: int | None = None,
    workers: int = 2,
    json: AsJson = False,
) -> None:
    """Play campaigns with nothing to find, and with one planted gain of several sizes.

    Args:
        campaigns: Campaigns of each kind.
        max_trials: Trainings of a campaign.
        search_seeds: Seeds at most of a candidate at a rung (default: as in a run).
        workers: Campaigns at a time.
    """
    check_at_least_one({"campaigns": campaigns, "workers": workers})
    settings = RunSettings(max_trials=max_trials, workers=1)
    if search_seeds is not None:
        settings = settings.changed(search_seeds=search_seeds)
    document = measure(campaigns, settings, workers)
    emit(json, document, lambda: _print(document))


def measure(campaigns: int, settings: RunSettings, workers: int = 1) -> dict[str, Any]:
    """The rates over so many campaigns of each kind, with their 95 % intervals (Wilson 1927): the
    worst over the correlations, and each."""
    say(f"playing {campaigns} campaigns for each gain and correlation")
    played = {
        (planted, correlation): [campaign[correlation] for campaign in those]
        for planted in (0.0, *PLANTED)
        for those in (_play_all(planted, settings, campaigns, workers),)
        for correlation in CORRELATIONS
    }
    everything = [campaign for those in played.values() for campaign in those]
    false = {c: [p.false for p in played[0.0, c]] for c in CORRELATIONS}
    found = {(g, c): [p.found for p in played[g, c]] for g in PLANTED for c in CORRELATIONS}
    worst = max(CORRELATIONS, key=lambda c: sum(false[c]))
    weakest = {g: min(CORRELATIONS, key=lambda c: sum(found[g, c])) for g in PLANTED}
    covered = [c for campaign in everything for c in campaign.covered]
    return {
        "false_discovery_rate": _rate(false[worst]),
        "power": {f"{g:g}": _rate(found[g, weakest[g]]) for g in PLANTED},
        "coverage": _rate(covered),
        "trainings": statistics.fmean(p.trainings for p in everything),
        "playoff_trainings": statistics.fmean(p.playoff for p in everything),
        "finals": {
            f"{g:g}": _rate([p.final for c in CORRELATIONS for p in played[g, c]]) for g in PLANTED
        },
        "by_correlation": {
            f"{c:g}": {
                "false_discovery_rate": _rate(false[c]),
                "power": {f"{g:g}": _rate(found[g, c]) for g in PLANTED},
            }
            for c in CORRELATIONS
        },
        "intervals": {
            "false_discovery_rate": wilson(false[worst]),
            "power": {f"{g:g}": wilson(found[g, weakest[g]]) for g in PLANTED},
            "coverage": wilson(covered),
        },
        "campaigns": campaigns,
        "max_trials": settings.max_trials,
        "search_seeds": settings.search_seeds,
        "candidates": statistics.fmean(p.candidates for p in everything),
    }


def _play_all(
    planted: float, settings: RunSettings, campaigns: int, workers: int
) -> list[dict[float, Played]]:
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
    intervals, gains = document["intervals"], [f"{gain:g}" for gain in PLANTED]
    rows = [
        (
            document["false_discovery_rate"],
            intervals["false_discovery_rate"],
            "of the campaigns with nothing to find end with a discovery (worst correlation)",
        ),
        *(
            (document["power"][g], intervals["power"][g], f"find a gain of {g} noise sd")
            for g in gains
        ),
        (document["coverage"], intervals["coverage"], "of the intervals hold the truth"),
    ]
    for rate, (low, high), words in rows:
        print(f"{100 * rate:6.1f} %  {words} ({100 * low:.1f} to {100 * high:.1f})")
    for correlation, row in document["by_correlation"].items():
        power = ", ".join(f"{100 * row['power'][g]:.1f}" for g in gains)
        print(
            f"correlation {correlation:>3}: {100 * row['false_discovery_rate']:.1f} % false, "
            f"{power} % found"
        )
    finals = ", ".join(f"{100 * document['finals'][g]:.1f}" for g in gains)
    print(f"{finals} % of the planted reach the finals")
    print(
        f"{document['campaigns']} campaigns for each gain and correlation, of "
        f"{document['max_trials']} trials and {document['candidates']:.0f} candidates each; "
        f"finalists and controls take {document['trainings']:.1f} trainings, the play-off before "
        f"{document['playoff_trainings']:.1f}"
    )
