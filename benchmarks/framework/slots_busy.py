"""How busy the training slots are: seconds of training over seconds of slots, after warm-up.

    python benchmarks/framework/slots_busy.py [--workers 2] [--trials 200] [--nodes 2]
                                               [--sandbox process] [--json]

The run is a real one on a task whose trials take a few seconds; the share is taken from its
journal, from the first training of the search to the last of verification; what is left after that
suffices for a candidate or two. The limit is 95 %. In a short run the ends of its rounds count for
much, where one candidate is waited for. With `--nodes` it trains on so many nodes of a Ray on this
machine, with one slot each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import archwright
from archwright.benchmarks.cluster.ray_by_hand import RayByHand
from archwright.core import Trial
from archwright.core.settings import SandboxName
from archwright.runs.journal import Journal
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace

LIMIT = 0.95


@contextmanager
def ray_of(nodes: int) -> Iterator[str]:
    """Where trials run: on so many nodes of a Ray, or on this machine without any."""
    if not nodes:
        yield "local"
        return
    cluster = RayByHand()
    try:
        cluster.start_head()
        for _ in range(nodes):
            cluster.start_node()
        os.environ["RAY_ADDRESS"] = cluster.address
        yield "ray"
    finally:
        os.environ.pop("RAY_ADDRESS", None)
        cluster.close()


def measure(
    task: str, workers: int, trials: int, sandbox: SandboxName, nodes: int = 0
) -> dict[str, Any]:
    """One run, and how busy its slots were."""
    with ray_of(nodes) as on, tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        result = archwright.discover(
            task, workspace=folder, max_trials=trials, workers=workers, sandbox=sandbox, on=on
        )
        paths = find_run(Workspace.open(Path(folder)), result["run"])
        with Journal.open(paths) as journal:
            return {"task": task, "workers": workers, **_busy(journal, workers)}


def _busy(journal: Journal, workers: int) -> dict[str, float]:
    trials = journal.trials()
    begun = min(t.finished - t.resources.seconds for t in trials if t.purpose == "search")
    last = [t.finished for t in trials if t.purpose == "verification"]
    # The last trainings run out one by one; the window ends before that.
    ended = sorted(last or (t.finished for t in trials))[-workers - 1]
    trained = sum(_overlap(trial, begun, ended) for trial in trials)
    share = trained / (workers * (ended - begun))
    mean = sum(t.resources.seconds for t in trials) / len(trials)
    return {"trials": len(trials), "mean_trial_seconds": mean, "busy_share": share, "limit": LIMIT}


def _overlap(trial: Trial, begun: float, ended: float) -> float:
    start = max(begun, trial.finished - trial.resources.seconds)
    return max(0.0, min(ended, trial.finished) - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="digits")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=0)
    parser.add_argument("--sandbox", choices=("process", "docker"), default="process")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    workers = args.nodes or args.workers
    found = measure(args.task, workers, args.trials, args.sandbox, args.nodes)
    if args.json:
        print(json.dumps(found))
    else:
        print(
            f"{found['trials']} trials of {found['mean_trial_seconds']:.2f} s on "
            f"{found['workers']} slots: busy {100 * found['busy_share']:.1f} % "
            f"(limit {100 * LIMIT:.0f} %)"
        )


if __name__ == "__main__":
    main()
