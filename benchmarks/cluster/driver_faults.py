"""What becomes of a run whose own process is killed, again and again, and resumed elsewhere.

    python benchmarks/cluster/driver_faults.py [--times 10] [--trials 40] [--json]

A real run on digits trains on the three nodes of a Ray on this machine (needs
`pip install 'archwright[ray]'`). After each few trials its process is killed by SIGKILL, and
`archwright resume` goes on with it, in turn on this machine alone and on the cluster again. In the
end its journal must hold so many trials as it was given, each once, and no process may be left.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from archwright.benchmarks.cluster.faults import NODES
from archwright.benchmarks.cluster.ray_by_hand import Offspring, RayByHand
from archwright.core import RunError, Trial
from archwright.runs.journal import Journal
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace

BETWEEN = 2
"""Trials that end between two kills."""


def measure(times: int, trials: int) -> dict[str, Any]:
    """One run whose process is killed so many times."""
    cluster = RayByHand()
    with Offspring() as offspring, tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(["git", "init", "-q", folder], check=True)
            cluster.start_head()
            for _ in range(NODES):
                cluster.start_node()
            place = Path(folder)
            done = _run(place, cluster.address, times, trials)
        finally:
            cluster.close()
    known = Counter((t.candidate, t.purpose, t.steps, t.seed) for t in done)
    return {
        "kills": times,
        "trials_wanted": trials,
        "trials": len(done),
        "twice": sum(count - 1 for count in known.values()),
        "statuses": dict(Counter(str(t.status) for t in done)),
        "processes_left": offspring.left(),
    }


def _run(place: Path, address: str, times: int, trials: int) -> list[Trial]:
    """Run, kill and resume in turn; the trials of the whole."""
    words = ["run", "digits", "--on", "ray", "--workers", str(NODES), "--max-trials", str(trials)]
    ended = 0
    for kill in range(times):
        process = _start(place, address, words)
        ended = _await(place, ended + BETWEEN, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        print(f"killed after {ended} trials", file=sys.stderr, flush=True)
        words = ["resume", "--on", "ray" if kill % 2 else "local"]
    if _start(place, address, words).wait():
        raise OSError("the run did not end well")
    return _trials(place)


def _start(place: Path, address: str, words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "archwright", *words, "--workspace", str(place)],
        env={**os.environ, "RAY_ADDRESS": address},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _await(place: Path, count: int, process: subprocess.Popen[bytes]) -> int:
    """Wait until so many trials have ended; how many have."""
    while (found := len(_trials(place))) < count:
        if process.poll() is not None:
            raise OSError(f"the run ended after {found} trials: give it more")
        time.sleep(0.2)
    return found


def _trials(place: Path) -> list[Trial]:
    try:
        with Journal.open(find_run(Workspace.open(place))) as journal:
            return [trial for trial in journal.trials() if trial.status is not None]
    except RunError:  # it has not begun
        return []


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.times, args.trials)
    if args.json:
        print(json.dumps(found))
        return
    print(
        f"{found['kills']} kills: {found['trials']} of {found['trials_wanted']} trials, "
        f"{found['twice']} twice, {found['processes_left']} processes left"
    )


if __name__ == "__main__":
    main()
