"""Archwright's side of the wall: what a jail is told, and what came out of it.

The latter is read as hostile input: only what the contract allows becomes a type of the core.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from archwright.core import (
    Check,
    CheckReport,
    Outcome,
    Problem,
    Receive,
    Resources,
    SandboxError,
    Status,
    TrialJob,
)
from archwright.sandbox.contract import (
    LAYER_NAME_LIMIT,
    CheckReply,
    CheckRequest,
    ContractBreach,
    JobEnd,
    ProblemProjection,
    TrainReply,
    TrainRequest,
    clean,
    project,
    read,
)
from archwright.sandbox.replies import Collected, ReplyReader, Wanted

_NAME_LIMIT: Final = 60
_FAULT_LINE: Final = re.compile(r'File "candidate\.py", line (\d+) in (\w+)')

Reply = TypeVar("Reply", CheckReply, TrainReply)


class Ended(Exception):  # noqa: N818 - not an error, an early end
    """The job gave no valid reply of its own: `status` and `error` say why, and `lost` whether it
    was the machine's doing."""

    def __init__(self, status: Status, error: str, lost: bool = False) -> None:
        super().__init__(error)
        self.status, self.error, self.lost = status, clean(error), lost


def check_request(
    source: str, problem: Problem, seed: int, proxies: bool, outline: int | None = None
) -> CheckRequest:
    """What a jail is told of a candidate to be checked."""
    return CheckRequest(source, project(ProblemProjection, problem), seed, proxies, outline)


def train_request(job: TrialJob) -> TrainRequest:
    """What a jail on this machine is told of a training."""
    start = str(job.start.resolve()) if job.start else ""
    return replace(project(TrainRequest, job), data=str(job.data.resolve()), start=start)


def files_of(job: TrialJob) -> list[Path]:
    """The files that a training reads."""
    names = [f"{s}_{name}.npy" for s in ("train", *job.splits) for name in job.problem.input_names]
    labels = sorted(job.data.glob("train_y*.npy"))
    return [*(job.data / name for name in names), *labels, *([job.start] if job.start else [])]


def open_reply(end: JobEnd, reader: ReplyReader, memory_mb: int) -> dict[str, Any]:
    """The child's own reply, if its process ended properly.

    Args:
        end: the worker's report.
        reader: has read what the child sent out.
        memory_mb: what it was allowed.

    Raises:
        Ended: it was killed, crashed, or wrote no reply.
        SandboxError: the harness in the child failed, or its processes could not be killed.
    """
    if end.left:
        raise SandboxError(f"{end.left} processes of a job could not be killed")
    if reader.fault:
        raise _refused(reader.fault)
    _check_end(end, memory_mb)
    if reader.header is None:
        raise Ended(Status.CRASHED, f"the candidate ended its process (exit code {end.code})")
    return reader.header


def _check_end(end: JobEnd, memory_mb: int) -> None:
    used = f"{end.seconds:.1f} s, {end.cpu_seconds:.1f} of them on a processor"
    if end.cause == "timeout" or end.signal == signal.SIGXCPU:
        raise Ended(Status.TIMEOUT, f"killed after {used}: the time limit was reached")
    if end.cause == "starved":
        raise Ended(Status.TIMEOUT, f"killed after {used}: the machine is too busy", lost=True)
    if end.cause == "gpu":
        why = end.output.strip().rpartition("\n")[2]
        raise Ended(Status.CRASHED, f"its GPU could not be used: {why}", lost=True)
    if end.cause == "memory":
        raise Ended(Status.OUT_OF_MEMORY, f"killed: it took more memory than {memory_mb} MB")
    if end.cause == "scratch":
        raise Ended(Status.CRASHED, "killed: it filled its scratch folder")
    if end.cause == "flood":
        raise _refused("it sends out more than it may")
    if end.cause == "stopped":
        raise Ended(Status.KILLED, "killed: the sandbox was stopped", lost=True)
    if "bad_alloc" in end.output and end.signal:
        raise Ended(Status.OUT_OF_MEMORY, "an allocation failed in native code")
    if end.signal == signal.SIGKILL:
        lost = end.peak_memory_mb < memory_mb
        why = "killed by the system, most likely out of memory"
        raise Ended(Status.OUT_OF_MEMORY, why, lost)
    if end.signal:
        name = signal.Signals(end.signal).name
        raise Ended(Status.CRASHED, f"killed by {name}{_place(end.output)}")
    if end.code:
        raise Ended(Status.CRASHED, f"the candidate ended its process (exit code {end.code})")


def _place(output: str) -> str:
    """Where in the candidate a fatal signal struck, if the fault handler could say."""
    found = _FAULT_LINE.search(output)
    return f" at line {found[1]}, in {found[2]}" if found else ""


def _read(kind: type[Reply], header: Mapping[str, Any]) -> Reply:
    try:
        return read(kind, header)
    except ContractBreach as breach:
        raise _refused(breach) from breach


def _refused(why: object) -> Ended:
    return Ended(Status.INVALID, f"the reply is refused: {why}")


def outcome_of(
    header: Mapping[str, Any],
    reader: ReplyReader,
    steps: int,
    used: Resources,
    sent_at: float,
) -> Outcome:
    """The outcome that a reply to a training of `steps` claims, every field checked.

    Args:
        header: the reply.
        reader: what else was sent out.
        used: what was measured outside; what the child alone knows is added to it.
        sent_at: when the job was sent, on the monotonic clock.

    Raises:
        Ended: the reply is not what was asked for.
    """
    reply = _read(TrainReply, header)
    if max([reply.steps, *(step for step, _ in reply.curve)]) > steps:
        raise _refused("its steps are out of range")
    start = sent_at if reply.first_step_at is None else reply.first_step_at
    used = replace(
        used,
        start_seconds=min(max(start - sent_at, 0.0), used.seconds),
        parameters=reply.parameters,
        steps=reply.steps,
        latency_ms=reply.latency_ms,
    )
    outcome = Outcome(Status(reply.status), curve=tuple(reply.curve), resources=used)
    if outcome.status is not Status.OK:
        return replace(outcome, error=clean(reply.error))
    if reader.missing:
        raise _refused(reader.missing)
    return replace(outcome, state=reader.state)


def predictions_wanted(job: TrialJob) -> dict[str, Wanted]:
    """What a training must predict, by split.

    Raises:
        SandboxError: the job's data cannot be read.
    """
    names, shape = job.problem.input_names, job.problem.output_shape
    try:
        samples = {
            split: len(np.load(job.data / f"{split}_{names[0]}.npy", mmap_mode="r"))
            for split in (*(() if job.problem.script else ("train",)), *job.splits)
        }
    except (OSError, ValueError) as error:
        raise SandboxError(f"the data of a trial cannot be read: {error}") from error
    wanted = {split: Wanted(samples[split], shape) for split in job.splits}
    if job.measures:
        wanted[f"{job.splits[0]}_int8"] = wanted[job.splits[0]]
    return wanted


COLLECTED_LIMIT_BYTES: Final = 64 << 20


def reader_of(job: TrialJob, receive: Receive | None) -> tuple[ReplyReader, Collected]:
    """What reads the reply to a training; where nobody receives the predictions, they are kept.

    Raises:
        SandboxError: the job's data cannot be read, or nobody receives predictions that are too
            large to be kept.
    """
    wanted, kept = predictions_wanted(job), Collected()
    size = sum(w.samples * w.row_bytes for w in wanted.values())
    if receive is None and size > COLLECTED_LIMIT_BYTES:
        raise SandboxError(f"predictions of {size >> 20} MB have to be received in blocks")
    reader = ReplyReader(wanted, receive or kept.receive, job.state_mb << 20)
    return reader, kept


def resources_of(end: JobEnd) -> Resources:
    """What a job used, as the worker measured it."""
    return Resources(
        seconds=end.seconds, cpu_seconds=end.cpu_seconds, peak_memory_mb=end.peak_memory_mb
    )


def report_of(header: Mapping[str, Any], seconds: float) -> CheckReport:
    """The report that a reply to a check claims, every field checked.

    Raises:
        Ended: the reply is not what was asked for.
    """
    reply = _read(CheckReply, header)
    return CheckReport(
        Status(reply.status),
        checks=tuple(
            Check(clean(c.name, _NAME_LIMIT), c.ok, clean(c.detail)) for c in reply.checks
        ),
        parameters=reply.parameters,
        flops=reply.flops,
        graph=reply.graph,
        error=clean(reply.error),
        seconds=seconds,
        proxies=reply.proxies,
        wrapper=clean(reply.wrapper),
        layers=tuple((clean(name, LAYER_NAME_LIMIT), count) for name, count in reply.layers),
        int8_bytes=reply.int8_bytes,
        operations=reply.operations,
        saved_bytes=reply.saved_bytes,
        state_numbers=reply.state_numbers,
        step_seconds=reply.step_seconds,
    )
