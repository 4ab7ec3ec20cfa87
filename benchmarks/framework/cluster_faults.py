"""What becomes of trials when nodes of a cluster die: so many times, for real, on this machine.

    python benchmarks/framework/cluster_faults.py [--faults agent raylet freeze] [--times 20]
                                                  [--json]

Three nodes, an agent each. While trials go on, one node at a time is taken down: its agent killed
(on agents that are processes here), its raylet killed, or raylet and all its workers frozen (on a
Ray of several raylets; needs `pip install 'archwright[ray]'`). Each time another node takes its
place. Counted are trials that end well, exactly once, with the predictions that an undisturbed
training of their seed has, and processes that are left at the end. The figure to reach is: all of
them, and none.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from archwright.core import Outcome, Problem, Recipe, Status, TrialJob
from archwright.sandbox.executors import Launcher
from archwright.sandbox.executors.local_agents import LocalAgents
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.pool.worker import family_of

NODES = 3
SOURCE = """
from torch import nn

class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.net = nn.Linear(input_shape[0], output_shape[0])

    def forward(self, x):
        return self.net(x)
"""
Strike = Callable[[str], Callable[[], object]]
"""Takes down the node of that name; what it returns puts another in its place."""


def write_data(folder: Path) -> TrialJob:
    """A job of about a second, with its data."""
    draw = np.random.default_rng(0)
    for split, samples in (("train", 200), ("validation", 90)):
        x = draw.normal(size=(samples, 8)).astype(np.float32)
        np.save(folder / f"{split}_x.npy", x)
        if split == "train":
            np.save(folder / f"{split}_y.npy", x[:, :3].argmax(1))
    problem = Problem("Model", (8,), (3,), "cross_entropy", max_params=1000)
    return TrialJob(SOURCE, problem, Recipe(), steps=1000, seed=0, data=folder)


@contextmanager
def local_nodes() -> Iterator[tuple[Launcher, Strike]]:
    """Nodes that are processes here; a strike kills one."""
    agents = LocalAgents(NODES)
    agents.restarts = 1000

    def strike(name: str) -> Callable[[], object]:
        os.kill(agents.agents[name].pid, signal.SIGKILL)
        return lambda: None  # the launcher does

    yield agents, strike


@contextmanager
def ray_nodes(freeze: bool) -> Iterator[tuple[Launcher, Strike]]:
    """Nodes of a Ray cluster; a strike takes a raylet down, and adds another node."""
    from ray.cluster_utils import Cluster

    from archwright.sandbox.executors.ray_agents import RayAgents

    health = {
        "health_check_initial_delay_ms": 1000,
        "health_check_period_ms": 1000,
        "health_check_timeout_ms": 2000,
        "health_check_failure_threshold": 3,
    }
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": health}
    cluster: Any = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1) for _ in range(NODES)]

    def strike(name: str) -> Callable[[], object]:
        node = next(n for n in nodes if n.node_id[:6] == name[-6:])
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        nodes.remove(node)
        if freeze:
            for process in family_of(raylet.pid):
                with suppress(psutil.NoSuchProcess):
                    process.suspend()
            threading.Timer(60, _thaw, [raylet]).start()
        else:
            raylet.kill()
        return lambda: nodes.append(cluster.add_node(num_cpus=1))

    try:
        yield RayAgents(cluster.address), strike
    finally:
        cluster.shutdown()


def _thaw(raylet: psutil.Process) -> None:
    """A node that was frozen comes back, and finds that it was given up."""
    for process in family_of(raylet.pid):
        with suppress(psutil.NoSuchProcess):
            process.resume()


def measure(fault: str, times: int) -> dict[str, Any]:
    """Trials while nodes are taken down so many times, one after the other."""
    place = local_nodes() if fault == "agent" else ray_nodes(fault == "freeze")
    before = {process.pid for process in psutil.process_iter()}
    with tempfile.TemporaryDirectory() as folder:
        job = write_data(Path(folder))
        true = InProcessSandbox().train(job).predictions["validation"]
        with (
            place as (launcher, strike),
            ThreadPoolExecutor(2 * NODES) as pool,
            RemoteSandbox(launcher, AgentPlan("process"), NODES) as sandbox,
        ):
            sandbox.limitations()
            outcomes, gaps = _disturb(sandbox, job, strike, times, pool)
        good = sum(
            o.status is Status.OK and np.array_equal(o.predictions["validation"], true)
            for o in outcomes
        )
    return {
        "fault": fault,
        "faults": times,
        "trials": len(outcomes),
        "good": good,
        "seconds_until_elsewhere": {"median": float(np.median(gaps)), "longest": max(gaps)},
        "processes_left": _left(before),
    }


def _disturb(
    sandbox: RemoteSandbox, job: TrialJob, strike: Strike, times: int, pool: ThreadPoolExecutor
) -> tuple[list[Outcome], list[float]]:
    """The outcomes, and for each fault the seconds until it was known."""
    over = threading.Event()
    ended: list[int] = []

    def work(number: int) -> list[Outcome]:
        done: list[Outcome] = []
        source = f"{job.source}\n# candidate {number}\n"
        while not over.is_set():
            fresh = f"{source}# trial {len(done)}\n"
            done.append(sandbox.train(replace(job, source=fresh)))
            ended.append(number)
        return done

    futures = [pool.submit(work, number) for number in range(2 * NODES)]
    gaps = []
    for _ in range(times):
        while len(sandbox._places.nodes) < 2 or not any(n.busy for n in sandbox._places.nodes):
            time.sleep(0.05)
        node = max(sandbox._places.nodes, key=lambda each: each.busy)
        struck = time.monotonic()
        restore = strike(node.name)
        while node in sandbox._places.nodes:
            time.sleep(0.01)
        gaps.append(time.monotonic() - struck)
        print(f"{node.name} was lost after {gaps[-1]:.1f} s", file=sys.stderr, flush=True)
        restore()
        # One fault a trial: two of them would count as the candidate's own.
        settled = len(ended) + 2 * NODES
        while len(ended) < settled:
            time.sleep(0.05)
    over.set()
    return [outcome for future in futures for outcome in future.result()], gaps


def _left(before: set[int]) -> int:
    """Processes of Python or Ray that were not there before; they have two minutes to go."""
    for _ in range(240):
        left = [
            p
            for p in psutil.process_iter(["name", "cmdline", "status"])
            if p.pid not in before
            and p.info["status"] != psutil.STATUS_ZOMBIE
            and any("archwright" in word or "ray" in word for word in p.info["cmdline"] or ())
        ]
        if not left:
            return 0
        time.sleep(0.5)
    return len(left)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = ("agent", "raylet", "freeze")
    parser.add_argument("--faults", nargs="+", choices=choices, default=choices)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    for fault in args.faults:
        found = measure(fault, args.times)
        print(json.dumps(found) if args.json else _words(found), flush=True)


def _words(found: dict[str, Any]) -> str:
    gap = found["seconds_until_elsewhere"]
    return (
        f"{found['fault']}: {found['faults']} faults, {found['good']} of {found['trials']} trials "
        f"end well, once and as undisturbed; the loss was known after {gap['median']:.1f} s "
        f"(longest {gap['longest']:.1f} s); {found['processes_left']} processes left"
    )


if __name__ == "__main__":
    main()
