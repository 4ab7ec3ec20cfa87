"""What climbing saves against training every candidate in full, and whether it finds the same.

    python benchmarks/rungs.py [--task digits] [--rungs 50,150,450] [--candidates 24] [--seed 0]
                               [--budgets 40,100]

Draws candidates and lets them climb. Compares the steps spent with those of training all at the top
rung. The winners of both ways are trained on fresh seeds, so that luck on the seeds that chose them
does not count.

With budgets, searches of so many trainings are resampled from the candidates' results, with one
seed at each rung and with a second where the decision is close; what they find is judged by fresh
seeds.
"""

from __future__ import annotations

import argparse
import json
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

from archwright.core import Status, TaskSpec
from archwright.runs.halving import Ascent, Climb, Climber, Trains
from archwright.runs.journal.journal import Journal
from archwright.runs.noise import Floor, measure_noise
from archwright.runs.settings import RunSettings
from archwright.runs.trainer import Trainer, Trial, TrialRequest
from archwright.runs.workspace.paths import RunPaths
from archwright.sandbox import Sandbox
from archwright.sandbox.opening import open_sandbox
from archwright.search.grammar.grammar import draw
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import load_task

FRESH, FRESH_SEEDS = 1000, 6
JUDGES = 2
"""Fresh seeds that judge what a resampled search found."""
SEARCHES = 300


class Counting:
    """Counts the steps that a trainer was asked for, and remembers its answers."""

    def __init__(self, trainer: Trainer, spec: TaskSpec) -> None:
        self._trainer, self._spec = trainer, spec
        self.steps = 0
        self._answers: dict[tuple[str, int, int], Trial] = {}

    def train(self, request: TrialRequest) -> Trial:
        """Train, or answer what is known; either way it is counted."""
        self.steps += self._spec.rungs[request.rung]
        key = (request.candidate, request.rung, request.seed)
        if key not in self._answers:
            self._answers[key] = self._trainer.train(request)
        return self._answers[key]


def measure(
    name: str, rungs: tuple[int, ...], count: int, seed: int, budgets: Sequence[int]
) -> dict[str, Any]:
    """One comparison on real trainings; `rungs` in place of the task's, where there are any."""
    task, settings = load_task(name), RunSettings(workers=2, seed=seed)
    if rungs:
        task = replace(task, spec=replace(task.spec, rungs=rungs))
    with tempfile.TemporaryDirectory() as folder, open_sandbox("process", 2) as sandbox:
        paths = RunPaths(Path(folder))
        journal = Journal.create(paths, {"settings": settings.to_json()})
        trainer = Trainer(task, sandbox, journal, paths)
        parameters = sandbox.check(task.spec.baseline, task.spec.problem).parameters
        floors = measure_noise(task.spec, trainer, journal, settings, parameters)
        climbers = _draw(task.spec, sandbox, count, seed)
        found = _compare(task.spec, settings, trainer, floors, climbers)
        if budgets:
            found["searches"] = _resample(task.spec, trainer, floors, climbers, budgets)
        journal.close()
    return {"task": name, "candidates": count, **found}


def _draw(spec: TaskSpec, sandbox: Sandbox, count: int, seed: int) -> list[Climber]:
    rng, climbers = Random(seed), list[Climber]()
    while len(climbers) < count:
        draft = draw(spec.problem, rng)
        if sandbox.check(draft.source, spec.problem).status is Status.OK:
            recipe = read_source(draft.source, spec.problem, spec.recipe).recipe
            number = len(climbers) + 1
            climbers.append(Climber(str(number), draft.title, draft.source, recipe, number))
    return climbers


def _compare(
    spec: TaskSpec,
    settings: RunSettings,
    trainer: Trainer,
    floors: list[Floor],
    climbers: list[Climber],
) -> dict[str, Any]:
    full, top = Counting(trainer, spec), len(floors) - 1
    scores: dict[str, float] = {}
    for c in climbers:
        trial = full.train(_request(c, top, 0))
        if trial.score is not None:
            scores[c.id] = trial.score
    climbing = Counting(trainer, spec)
    climb = Climb(spec, settings, climbing, floors)
    ascents = _search(climb, climbers, len(climbers) * climb.most_trials, lag=1)
    reached = {c.id: a for c, a in zip(climbers, ascents, strict=True) if top in a.rungs}
    sign = 1.0 if spec.metric.direction == "maximize" else -1.0
    best = max(scores, key=lambda i: sign * scores[i])
    winner = max(reached, key=lambda i: reached[i].rungs[top].gain)
    winners = {c.id: c for c in climbers if c.id in (best, winner)}
    fresh = {i: _fresh_scores(trainer, c, top) for i, c in winners.items()}
    return {
        "steps_in_full": full.steps,
        "steps_climbing": climbing.steps,
        "share": climbing.steps / full.steps,
        "reached_the_top": len(reached),
        "best_in_full": {"candidate": best, "fresh": fresh[best]},
        "winner_climbing": {"candidate": winner, "fresh": fresh[winner]},
        "noise_sd": floors[-1].sd,
    }


def _search(climb: Climb, climbers: Sequence[Climber], trainings: int, lag: int) -> list[Ascent]:
    """Let one after the other climb, until so many trainings are spent.

    Each is compared with those before it, but for the last `lag - 1`, which are under way.
    """
    ascents: list[Ascent] = []
    for climber in climbers:
        left = trainings - sum(a.trials for a in ascents)
        if left <= 0:
            break
        seen = ascents[: max(0, len(ascents) + 1 - lag)]
        ascents.append(
            climb.climb(
                climber,
                min(left, climb.most_trials),
                partial(_gains_at, seen),
                lambda *_: None,
            )
        )
    return ascents


def _resample(
    spec: TaskSpec,
    trainer: Trainer,
    floors: list[Floor],
    climbers: list[Climber],
    budgets: Sequence[int],
) -> list[dict[str, Any]]:
    """Means over searches of each number of trainings, with one seed and with up to two."""
    known, top = Counting(trainer, spec), len(floors) - 1
    # Trained beforehand, two at a time: all that a search may ask for.
    wanted = [
        replace(_request(c, rung, seed), ceiling=floors[rung].ceiling)
        for c in climbers
        for rung in range(len(floors))
        for seed in (0, 1)
    ]
    wanted += [_request(c, top, FRESH + n) for c in climbers for n in range(JUDGES)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(known.train, wanted))

    def play(number: int, budget: int, seeds: int) -> tuple[int, int, float]:
        order, before = Random(number).choices(climbers, k=budget), known.steps
        settings = RunSettings(workers=2, search_seeds=seeds)
        climb = Climb(spec, settings, known, floors)
        ascents = _search(climb, order, budget, settings.candidates_ahead)
        steps = known.steps - before
        shown = [(a.rungs[top], n) for n, a in enumerate(ascents) if top in a.rungs]
        # As for finalists: a gain on few seeds is trusted less.
        best = max(shown, key=lambda s: s[0].gain * s[0].seeds / (s[0].seeds + 1), default=None)
        scores = [] if best is None else _fresh_scores(known, order[best[1]], top, JUDGES)
        gain = floors[top].gain(spec.metric, fmean(scores)) if scores else 0.0
        return len(ascents), steps, gain

    rows = []
    for budget, seeds in product(budgets, (1, 2)):
        plays = [play(number, budget, seeds) for number in range(SEARCHES)]
        means = map(fmean, zip(*plays, strict=True))
        row = dict(zip(("candidates", "steps", "gain"), means, strict=True))
        rows.append({"trainings": budget, "seeds": seeds, **row})
    return rows


def _request(c: Climber, rung: int, seed: int) -> TrialRequest:
    return TrialRequest(c.id, c.title, c.source, c.recipe, rung, seed)


def _fresh_scores(trainer: Trains, c: Climber, top: int, count: int = FRESH_SEEDS) -> list[float]:
    trials = (trainer.train(_request(c, top, FRESH + n)) for n in range(count))
    return [t.score for t in trials if t.score is not None]


def _gains_at(ascents: list[Ascent], rung: int) -> list[float]:
    return [a.rungs[rung].gain for a in ascents if rung in a.rungs]


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
        f"{found['candidates']} candidates on {found['task']}: climbing took "
        f"{found['steps_climbing']:,} steps, {100 * found['share']:.0f} % of training all in full"
    )
    full, climbed = found["best_in_full"], found["winner_climbing"]
    print(
        f"on {FRESH_SEEDS} fresh seeds: best in full {full['candidate']} at "
        f"{fmean(full['fresh']):.2f}, winner by climbing {climbed['candidate']} at "
        f"{fmean(climbed['fresh']):.2f} (noise sd of one training {found['noise_sd']:.2f})"
    )
    for row in found.get("searches", ()):
        print(
            f"{row['trainings']} trainings, {row['seeds']} seed(s): {row['candidates']:.1f} "
            f"candidates, {row['steps']:,.0f} steps, finds {row['gain']:+.2f} noise sd"
        )


if __name__ == "__main__":
    main()
