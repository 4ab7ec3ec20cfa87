"""What successive halving saves against training every candidate in full, and what it finds.

    python benchmarks/search/rungs.py [--task digits] [--rungs 50,150,450] [--candidates 24]
                                        [--seed 0] [--budgets 40,100]

Draws candidates and promotes them by successive halving. Compares the steps spent with those of
training all at the top rung. The winners of both ways are trained on fresh seeds, so that luck on
the seeds that chose them does not count.

With budgets, searches of so many trainings are resampled from the candidates' results, with one
seed at each rung and with a second where the decision is close; what they find is judged by fresh
seeds. Beside them stand searches that spend as many steps with one rung below the top or none: all
are trained at that rung, and the best few at the top (i-Epoch: Egele et al. 2024, "The Unreasonable
Effectiveness Of Early Discarding After One Epoch In Neural Network Hyperparameter Optimization").
Last, how well each rung ranks the candidates as fresh seeds at the top do: the top rung's own
correlation is as much as any extrapolation of learning curves could reach.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import numpy as np

from archwright.core import Candidate, Floor, Status, TaskSpec, Trial, TrialSpec
from archwright.core.settings import RunSettings
from archwright.runs.context import RunContext, baseline_of
from archwright.runs.halving import SuccessiveHalving
from archwright.runs.journal import Journal
from archwright.runs.noise import measure_noise
from archwright.runs.training.trainer import Trainer
from archwright.runs.workspace.paths import RunPaths
from archwright.sandbox import Sandbox
from archwright.sandbox.opening import open_sandbox
from archwright.search.grammar import draw
from archwright.search.predict.ranks import rank_correlation
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import load_task

FRESH, FRESH_SEEDS = 1000, 6
JUDGES = 2
"""Fresh seeds that judge what a resampled search found."""
SEARCHES = 300
KEPT = 3
"""Candidates that are trained at the top where all others are discarded at one rung."""


class Counting:
    """Counts the steps that a trainer was asked for, and remembers its answers."""

    def __init__(self, trainer: Trainer, spec: TaskSpec) -> None:
        self._trainer, self._spec = trainer, spec
        self.steps = 0
        self._answers: dict[tuple[str, int, int], Trial] = {}

    def train(self, spec: TrialSpec) -> Trial:
        """Train, or answer what is known; either way it is counted."""
        self.steps += self._spec.rungs[spec.rung]
        key = (spec.candidate.id, spec.rung, spec.seed)
        if key not in self._answers:
            self._answers[key] = self._trainer.train(spec)
        return self._answers[key]


def measure(
    name: str, rungs: tuple[int, ...], count: int, seed: int, budgets: Sequence[int]
) -> dict[str, Any]:
    """One comparison on real trainings; `rungs` in place of the task's, where there are any."""
    task, settings = load_task(name), RunSettings(workers=2, seed=seed)
    if rungs:
        task = replace(task, spec=replace(task.spec, rungs=rungs))
    with tempfile.TemporaryDirectory() as folder, open_sandbox("process", 2) as sandbox:
        journal = Journal.create(RunPaths(Path(folder)), {"settings": settings.to_json()})
        trainer = Trainer(task, sandbox, journal)
        baseline = baseline_of(task.spec)
        context = RunContext(task.spec, settings, journal, sandbox, trainer, baseline)
        floors = measure_noise(context)
        drawn = _draw(task.spec, sandbox, count, seed)
        found = _compare(task.spec, settings, trainer, floors, drawn)
        if budgets:
            found |= _resample(task.spec, trainer, floors, drawn, budgets)
        journal.close()
    return {"task": name, "candidates": count, **found}


def _draw(spec: TaskSpec, sandbox: Sandbox, count: int, seed: int) -> list[Candidate]:
    rng, drawn = Random(seed), list[Candidate]()
    while len(drawn) < count:
        draft = draw(spec.problem, rng)
        if sandbox.check(draft.source, spec.problem).status is Status.OK:
            recipe = read_source(draft.source, spec.problem, spec.recipe).recipe
            number = len(drawn) + 1
            drawn.append(
                Candidate(str(number), draft.title, draft.source, recipe, sequence=1000 * number)
            )
    return drawn


def _compare(
    spec: TaskSpec,
    settings: RunSettings,
    trainer: Trainer,
    floors: list[Floor],
    drawn: list[Candidate],
) -> dict[str, Any]:
    full, top = Counting(trainer, spec), len(floors) - 1
    scores: dict[str, float] = {}
    for c in drawn:
        trial = full.train(TrialSpec(c, top, 0))
        if trial.score is not None:
            scores[c.id] = trial.score
    halved = Counting(trainer, spec)
    halving = SuccessiveHalving(spec.metric, settings, halved, floors)
    ended = _search(halving, drawn, len(drawn) * halving.most_trials, lag=1)
    reached = {c.id: c for c in ended if top in c.rungs}
    sign = 1.0 if spec.metric.direction == "maximize" else -1.0
    best = max(scores, key=lambda i: sign * scores[i])
    winner = max(reached, key=lambda i: reached[i].gain or 0.0)
    winners = {c.id: c for c in drawn if c.id in (best, winner)}
    fresh = {i: _fresh_scores(trainer, c, top) for i, c in winners.items()}
    return {
        "steps_in_full": full.steps,
        "steps_halving": halved.steps,
        "share": halved.steps / full.steps,
        "reached_the_top": len(reached),
        "best_in_full": {"candidate": best, "fresh": fresh[best]},
        "winner_halving": {"candidate": winner, "fresh": fresh[winner]},
        "noise_sd": floors[-1].sd,
    }


def _search(
    halving: SuccessiveHalving, drawn: Sequence[Candidate], trainings: int, lag: int
) -> list[Candidate]:
    """Take one after the other from rung to rung, until so many trainings are spent.

    Each is compared with those before it, but for the last `lag - 1`, which are under way.
    """
    ended: list[Candidate] = []
    for candidate in drawn:
        left = trainings - sum(c.trials for c in ended)
        if left <= 0:
            break
        seen = tuple(ended[: max(0, len(ended) + 1 - lag)])
        rivals = partial(_measured_at, seen)
        most = min(left, halving.most_trials)
        ended.append(halving.run(candidate, most, rivals, lambda _: None))
    return ended


def _resample(
    spec: TaskSpec,
    trainer: Trainer,
    floors: list[Floor],
    drawn: list[Candidate],
    budgets: Sequence[int],
) -> dict[str, Any]:
    """Means over searches of each number of trainings, with one seed and with up to two, and of
    searches at one rung that spend as many steps; how each rung ranks."""
    known, top = Counting(trainer, spec), len(floors) - 1
    # Trained beforehand, two at a time: all that a search may ask for.
    wanted = [
        replace(TrialSpec(c, rung, seed), ceiling=floors[rung].ceiling)
        for c in drawn
        for rung in range(len(floors))
        for seed in (0, 1)
    ]
    wanted += [TrialSpec(c, top, FRESH + n) for c in drawn for n in range(JUDGES)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(known.train, wanted))

    def judge(winner: Candidate | None) -> float:
        scores = [] if winner is None else _fresh_scores(known, winner, top, JUDGES)
        return floors[top].gain(spec.metric, fmean(scores)) if scores else 0.0

    def at(candidate: Candidate, rung: int) -> float:
        ceiling = floors[rung].ceiling
        score = known.train(replace(TrialSpec(candidate, rung, 0), ceiling=ceiling)).score
        return -math.inf if score is None else floors[rung].gain(spec.metric, score)

    def play_once(number: int, steps: float, rung: int) -> tuple[int, float]:
        kept = KEPT if rung < top else 0
        count = max(1, int((steps - kept * spec.rungs[top]) / spec.rungs[rung]))
        order = {c.id: c for c in Random(number).choices(drawn, k=count)}.values()
        best = sorted(order, key=lambda c: at(c, rung), reverse=True)[: kept or 1]
        return count, judge(max(best, key=lambda c: at(c, top)))

    def play(number: int, budget: int, seeds: int) -> tuple[int, int, float]:
        order, before = Random(number).choices(drawn, k=budget), known.steps
        settings = RunSettings(workers=2, search_seeds=seeds)
        halving = SuccessiveHalving(spec.metric, settings, known, floors)
        ended = _search(halving, order, budget, settings.candidates_ahead)
        steps = known.steps - before
        shown = [c for c in ended if top in c.rungs]
        # As for finalists: a gain on few seeds is trusted less.
        best = max(shown, key=lambda c: (c.gain or 0.0) * c.seeds / (c.seeds + 1), default=None)
        return len(ended), steps, judge(best)

    rows = []
    for budget, seeds in product(budgets, (1, 2)):
        plays = [play(number, budget, seeds) for number in range(SEARCHES)]
        means = map(fmean, zip(*plays, strict=True))
        row = dict(zip(("candidates", "steps", "gain"), means, strict=True))
        rows.append({"trainings": budget, "seeds": seeds, **row})
    discarding = []
    for halved, rung in product([r for r in rows if r["seeds"] == 1], range(len(floors))):
        ends = [play_once(number, halved["steps"], rung) for number in range(SEARCHES)]
        counts, gains = zip(*ends, strict=True)
        discarding.append(
            {"rung": rung, "steps": halved["steps"], "candidates": counts[0], "gain": fmean(gains)}
        )
    fresh = np.array([judge(c) for c in drawn])
    ranks = [
        rank_correlation(np.array([at(c, rung) for c in drawn]), fresh)
        for rung in range(len(floors))
    ]
    return {"searches": rows, "discarding": discarding, "rank_correlation": ranks}


def _fresh_scores(
    trainer: Counting | Trainer, candidate: Candidate, top: int, count: int = FRESH_SEEDS
) -> list[float]:
    trials = (trainer.train(TrialSpec(candidate, top, FRESH + n)) for n in range(count))
    return [t.score for t in trials if t.score is not None]


def _measured_at(seen: Sequence[Candidate], rung: int) -> list[Candidate]:
    return [c for c in seen if rung in c.rungs]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="digits")
    parser.add_argument("--rungs", default="", help="in steps, separated by commas")
    parser.add_argument("--candidates", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--budgets", default="", help="in trainings, separated by commas")
    args = parser.parse_args()
    rungs, budgets = (
        tuple(map(int, filter(None, a.split(",")))) for a in (args.rungs, args.budgets)
    )
    found = measure(args.task, rungs, args.candidates, args.seed, budgets)
    if args.json:
        print(json.dumps(found))
        return
    print(
        f"{found['candidates']} candidates on {found['task']}: successive halving took "
        f"{found['steps_halving']:,} steps, {100 * found['share']:.0f} % of training all in full"
    )
    full, halved = found["best_in_full"], found["winner_halving"]
    print(
        f"on {FRESH_SEEDS} fresh seeds: best in full {full['candidate']} at "
        f"{fmean(full['fresh']):.2f}, winner of successive halving {halved['candidate']} at "
        f"{fmean(halved['fresh']):.2f} (noise sd of one training {found['noise_sd']:.2f})"
    )
    for row in found.get("searches", ()):
        print(
            f"{row['trainings']} trainings, {row['seeds']} seed(s): {row['candidates']:.1f} "
            f"candidates, {row['steps']:,.0f} steps, finds {row['gain']:+.2f} noise sd"
        )
    for row in found.get("discarding", ()):
        print(
            f"once after rung {row['rung']}, {row['steps']:,.0f} steps: "
            f"{row['candidates']} candidates, finds {row['gain']:+.2f} noise sd"
        )
    for rung, correlation in enumerate(found.get("rank_correlation", ())):
        print(f"rung {rung} ranks as fresh seeds at the top do with {correlation:.2f}")


if __name__ == "__main__":
    main()
