"""Archwright's side of the wall: what a jail is told, and what came out of it.

The latter is read as hostile input: only what the contract allows becomes a type of the core.
"""

from __future__ import annotations

import io
import math
import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

import numpy as np

from archwright.core import (
    Array,
    Check,
    CheckReport,
    Outcome,
    Problem,
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
from archwright.sandbox.inside import frames

_NAME_LIMIT: Final = 60
_FAULT_LINE: Final = re.compile(r'File "candidate\.py", line (\d+) in (\w+)')

Reply = TypeVar("Reply", CheckReply, TrainReply)


class Ended(Exception):  # noqa: N818 - not an error, an early end
    """The job gave no valid reply of its own: `status` and `error` say why, and `lost` whether it
    was the machine's doing."""

    def __init__(self, status: Status, error: str, lost: bool = False) -> None:
        super().__init__(error)
        self.status, self.error, self.lost = status, clean(error), lost


def check_request(source: str, problem: Problem, seed: int, proxies: bool) -> CheckRequest:
    """What a jail is told of a candidate to be checked."""
    return CheckRequest(source, project(ProblemProjection, problem), seed, proxies)


def train_request(job: TrialJob) -> TrainRequest:
    """What a jail on this machine is told of a training."""
    return replace(project(TrainRequest, job), data=str(job.data.resolve()))


def open_reply(end: JobEnd, raw: bytes, memory_mb: int) -> tuple[dict[str, Any], bytes]:
    """The child's own reply, if its process ended properly.

    Args:
        end: the worker's report.
        raw: what the child wrote.
        memory_mb: what it was allowed.

    Raises:
        Ended: it was killed, crashed, or wrote no reply.
        SandboxError: the harness in the child failed, or its processes could not be killed.
    """
    if end.left:
        raise SandboxError(f"{end.left} processes of a job could not be killed")
    _check_end(end, memory_mb)
    try:
        message = frames.read_message(io.BytesIO(raw).read)
    except frames.FrameError as error:
        raise _refused(error) from error
    if message is None:
        raise Ended(Status.CRASHED, f"the candidate ended its process (exit code {end.code})")
    return message


def _check_end(end: JobEnd, memory_mb: int) -> None:
    used = f"{end.seconds:.1f} s, {end.cpu_seconds:.1f} of them on a processor"
    if end.cause == "timeout" or end.signal == signal.SIGXCPU:
        raise Ended(Status.TIMEOUT, f"killed after {used}: the time limit was reached")
    if end.cause == "starved":
        raise Ended(Status.TIMEOUT, f"killed after {used}: the machine is too busy", lost=True)
    if end.cause == "scratch":
        raise Ended(Status.CRASHED, "killed: it filled its scratch folder")
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
    body: bytes,
    steps: int,
    shapes: Mapping[str, tuple[int, ...]],
    used: Resources,
    sent_at: float,
) -> Outcome:
    """The outcome that a reply to a training of `steps` claims, every field checked.

    Args:
        shapes: the shape of the predictions on each split, as `predicted_shapes` gives them.
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
    try:
        predictions: dict[str, Array] = dict(frames.split_arrays(header, body, shapes))
    except frames.FrameError as fault:
        raise Ended(Status.INVALID, f"the predictions are refused: {fault}") from fault
    if not all(np.isfinite(array).all() for array in predictions.values()):
        raise Ended(Status.INVALID, "the predictions are not finite")
    return replace(outcome, predictions=predictions)


def predicted_shapes(job: TrialJob) -> dict[str, tuple[int, ...]]:
    """The shape `(samples, *output_shape)` of what a training must predict, by split.

    Raises:
        SandboxError: the job's data cannot be read, or its predictions are over the limit.
    """
    try:
        samples = {
            name: len(np.load(job.data / f"{name}.npy", mmap_mode="r", allow_pickle=False))
            for name in ("train_x", "train_y", *(f"{split}_x" for split in job.splits))
        }
    except (OSError, ValueError) as error:
        raise SandboxError(f"the data of a trial cannot be read: {error}") from error
    shapes = {split: (samples[f"{split}_x"], *job.problem.output_shape) for split in job.splits}
    if job.measures:
        shapes[f"{job.splits[0]}_int8"] = shapes[job.splits[0]]
    size = 4 * sum(math.prod(shape) for shape in shapes.values())
    if size > frames.REPLY_LIMIT_BYTES - frames.HEADER_LIMIT_BYTES:
        raise SandboxError(
            f"predictions of {size >> 20} MB are over the limit of a reply; "
            "give the task fewer samples in its splits"
        )
    return shapes


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
    )
