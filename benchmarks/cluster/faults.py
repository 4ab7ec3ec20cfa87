"""What becomes of trials when nodes of a cluster die: so many times, for real, on this machine.

    python benchmarks/cluster/faults.py [--faults agent disk raylet freeze shrink head]
                                                  [--times 10] [--spare] [--json]

Three nodes, an agent each. While trials go on, one fault follows the other. Agents that are
processes here: one is killed, or the disk of its node is full (small disks take root). A Ray of
several nodes on this machine (needs `pip install 'archwright[ray]'`): a raylet is killed, a node is
frozen for a minute, all nodes are killed at once and come back after ten seconds, or the head is
killed with all that it knows, and nodes join the next one. Counted are trials that end well,
exactly once, with the predictions that an undisturbed training of their seed has, and processes
that are left at the end. With `--spare` there is one trial less at a time than nodes, so that what
is lost can begin elsewhere at once, and the time until it does is counted, too. The figure to reach
is: all of them, and none. What becomes of a run whose own process is killed is in
`driver_faults.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from archwright.benchmarks.cluster.ray_by_hand import Offspring, RayByHand
from archwright.core import Outcome, Problem, Recipe, Status, TrialJob
from archwright.sandbox.executors import Arrival, Launcher
from archwright.sandbox.executors.bridge import Bridge
from archwright.sandbox.executors.local_agents import LocalAgents
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.in_process import InProcessSandbox

NODES = 3
DISK_MB = 16
AWAY_SECONDS = 10.0
"""How long a cluster is without nodes, or without its head."""
FROZEN_SECONDS = 60.0
FAULTS = ("agent", "disk", "raylet", "freeze", "shrink", "head")
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
"""Brings a fault on, to the node of that name where it is one of a node; what it returns puts other
nodes in the place of those that are gone."""


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
def killed_agents() -> Iterator[tuple[Launcher, Strike]]:
    """Nodes that are processes here; a strike kills one."""
    agents = LocalAgents(NODES)
    agents.restarts = 1000

    def strike(name: str) -> Callable[[], object]:
        os.kill(agents.agents[name].pid, signal.SIGKILL)
        return lambda: None  # the launcher does

    yield agents, strike


class CrampedAgents(LocalAgents):
    """Agents on this machine, each with a small disk of its own for what it writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(0)
        self.wanted, self._folder = NODES, folder

    def disk(self, name: str) -> Path:
        """That of a node."""
        return self._folder / name

    def arrivals(self) -> list[Arrival]:
        """One after the other: each inherits where its disk is."""
        if len(self.agents) == self.count < self.wanted:
            disk = self.disk(f"local-{self.count}")
            disk.mkdir()
            size = f"size={DISK_MB}m"
            subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(disk)], check=True)
            os.environ["TMPDIR"] = str(disk)
            self.count += 1
        return super().arrivals()


@contextmanager
def full_disks(jobs: list[TrialJob]) -> Iterator[tuple[Launcher, Strike]]:
    """Nodes with small disks; a strike fills one, and adds a job whose data is to be fetched."""
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory() as folder:
        agents = CrampedAgents(Path(folder))

        def strike(name: str) -> Callable[[], object]:
            filler = agents.disk(name) / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            data = Path(folder) / f"data-{agents.wanted}"
            shutil.copytree(jobs[0].data or "", data)
            with (data / "train_x.npy").open("ab") as file:
                file.write(name.encode())  # behind the array, where nobody reads
            jobs.append(replace(jobs[0], data=data))
            agents.wanted += 1
            return lambda: None

        try:
            yield agents, strike
        finally:
            os.environ.pop("TMPDIR")
            if before is not None:
                os.environ["TMPDIR"] = before
            for disk in Path(folder).glob("local-*"):
                subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def ray_nodes(fault: str) -> Iterator[tuple[Launcher, Strike]]:
    """Nodes of a Ray on this machine."""
    cluster = RayByHand()
    frozen: list[psutil.Process] = []

    def strike(name: str) -> Callable[[], object]:
        del name  # they are alike
        if fault == "raylet":
            cluster.kill_raylet()
        elif fault == "freeze":
            frozen[:] = cluster.freeze_node()
            threading.Timer(FROZEN_SECONDS, _thaw, [list(frozen)]).start()
        elif fault == "shrink":
            cluster.kill_nodes()
        else:
            cluster.kill_head()
            time.sleep(AWAY_SECONDS)  # trials go on
            cluster.kill_nodes()  # they cannot join another head
            cluster.start_head()
        return restore

    def restore() -> None:
        if fault == "shrink":
            time.sleep(AWAY_SECONDS)
        while len(cluster.nodes) < NODES:
            cluster.start_node()

    try:
        cluster.start_head()
        for _ in range(NODES):
            cluster.start_node()
        yield Bridge("ray", address=cluster.address), strike
    finally:
        _thaw(frozen)
        cluster.close()


def _thaw(frozen: list[psutil.Process]) -> None:
    """A node that was frozen comes back, and finds that it was given up."""
    for process in frozen:
        with suppress(psutil.NoSuchProcess):
            process.resume()


def measure(fault: str, times: int, workers: int = 2 * NODES) -> dict[str, Any]:
    """So many trials at a time while a fault comes so many times, one after the other."""
    with Offspring() as offspring, tempfile.TemporaryDirectory() as folder:
        jobs = [write_data(Path(folder))]
        true = InProcessSandbox().train(jobs[0]).predictions["validation"]
        place = (
            killed_agents() if fault == "agent"
            else full_disks(jobs) if fault == "disk"
            else ray_nodes(fault)
        )  # fmt: skip
        with (
            place as (launcher, strike),
            ThreadPoolExecutor(workers) as pool,
            RemoteSandbox(launcher, AgentPlan("process"), NODES) as sandbox,
        ):
            sandbox.limitations()
            outcomes, known, again = _disturb(sandbox, jobs, strike, times, pool, workers)
    bad = Counter(
        f"{o.status}: {o.error or 'other predictions'}"
        for o in outcomes
        if o.status is not Status.OK or not np.array_equal(o.predictions["validation"], true)
    )
    return {
        "fault": fault,
        "faults": times,
        "trials": len(outcomes),
        "good": len(outcomes) - bad.total(),
        "bad": dict(bad),
        "seconds_until_known": _spread(known),
        "seconds_until_elsewhere": _spread(again) if workers < NODES else None,
        "processes_left": offspring.left(),
    }


def _under_way(sandbox: RemoteSandbox) -> int:
    return sum(node.busy for node in sandbox._places.nodes)


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": float(np.median(seconds)), "longest": max(seconds)}


def _disturb(
    sandbox: RemoteSandbox,
    jobs: Sequence[TrialJob],
    strike: Strike,
    times: int,
    pool: ThreadPoolExecutor,
    workers: int,
) -> tuple[list[Outcome], list[float], list[float]]:
    """The outcomes, and for each fault the seconds until it was known, and until as many trials
    as before were under way."""
    over = threading.Event()
    ended: Counter[int] = Counter()

    def work(number: int) -> list[Outcome]:
        done: list[Outcome] = []
        while not over.is_set():
            fresh = f"{SOURCE}\n# candidate {number}, trial {len(done)}\n"
            done.append(sandbox.train(replace(jobs[-1], source=fresh)))
            ended[number] += 1
        return done

    futures = [pool.submit(work, number) for number in range(workers)]
    known: list[float] = []
    again: list[float] = []
    for _ in range(times):
        # One fault a trial: two nodes that die under it would count as the candidate's own fault.
        begun = Counter(ended)
        while any(ended[number] == begun[number] for number in range(workers)):
            if any(future.done() for future in futures):
                return [outcome for future in futures for outcome in future.result()], known, again
            time.sleep(0.05)
        while len(sandbox._places.nodes) < NODES or not any(n.busy for n in sandbox._places.nodes):
            time.sleep(0.05)
        nodes = set(sandbox._places.nodes)
        struck = time.monotonic()
        restore = strike(max(nodes, key=lambda each: each.busy).name)
        while not (lost := nodes - set(sandbox._places.nodes)):
            time.sleep(0.01)
        known.append(time.monotonic() - struck)
        while _under_way(sandbox) < min(workers, len(sandbox._places.nodes)):
            time.sleep(0.01)
        again.append(time.monotonic() - struck)
        names = ", ".join(sorted(node.name for node in lost))
        print(f"{names} was lost after {known[-1]:.1f} s", file=sys.stderr, flush=True)
        restore()
    over.set()
    return [outcome for future in futures for outcome in future.result()], known, again


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=FAULTS)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--spare", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    for fault in args.faults:
        found = measure(fault, args.times, NODES - 1 if args.spare else 2 * NODES)
        print(json.dumps(found) if args.json else _words(found), flush=True)


def _words(found: dict[str, Any]) -> str:
    gap = found["seconds_until_known"]
    said = (
        f"{found['fault']}: {found['faults']} faults, {found['good']} of {found['trials']} trials "
        f"end well, once and as undisturbed; the loss was known after {gap['median']:.1f} s "
        f"(longest {gap['longest']:.1f} s); {found['processes_left']} processes left"
    )
    if found["seconds_until_elsewhere"]:
        said += "; elsewhere after {median:.1f} s (longest {longest:.1f} s)".format(
            **found["seconds_until_elsewhere"]
        )
    return "\n".join([said, *(f"  {count} × {why}" for why, count in found["bad"].items())])


if __name__ == "__main__":
    main()
