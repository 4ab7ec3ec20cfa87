"""Whether the loop, the journal and the decisions keep up with hundreds of workers.

    python benchmarks/cluster/scale.py [--nodes 32] [--slots 8] [--minutes 20]
                       [--trials N] [--policy guided] [--faster 2] [--json]

Everything is real but the trainings: nodes are agents in this process that sleep for as long as a
training takes, and answer as one would. A candidate takes 20 to 600 s at the top rung, log-uniform,
and at the rungs below it as much less as they have fewer steps, 2 s at least; all divided by
`--faster`. Measured are the busy share of the slots from the moment when all are busy until the
run's time is nearly up (what cannot end in it is not begun), the memory of this process early and
at the end, and the seconds of processor that a trial costs here. The limit is 95 %.

With `--trials` the run ends after as many, and a line is printed at each twentieth of them: whether
memory and the processor's share stay flat. Slots are then not kept busy on purpose: `--faster 200`
makes the loop what all else waits for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil

from archwright import __version__
from archwright.core import CheckReport, Outcome, Resources, Status
from archwright.core.settings import RunSettings
from archwright.runs.journal import Journal
from archwright.runs.phases import discover
from archwright.runs.results.page import write_page
from archwright.runs.session import carry_out
from archwright.runs.starting import begin
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.executors import Arrival
from archwright.sandbox.executors.messages import AgentHello, outcome_header, report_header
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.inside import frames
from archwright.tasks.loading import load_task

LIMIT = 0.95
SHORTEST_SECONDS, QUICKEST_SECONDS, LONGEST_SECONDS = 2.0, 20.0, 600.0
"""Of any training, and of the quickest and the slowest candidate at the top rung."""
_CLASSES = 10


class SleepingNode:
    """An agent that sleeps in place of training, and guesses in place of predicting.

    Args:
        top: the steps of a training at the top rung.
        samples: how many samples each split has.
    """

    def __init__(self, slots: int, faster: float, top: int, samples: Mapping[str, int]) -> None:
        self.slots, self.faster, self.top, self.samples = slots, faster, top, samples
        self.closed = False
        self.ended = 0
        self._said: queue.Queue[bytes] = queue.Queue()
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Answer, after a sleep where it is a training."""
        header, _ = frames.decode(data)
        if "open" in header:
            self._say({"hello": asdict(self._hello())})
        elif "check" in header:
            mark = _mark(header["check"]["source"])
            report = CheckReport(Status.OK, parameters=1000 + int(mark[:4], 16), graph=mark)
            self._say({"job": header["job"], **report_header(report)})
        elif "train" in header:
            seconds = self._length(header["train"]) / self.faster
            timer = threading.Timer(seconds, self._end, (header, seconds))
            timer.daemon = True
            timer.start()

    def _hello(self) -> AgentHello:
        return AgentHello(__version__, "none", self.slots, 1 << 20, 0, "sleeping", "", ())

    def _length(self, job: Mapping[str, Any]) -> float:
        spread = LONGEST_SECONDS / QUICKEST_SECONDS
        whole = QUICKEST_SECONDS * spread ** Random(_mark(job["source"])).random()
        return max(SHORTEST_SECONDS, float(whole * job["steps"] / self.top))

    def _end(self, header: Mapping[str, Any], seconds: float) -> None:
        self.ended += 1
        number, job = header["job"], header["train"]
        draw = np.random.default_rng(int(_mark(f"{job['source']}{job['seed']}")[:8], 16))
        sender = frames.Sender(lambda p: self._say({"job": number, "piece": len(p)}, p))
        first, *more = job["splits"]
        for split in (first, *more, *([f"{first}_int8"] if job["measures"] else [])):
            shape = self.samples[split.removesuffix("_int8")], _CLASSES
            sender.block(split, 0, draw.normal(size=shape).astype(np.float32))
        used = Resources(seconds, 0.0, seconds, 100.0, 1000, job["steps"])
        curve = ((job["steps"], float(draw.random())),)
        self._say({"job": number, **outcome_header(Outcome(Status.OK, curve, resources=used))})

    def _say(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        self._said.put(frames.encode(header, body))

    def receive(self, count: int, deadline: float) -> bytes:
        """Up to `count` bytes; it says something at least each ten seconds."""
        if not self._rest:
            try:
                left = max(0.0, deadline - time.monotonic())
                self._rest = self._said.get(timeout=min(10.0, left))
            except queue.Empty:
                self._rest = frames.encode({"beat": 1})
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def hang_up(self) -> None:
        """It ends."""
        self.close()

    def close(self) -> None:
        """It ends."""
        self.closed = True
        self._said.put(b"")


class SleepingNodes:
    """A launcher of nodes that sleep."""

    name = "sleeping nodes"

    def __init__(self, made: Sequence[SleepingNode]) -> None:
        self._coming = [Arrival(f"node-{n}", node) for n, node in enumerate(made)]

    def start(self) -> None:
        """There is nothing to reach."""

    def arrivals(self) -> list[Arrival]:
        """All of them, the first time."""
        coming, self._coming = self._coming, []
        return coming

    def news(self) -> list[str]:
        """Nothing happens to them."""
        return []

    def avoid(self, node: str) -> None:
        """They are all alike."""

    def close(self) -> None:
        """Nothing is left."""


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Watch(threading.Thread):
    """Looks each second at how much memory this process has.

    Args:
        step: trials after which a line says how far it is; None for no line.
    """

    def __init__(self, nodes: Sequence[SleepingNode], step: float | None) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.memory_mb: list[float] = []
        self._nodes, self._step = nodes, step

    def run(self) -> None:
        """Until it is over."""
        said, used = 0, time.process_time()
        while not self.over.wait(1.0):
            self.memory_mb.append(psutil.Process().memory_info().rss / 2**20)
            trials = sum(node.ended for node in self._nodes)
            if self._step is not None and trials >= said + self._step:
                now = time.process_time()
                cost = 1000 * (now - used) / (trials - said)
                line = f"{trials:7} trials {self.memory_mb[-1]:6.0f} MB {cost:6.1f} ms"
                print(line, file=sys.stderr, flush=True)
                said, used = trials, now


def measure(
    nodes: int, slots: int, minutes: float, faster: float, trials: int | None, policy: str
) -> dict[str, Any]:
    """One run on sleeping nodes."""
    workers = nodes * slots

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        place, task = Workspace.open(Path(folder)), load_task("digits")
        settings = RunSettings(
            hours=minutes / 60, max_trials=trials, workers=workers, policy=policy, finalists=0
        )
        paths = begin(place, task, settings, "digits")
        samples = {split: len(task.load(split, 0)[1]) for split in ("validation", "test")}
        top = task.spec.rungs[-1]
        made = [SleepingNode(slots, faster, top, samples) for _ in range(nodes)]
        sandbox = RemoteSandbox(SleepingNodes(made), workers=workers)
        watch = Watch(made, trials and trials / 20)
        watch.start()
        started, used = time.monotonic(), time.process_time()
        snapshot = carry_out(place, task, paths, discover, sandbox=sandbox)
        seconds, used = time.monotonic() - started, time.process_time() - used
        searched = len(watch.memory_mb)
        with Journal.open(paths) as journal:
            write_page(journal, snapshot)
            watch.over.set()
            watch.join()
            spans = [(t.finished - t.resources.seconds, t.finished) for t in journal.each_trial()]
        memory = watch.memory_mb
    return {
        "workers": workers,
        "trials": len(spans),
        "seconds": seconds,
        **_busy(spans, workers, LONGEST_SECONDS / faster),
        "cpu_seconds_a_trial": used / len(spans),
        "memory_mb": {
            "after a fifth": memory[searched // 5],
            "at the end": max(memory[:searched]),
            "with the report": max(memory),
        },
        "limit": LIMIT,
    }


def _busy(
    spans: list[tuple[float, float]], workers: int, longest_seconds: float
) -> dict[str, float]:
    """The share, between the moment when the slots are first full and the time when the longest
    trial could last have begun."""
    starts = sorted(start for start, _ in spans)
    ended = max(end for _, end in spans) - longest_seconds
    begun = starts[min(workers, len(starts) // 2)]
    trained = sum(max(0.0, min(ended, end) - max(begun, start)) for start, end in spans)
    mean = sum(end - start for start, end in spans) / len(spans)
    return {"busy_share": trained / (workers * (ended - begun)), "mean_trial_seconds": mean}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=32)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--policy", default=RunSettings().policy)
    parser.add_argument("--faster", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.nodes, args.slots, args.minutes, args.faster, args.trials, args.policy)
    if args.json:
        print(json.dumps(found))
        return
    memory = found["memory_mb"]
    print(
        f"{found['workers']} workers, {found['trials']} trials of "
        f"{found['mean_trial_seconds']:.1f} s in {found['seconds']:.0f} s: slots busy "
        f"{100 * found['busy_share']:.1f} % (limit {100 * LIMIT:.0f} %), "
        f"{1000 * found['cpu_seconds_a_trial']:.0f} ms of processor a trial, memory "
        f"{memory['after a fifth']:.0f} MB after a fifth, "
        f"at most {memory['at the end']:.0f} MB, and "
        f"{memory['with the report']:.0f} MB while the report is written"
    )


if __name__ == "__main__":
    main()
