"""What a surrogate gains from what can be known of a candidate before it is trained.

    python benchmarks/search/surrogate.py [--tasks digits,recall] [--candidates 150]
                                            [--seed 0] [--json]

Draws candidates, checks them and trains each at the lowest rung. A surrogate is fitted to some of
them and judged on the others by its rank correlation with their scores, means over shuffles, for
several sets of features: the source's outline, which the search uses; the computation graph; the
training-free proxies; all of them; and what a surrogate expects that was fitted to another task's
candidates. Beside them stand the parameter count alone and the proxies' learned combination.

Last, what the search would pick by the outline: of sixteen that were not fitted the one that is
expected to improve most, and how often that is among the best tenth of all.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np

from archwright.benchmarks.search.features import GROUPS, columns_of, features
from archwright.core import Array, Candidate, CheckReport, Status, TaskSpec, TrialSpec
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal
from archwright.runs.training.trainer import Trainer
from archwright.runs.workspace.paths import RunPaths
from archwright.sandbox import Sandbox
from archwright.sandbox.opening import open_sandbox
from archwright.search.grammar import draw
from archwright.search.policies.shortlist import targets
from archwright.search.predict.proxies import fit_combination, table_of
from archwright.search.predict.ranks import rank, rank_correlation
from archwright.search.predict.surrogate import Surrogate
from archwright.search.source_space import SHORTLIST, outline
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import load_task

FITTED = (8, 16, 32, 64)
SHUFFLES = 30
LEFT = 40
"""Candidates that must be left to judge by."""
PICKS = 8
"""Times that sixteen of these are drawn, and one is picked."""
BEST = 0.1
ABSENT = -100.0
"""Stands for a proxy that could not be measured."""

Guess = Callable[[Array, Array, int], Array]
"""From what is known, what is held out and a seed to scores of what is held out."""


@dataclass(frozen=True)
class Trained:
    """Candidates of one task, a line for each: `score` is better when larger."""

    outline: Array
    graph: Array
    proxies: Array
    parameters: Array
    score: Array
    check_seconds: float
    training_seconds: float


def collect(name: str, count: int, seed: int) -> Trained:
    """Draw, check and train."""
    task, settings = load_task(name), RunSettings(workers=2, seed=seed)
    with tempfile.TemporaryDirectory() as folder, open_sandbox("process", 2) as sandbox:
        paths = RunPaths(Path(folder))
        with Journal.create(paths, {"settings": settings.to_json()}) as journal:
            trainer = Trainer(task, sandbox, journal)
            with ThreadPoolExecutor(settings.workers) as threads:
                wanted = islice(_sources(task.spec, seed), count)
                found = threads.map(lambda s: _train(task.spec, sandbox, trainer, s), wanted)
                rows = [row for row in found if row is not None]
    sign = 1.0 if task.spec.metric.direction == "maximize" else -1.0
    own = columns_of(*(group for group in GROUPS if group != "proxies"))
    return Trained(
        outline=np.array([outline(s, task.spec.problem, task.spec.recipe) for s, *_ in rows]),
        graph=np.array([features(r.graph, r.parameters, r.flops, {})[own] for _, r, *_ in rows]),
        proxies=table_of([r.proxies for _, r, *_ in rows]),
        parameters=np.array([float(r.parameters) for _, r, *_ in rows]),
        score=sign * np.array([score for *_, score, _ in rows]),
        check_seconds=float(np.mean([r.seconds for _, r, *_ in rows])),
        training_seconds=float(np.mean([seconds for *_, seconds in rows])),
    )


def _sources(spec: TaskSpec, seed: int) -> Iterator[str]:
    rng = Random(seed)
    while True:
        yield draw(spec.problem, rng).source


def _train(
    spec: TaskSpec, sandbox: Sandbox, trainer: Trainer, source: str
) -> tuple[str, CheckReport, float, float] | None:
    report = sandbox.check(source, spec.problem, proxies=True)
    if report.status is not Status.OK:
        return None
    recipe = read_source(source, spec.problem, spec.recipe).recipe
    drawn = Candidate(str(hash(source)), "drawn", source, recipe)
    trial = trainer.train(TrialSpec(drawn, 0, 0))
    if trial.score is None:
        return None
    return source, report, trial.score, trial.resources.seconds


def judge(own: Trained, other: Trained | None) -> dict[str, dict[int, float]]:
    """Mean rank correlation with the scores of what was not fitted, by features and by how many
    candidates were fitted."""
    proxies = np.nan_to_num(own.proxies, nan=ABSENT)
    sets = {
        "outline": own.outline,
        "graph": own.graph,
        "graph and proxies": np.hstack([own.graph, proxies]),
        "all three": np.hstack([own.outline, own.graph, proxies]),
    }
    if other is not None:
        elsewhere = _fit(other.outline, other.score, other.parameters, 0).predict(own.outline)
        sets["outline and the other task"] = np.hstack([own.outline, elsewhere[:, None]])
    guesses: dict[str, Guess] = {name: _by_surrogate(x, own) for name, x in sets.items()}
    guesses["proxies combined"] = lambda known, held, seed: fit_combination(
        own.proxies[known], own.score[known], seed
    ).score(own.proxies[held])
    guesses["parameters alone"] = lambda _known, held, _seed: own.parameters[held]
    sizes = [n for n in FITTED if n + LEFT <= len(own.score)]
    return {
        name: {n: _mean_correlation(own.score, guess, n) for n in sizes}
        for name, guess in guesses.items()
    }


def judge_picks(own: Trained) -> dict[int, tuple[float, float]]:
    """Of what is picked by the outline the mean rank, from 0 to 1, and the share that is among the
    best tenth, by how many candidates were fitted."""
    ranks = rank(own.score)
    found = {}
    for fitted in (n for n in FITTED if n + LEFT <= len(own.score)):
        picked = []
        for seed in range(SHUFFLES):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(own.score))
            known, held = order[:fitted], order[fitted:]
            surrogate = _fit(own.outline[known], own.score[known], own.parameters[known], seed)
            for _ in range(PICKS):
                shown = rng.choice(held, SHORTLIST, replace=False)
                improvement = surrogate.improvement(own.outline[shown])
                picked.append(ranks[shown[np.argmax(improvement)]])
        of_best = np.array(picked) >= 1 - BEST
        found[fitted] = float(np.mean(picked)), float(of_best.mean())
    return found


def _by_surrogate(x: Array, own: Trained) -> Guess:
    def guess(known: Array, held: Array, seed: int) -> Array:
        return _fit(x[known], own.score[known], own.parameters[known], seed).predict(x[held])

    return guess


def _fit(x: Array, score: Array, parameters: Array, seed: int) -> Surrogate:
    surrogate = Surrogate(seed)
    order = np.argsort(-score, kind="stable")
    surrogate.fit(x[order], targets(len(order)), parameters[order])
    return surrogate


def _mean_correlation(score: Array, guess: Guess, fitted: int) -> float:
    found = []
    for seed in range(SHUFFLES):
        order = np.random.default_rng(seed).permutation(len(score))
        known, held = order[:fitted], order[fitted:]
        found.append(rank_correlation(guess(known, held, seed), score[held]))
    return float(np.mean(found))


def _print(
    name: str,
    own: Trained,
    found: Mapping[str, Mapping[int, float]],
    picks: Mapping[int, tuple[float, float]],
) -> None:
    sizes = next(iter(found.values()))
    print(
        f"{name}, {len(own.score)} candidates: a check takes {own.check_seconds:.2f} s, a training "
        f"at the lowest rung {own.training_seconds:.2f} s, two at a time"
    )
    print("rank correlation held out, by candidates fitted")
    print(f"{'':>28}" + "".join(f"{n:>7}" for n in sizes))
    for what, by_size in found.items():
        print(f"{what:>28}" + "".join(f"{value:>7.2f}" for value in by_size.values()))
    for i, what in enumerate(("mean rank of what is picked", "of the best tenth")):
        print(f"{what:>28}" + "".join(f"{pick[i]:>7.2f}" for pick in picks.values()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default="digits,recall", help="by comma")
    parser.add_argument("--candidates", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    names = args.tasks.split(",")
    trained = {name: collect(name, args.candidates, args.seed) for name in names}
    others = dict(zip(names, [*names[1:], names[0]], strict=True))
    found = {
        name: judge(own, trained[others[name]] if len(names) > 1 else None)
        for name, own in trained.items()
    }
    picks = {name: judge_picks(own) for name, own in trained.items()}
    if args.json:
        print(json.dumps({n: {"correlation": found[n], "picks": picks[n]} for n in names}))
        return
    for name, rows in found.items():
        _print(name, trained[name], rows, picks[name])


if __name__ == "__main__":
    main()
