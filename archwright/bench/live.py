"""`archwright bench live`: policies in real runs, equal trainings, against random draws.

Every policy runs on every task with every seed, in a workspace of its own that knows nothing. A
run's result is the best gain over the baseline at the highest rung that any candidate reached, in
the baseline's noise standard deviations: all of a run's own measurements, no verification. Its
candidates include no control arm, so that each policy has all trainings to itself.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from archwright.cli.output import emit, say
from archwright.domain import Array, InputError

SETTINGS: Final = """\
[run]
control = 0.0
search_seeds = 1
finalists = 0
baseline_seeds = 5
examples = 0
"""
RANDOM: Final = "random"
DRAWS: Final = 10_000
"""Bootstrap samples."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the measurement takes."""
    from archwright.search.policies import DEFAULT

    parser.add_argument("--tasks", default="digits,recall", metavar="NAMES", help="by comma")
    parser.add_argument(
        "--policies", default=DEFAULT, metavar="NAMES", help="by comma; random is always measured"
    )
    parser.add_argument("--trials", type=int, default=60, metavar="N", help="trainings of a run")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="runs for each")
    parser.add_argument("--workers", type=int, metavar="N", help="trainings at a time")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Run all, and print each policy's mean gain beside that of random draws."""
    from archwright.search.policies import POLICIES

    names = [RANDOM, *(n for n in args.policies.split(",") if n != RANDOM)]
    for name in names:
        if name not in POLICIES:
            raise InputError(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
    if args.seeds < 2:
        raise InputError("--seeds must be at least 2, or there is no interval")
    tasks = args.tasks.split(",")
    gains: dict[str, dict[str, list[float]]] = {n: {t: [] for t in tasks} for n in names}
    # Seeds outermost: what changes on this machine meanwhile meets all policies alike.
    for seed in range(args.seeds):
        for task in tasks:
            for name in names:
                gain = _search(task, name, seed, args.trials, args.workers)
                gains[name][task].append(gain)
                say(f"seed {seed}, {task}, {name}: {gain:+.2f} noise sd")
    document = {"trials": args.trials, "seeds": args.seeds, "policies": summarise(gains)}
    emit(args, document, lambda: _render(document))
    return 0


def _search(task: str, policy: str, seed: int, trials: int, workers: int | None) -> float:
    """The best gain of one run; 0 where nothing beat the baseline at its rung."""
    import archwright
    from archwright.runs.finding import find_run
    from archwright.runs.journal import Journal
    from archwright.runs.workspace import Workspace, init

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "workspace"
        init(folder)
        (folder / "archwright.toml").write_text(SETTINGS)
        result = archwright.discover(
            *(task,), workspace=folder, max_trials=trials, seed=seed, policy=policy, workers=workers
        )
        paths = find_run(Workspace.open(folder), result["run"])
        with Journal.open(paths, readonly=True) as journal:
            rows = journal.query(
                "SELECT gain FROM candidates WHERE gain IS NOT NULL AND sequence > 0 "
                "AND rung = ? ORDER BY gain DESC LIMIT 1",
                len(journal.fact("rungs")) - 1,
            )
    return max(0.0, float(rows[0]["gain"])) if rows else 0.0


def summarise(gains: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, dict[str, Any]]:
    """Mean gains of each policy by task and over tasks, and the difference to random draws with a
    95 % interval: a bootstrap over seeds within each task, paired by seed."""
    rng = np.random.default_rng(0)
    rows: dict[str, dict[str, Any]] = {}
    for name, by_task in gains.items():
        means = {task: float(np.mean(values)) for task, values in by_task.items()}
        row: dict[str, Any] = {"gains": by_task, "means": means}
        row["mean"] = float(np.mean(list(means.values())))
        if name != RANDOM:
            pairs = [np.subtract(values, gains[RANDOM][task]) for task, values in by_task.items()]
            low, high = _interval(pairs, rng)
            row["over_random"] = float(np.mean([p.mean() for p in pairs]))
            row["interval"] = [low, high]
            row["beats_random"] = low > 0
        rows[name] = row
    return rows


def _interval(groups: Sequence[Array], rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of the mean of the groups' means."""
    means = np.mean(
        [g[rng.integers(0, len(g), (DRAWS, len(g)))].mean(axis=1) for g in groups], axis=0
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _render(document: Mapping[str, Any]) -> None:
    print(
        f"best gain over the baseline in its noise sd, mean of {document['seeds']} runs of "
        f"{document['trials']} trainings"
    )
    for name, row in document["policies"].items():
        by_task = ", ".join(f"{task} {mean:+.2f}" for task, mean in row["means"].items())
        line = f"{name:>10}: {row['mean']:+.2f} ({by_task})"
        if "interval" in row:
            low, high = row["interval"]
            said = "beats random draws" if row["beats_random"] else "is not shown to beat them"
            line += f"; {row['over_random']:+.2f} over random [{low:+.2f}, {high:+.2f}]: {said}"
        print(line)
