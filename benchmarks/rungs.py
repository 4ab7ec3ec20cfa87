"""What climbing saves against training every candidate in full, and whether it finds the same.

    python benchmarks/rungs.py [--task digits] [--rungs 50,150,450] [--candidates 24] [--seed 0]

Draws candidates, trains each at every rung with the seeds that climbing may ask for, and lets them
climb over these results. Compares the steps spent with those of training all at the top rung, on
one seed and on as many as climbing adds where it is close. The winners of both ways are trained on
fresh seeds, so that luck on the seeds that chose them does not count.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from archwright.domain import Status, TaskSpec
from archwright.runs.climbing import Ascent, Climb, Climber
from archwright.runs.journal import Journal
from archwright.runs.noise import Floor, measure_noise
from archwright.runs.paths import RunPaths
from archwright.runs.settings import RunSettings
from archwright.runs.trainer import Trainer, Trial, TrialRequest
from archwright.sandbox import Sandbox
from archwright.sandbox.opening import open_sandbox
from archwright.search.fingerprint import read_source
from archwright.search.grammar import draw
from archwright.tasks.loading import load_task

FRESH, FRESH_SEEDS = 1000, 6


class Counting:
    """Counts the steps that a trainer was asked for."""

    def __init__(self, trainer: Trainer, spec: TaskSpec) -> None:
        self._trainer, self._spec = trainer, spec
        self.steps = 0

    def train(self, request: TrialRequest) -> Trial:
        """Train, or answer from the journal; either way it is counted."""
        self.steps += self._spec.rungs[request.rung]
        return self._trainer.train(request)


def measure(name: str, rungs: tuple[int, ...], count: int, seed: int) -> dict[str, Any]:
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
        trial = full.train(TrialRequest(c.id, c.title, c.source, c.recipe, top, 0))
        if trial.score is not None:
            scores[c.id] = trial.score
    climbing = Counting(trainer, spec)
    climb = Climb(spec, settings, climbing, floors)
    ascents: list[Ascent] = []
    for c in climbers:
        seen = list(ascents)
        ascents.append(
            climb.climb(
                c,
                climb.most_trials,
                lambda rung, seen=seen: [a.rungs[rung].gain for a in seen if len(a.rungs) > rung],
                lambda *_: None,
            )
        )
    reached = {c.id: a for c, a in zip(climbers, ascents, strict=True) if len(a.rungs) > top}
    sign = 1.0 if spec.metric.direction == "maximize" else -1.0
    best = max(scores, key=lambda i: sign * scores[i])
    winner = max(reached, key=lambda i: reached[i].rungs[top].gain)
    winners = {c.id: c for c in climbers if c.id in (best, winner)}
    fresh = {i: _fresh_scores(trainer, c, top) for i, c in winners.items()}
    return {
        "steps_in_full": full.steps,
        "seeds": settings.search_seeds,
        "steps_climbing": climbing.steps,
        "share": climbing.steps / full.steps,
        "reached_the_top": len(reached),
        "best_in_full": {"candidate": best, "fresh": fresh[best]},
        "winner_climbing": {"candidate": winner, "fresh": fresh[winner]},
        "noise_sd": floors[-1].sd,
    }


def _fresh_scores(trainer: Trainer, c: Climber, top: int) -> list[float]:
    trials = (
        trainer.train(TrialRequest(c.id, c.title, c.source, c.recipe, top, FRESH + n))
        for n in range(FRESH_SEEDS)
    )
    return [t.score for t in trials if t.score is not None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="digits")
    parser.add_argument("--rungs", default="", help="in steps, separated by commas")
    parser.add_argument("--candidates", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rungs = tuple(map(int, filter(None, args.rungs.split(","))))
    found = measure(args.task, rungs, args.candidates, args.seed)
    if args.json:
        print(json.dumps(found))
        return
    print(
        f"{found['candidates']} candidates on {found['task']}: climbing took "
        f"{found['steps_climbing']:,} steps: {100 * found['share'] / found['seeds']:.0f} % of "
        f"training all in full on {found['seeds']} seeds, {100 * found['share']:.0f} % of one seed"
    )
    full, climbed = found["best_in_full"], found["winner_climbing"]
    print(
        f"on {FRESH_SEEDS} fresh seeds: best in full {full['candidate']} at "
        f"{fmean(full['fresh']):.2f}, winner by climbing {climbed['candidate']} at "
        f"{fmean(climbed['fresh']):.2f} (noise sd of one training {found['noise_sd']:.2f})"
    )


if __name__ == "__main__":
    main()
