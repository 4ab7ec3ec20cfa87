"""What runs on a node: opens the ordinary sandbox there, and does what it is sent.

It speaks over one stream each way, whoever started it and whatever carries the stream. When the
stream ends it kills what runs and ends itself, so nothing outlives the run that it works for.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import psutil

from archwright import __version__
from archwright.core import ArchwrightError, Problem, SandboxError, Stopped, TrialJob
from archwright.sandbox import Sandbox
from archwright.sandbox.contract import read
from archwright.sandbox.docker.engine import DockerSettings
from archwright.sandbox.executors.cache import DataCache
from archwright.sandbox.executors.messages import (
    AgentHello,
    AgentPlan,
    outcome_header,
    read_check,
    read_job,
    report_header,
)
from archwright.sandbox.inside import frames
from archwright.sandbox.opening import open_sandbox
from archwright.sandbox.pool.scratch import Scratch

BEAT_SECONDS: Final = 1.0


class Agent:
    """Serves one run until its stream ends.

    Args:
        receive: gives up to so many bytes, none at the end.
        send: takes a whole message; raises `OSError` where nobody reads any more.
        slots: trainings at a time, over what the run's plan says.
        gpus: what this node gives to trainings, likewise.
        memory_mb: the most that trainings may take of the node; 0 is all of it.
    """

    def __init__(
        self,
        receive: Callable[[int], bytes],
        send: Callable[[bytes], None],
        slots: int = 0,
        gpus: tuple[int, ...] = (),
        memory_mb: int = 0,
    ) -> None:
        self._receive, self._send = receive, send
        self._slots, self._gpus, self._memory_mb = slots, gpus, memory_mb
        self._sending = threading.Lock()
        self._gone = threading.Event()

    def serve(self) -> None:
        """Do what is asked until `bye`, or the end of the stream."""
        opening = frames.read_message(self._receive)
        if opening is None:
            return
        threading.Thread(target=self._beat, name="beat", daemon=True).start()
        scratch = Scratch()
        with ExitStack() as undoing:
            undoing.callback(self._gone.set)
            undoing.callback(scratch.remove)
            try:
                plan = self._planned(opening[0])
                sandbox = undoing.enter_context(open_planned(plan))
                hello = introduce(plan, sandbox)
                memory_mb = min(hello.memory_mb, self._memory_mb or hello.memory_mb)
                self._say({"hello": asdict(replace(hello, memory_mb=memory_mb))})
            except (ArchwrightError, ValueError) as error:
                self._say({"fault": str(error)})
                return
            cache = DataCache(
                scratch.path, plan.cache_mb << 20, lambda digest: self._say({"need": digest})
            )
            self._listen(sandbox, cache)

    def say_leaving(self) -> None:
        """Tell the run that this node is taken from it: what is lost now is nobody's fault."""
        self._say({"leaving": 1})

    def _planned(self, opening: Mapping[str, Any]) -> AgentPlan:
        plan = read(AgentPlan, opening.get("open"))
        return replace(plan, slots=self._slots or plan.slots, gpus=self._gpus or plan.gpus)

    def _listen(self, sandbox: Sandbox, cache: DataCache) -> None:
        while (message := frames.read_message(self._receive)) and "bye" not in message[0]:
            header, body = message
            if "data" in header:
                cache.take(header["data"], body)
            elif "job" in header:
                given = (header, sandbox, cache)
                threading.Thread(target=self._work, args=given, daemon=True).start()

    def _work(self, header: Mapping[str, Any], sandbox: Sandbox, cache: DataCache) -> None:
        job = header["job"]
        try:
            if "check" in header:
                asked = read_check(header)
                _find_folders(asked["problem"])
                answer = report_header(sandbox.check(**asked))
            else:
                with cache.folder(str(job), header["files"]) as folder:
                    answer = self._train(job, sandbox, read_job(header, folder))
        except Stopped:
            return
        except (ArchwrightError, ValueError) as error:
            answer = {"fault": str(error)}
        self._say({"job": job, **answer})

    def _train(self, number: int, sandbox: Sandbox, job: TrialJob) -> dict[str, Any]:
        _find_folders(job.problem)

        def write(piece: bytes) -> None:
            self._say({"job": number, "piece": len(piece)}, piece)

        sender = frames.Sender(write)
        outcome = sandbox.train(job, receive=sender.block)
        for name, array in outcome.state.items():
            sender.state(name, array)
        return outcome_header(outcome)

    def _say(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        with self._sending, suppress(OSError):  # whose reader is gone meets the end of its input
            self._send(frames.encode(header, body))

    def _beat(self) -> None:
        while not self._gone.wait(BEAT_SECONDS):
            self._say({"beat": 1})


def open_planned(plan: AgentPlan) -> Sandbox:
    """The sandbox of a node, not yet entered.

    Raises:
        InputError: it does not exist there.
    """
    docker = DockerSettings(plan.image or DockerSettings().image, plan.runtime)
    slots = plan.slots or _slots(plan)
    return open_sandbox(plan.sandbox, slots, docker, plan.gpus, _counted_here(plan.gpus))


def _counted_here(gpus: tuple[int, ...]) -> tuple[int, ...]:
    """GPUs by the index that they have for processes of this job: an engine that hides the others
    of the node, as Slurm can, lets CUDA count those that are left."""
    words = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    is_same = len(words) == len(gpus) and all(word.isdecimal() for word in words)
    return tuple(map(int, words)) if is_same else gpus


def _slots(plan: AgentPlan) -> int:
    """One for each core that this process may use, or as many as share the GPUs."""
    if plan.gpus:
        return max(1, int(len(plan.gpus) / plan.gpu_share))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, cores or 1)


def introduce(plan: AgentPlan, sandbox: Sandbox) -> AgentHello:
    """What there is on this node. Waits until the sandbox is warm."""
    return AgentHello(
        version=__version__,
        kind=sandbox.kind,
        slots=sandbox.workers,
        memory_mb=psutil.virtual_memory().total >> 20,
        gpus=len(plan.gpus),
        sandbox=sandbox.name,
        choice=sandbox.choice,
        limitations=sandbox.limitations(),
    )


def _find_folders(problem: Problem) -> None:
    """A task may read folders and a script's repository: they do not travel.

    Raises:
        SandboxError: one is not on this node.
    """
    reads = problem.script.reads if problem.script else ()
    for place in (*problem.folders, *(place for _, place in reads)):
        if not Path(place).exists():
            raise SandboxError(
                f"{place} is not on node {platform.node()}: put it there under the same path, or "
                "leave --on out"
            )
