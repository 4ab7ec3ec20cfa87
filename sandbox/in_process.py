"""A sandbox that isolates nothing: for tests, and for stepping through a candidate."""

from __future__ import annotations

import json
import random
import time
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from archwright.core import (
    CheckReport,
    InputError,
    Limitation,
    Outcome,
    Problem,
    Receive,
    Resources,
    Status,
    TrialJob,
)
from archwright.sandbox.contract import JobRequest, read
from archwright.sandbox.inside import frames
from archwright.sandbox.machine import machine_kind
from archwright.sandbox.pool.turns import Turns
from archwright.sandbox.replies import ReplyReader
from archwright.sandbox.wall import (
    Ended,
    check_request,
    outcome_of,
    reader_of,
    report_of,
    train_request,
)


class InProcessSandbox:
    """Runs candidates in this very process, one at a time, with the code that a jail would run.

    It isolates nothing, kills nothing and limits nothing: a candidate can do all that the caller
    can. Use it on code that you wrote.
    """

    name = "in-process"
    choice = ""
    is_spread = False

    def __init__(self, workers: int = 1) -> None:
        """`workers` is what callers are told; the random state is shared, so jobs take turns."""
        self.workers = workers
        self._turns = Turns(1)

    def __enter__(self) -> Self:
        """There is nothing to start."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Turn later calls away."""
        self.stop()

    def check(
        self,
        source: str,
        problem: Problem,
        seed: int = 0,
        proxies: bool = False,
        outline: int | None = None,
    ) -> CheckReport:
        """Build the candidate and execute the checks before training."""
        _refuse_scripts(problem)
        request = check_request(source, problem, seed, proxies, outline)
        with self._turns.place():
            started = time.monotonic()
            try:
                header = _perform(JobRequest(0.0, 0, check=request), ReplyReader())
                return report_of(header, time.monotonic() - started)
            except Ended as ended:
                return CheckReport(ended.status, error=ended.error)

    def train(self, job: TrialJob, priority: int = 0, receive: Receive | None = None) -> Outcome:
        """Train the candidate. The limits on time and memory are not enforced."""
        _refuse_scripts(job.problem)
        reader, kept = reader_of(job, receive)
        with self._turns.place(priority):
            sent_at, cpu = time.monotonic(), time.process_time()
            try:
                header = _perform(JobRequest(0.0, 0, train=train_request(job)), reader)
                used = Resources(time.monotonic() - sent_at, cpu_seconds=time.process_time() - cpu)
                outcome = outcome_of(header, reader, job.steps, used, sent_at)
                return replace(outcome, predictions=kept.predictions)
            except Ended as ended:
                return Outcome(ended.status, error=ended.error)

    def stop(self) -> None:
        """Turn blocked and later calls away. What runs cannot be killed: wait until it is done."""
        self._turns.close()

    def limitations(self) -> tuple[Limitation, ...]:
        """It prevents nothing."""
        fix = "use the process sandbox"
        return (Limitation("isolation", "candidate code runs in Archwright's own process", fix),)

    @property
    def kind(self) -> str:
        """This machine's."""
        return machine_kind()

    def news(self) -> list[str]:
        """Nothing happens to it."""
        return []


def _refuse_scripts(problem: Problem) -> None:
    """A script is a program of its own: it would change this process for good."""
    if problem.script is not None:
        raise InputError("a script does not run in this process: use the process sandbox")


def _perform(job: JobRequest, reader: ReplyReader) -> dict[str, Any]:
    """The reply to `job`, through the same JSON and bytes as that of a jail.

    Raises:
        Ended: what it sends out is refused.
    """
    import torch

    from archwright.sandbox.inside import jobs

    threads = torch.get_num_threads()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            job = read(JobRequest, json.loads(json.dumps(asdict(job))))
            sender = frames.Sender(reader.feed)
            reader.feed(frames.encode(jobs.perform(job, jobs.gather(job), sender)))
    finally:
        torch.set_num_threads(threads)
        random.setstate(python_state)
        np.random.set_state(numpy_state)
    if reader.fault or reader.header is None:
        raise Ended(Status.INVALID, f"the reply is refused: {reader.fault}")
    return reader.header
