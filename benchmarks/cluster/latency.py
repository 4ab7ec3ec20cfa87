"""What a trial takes longer because it runs in an agent, or through Ray on this machine.

    python benchmarks/cluster/latency.py [--trials 20] [--json]

A training of one step, one at a time, as the caller sees it, less the time that the node's own
sandbox took for it. The limit is 30 ms, on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from archwright.benchmarks.cluster.faults import write_data
from archwright.core import TrialJob
from archwright.sandbox.executors import Launcher
from archwright.sandbox.executors.bridge import Bridge
from archwright.sandbox.executors.local_agents import LocalAgents
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox

LIMIT_MS = 30.0


def measure(launcher: Launcher, job: TrialJob, trials: int) -> dict[str, float]:
    """Milliseconds that are added, the median and nine of ten."""
    added = []
    with RemoteSandbox(launcher, AgentPlan("process")) as sandbox:
        sandbox.limitations()
        sandbox.train(job)
        for _ in range(trials):
            begun = time.monotonic()
            outcome = sandbox.train(job)
            added.append(1000 * (time.monotonic() - begun - outcome.resources.seconds))
    return {"median_ms": float(np.median(added)), "p90_ms": float(np.quantile(added, 0.9))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        job = replace(write_data(Path(folder)), steps=1)
        launchers: tuple[Launcher, ...] = (LocalAgents(), Bridge("ray", slots=1))
        found = {each.name: measure(each, job, args.trials) for each in launchers}
    if args.json:
        print(json.dumps({**found, "limit_ms": LIMIT_MS}))
        return
    for name, times in found.items():
        print(
            f"{name}: {times['median_ms']:.0f} ms added, nine of ten under "
            f"{times['p90_ms']:.0f} ms (limit {LIMIT_MS:.0f} ms)"
        )


if __name__ == "__main__":
    main()
