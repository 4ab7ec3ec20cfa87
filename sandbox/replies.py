"""What came out of a jail, read as hostile input, turned into the domain's types."""

from __future__ import annotations

import io
import math
import re
import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from archwright.core import (
    Array,
    Check,
    CheckReport,
    Outcome,
    Resources,
    SandboxError,
    Status,
    TrialJob,
)
from archwright.sandbox.inside import frames
from archwright.sandbox.inside.faults import clean

_CURVE_LIMIT: Final = 64
_CHECKS_LIMIT: Final = 32
_NUMBERS_LIMIT: Final = 16
_NAME_LIMIT: Final = 40
_GRAPH_LIMIT: Final = 2_000_000
_FAULT_LINE: Final = re.compile(r'File "candidate\.py", line (\d+) in (\w+)')


class Ended(Exception):  # noqa: N818 - not an error, an early end
    """The job did not come to a reply of its own: `status` and `error` say why."""

    def __init__(self, status: Status, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, clean(error)


def open_reply(end: Mapping[str, Any], raw: bytes) -> tuple[dict[str, Any], bytes]:
    """The child's own reply, if its process came to a proper end.

    Raises:
        Ended: it was killed, crashed, or wrote no reply.
        SandboxError: the harness in the child failed, or its processes could not be killed.
    """
    if end["left"]:
        raise SandboxError(f"{end['left']} processes of a job could not be killed")
    _check_end(end)
    try:
        message = frames.read_message(io.BytesIO(raw).read)
    except frames.FrameError as error:
        raise Ended(Status.INVALID, f"the reply is refused: {error}") from error
    if message is None:
        raise Ended(Status.CRASHED, f"the candidate ended its process (exit code {end['code']})")
    return message


def _check_end(end: Mapping[str, Any]) -> None:
    seconds = end["seconds"]
    if end["cause"] == "timeout" or end["signal"] == signal.SIGXCPU:
        raise Ended(Status.TIMEOUT, f"killed after {seconds:.1f} s: the time limit was reached")
    if end["cause"] == "scratch":
        raise Ended(Status.CRASHED, "killed: it filled its scratch folder")
    if end["cause"] == "stopped":
        raise Ended(Status.KILLED, "killed: the sandbox was stopped")
    if "bad_alloc" in end["output"] and end["signal"]:
        raise Ended(Status.OUT_OF_MEMORY, "an allocation failed in native code")
    if end["signal"] == signal.SIGKILL:
        raise Ended(Status.OUT_OF_MEMORY, "killed by the system, most likely out of memory")
    if end["signal"]:
        name = signal.Signals(end["signal"]).name
        raise Ended(Status.CRASHED, f"killed by {name}{_place(end['output'])}")
    if end["code"]:
        raise Ended(Status.CRASHED, f"the candidate ended its process (exit code {end['code']})")


def _place(output: str) -> str:
    """Where in the candidate a fatal signal struck, if the fault handler could say."""
    found = _FAULT_LINE.search(output)
    return f" at line {found[1]}, in {found[2]}" if found else ""


def outcome_of(
    header: Mapping[str, Any],
    body: bytes,
    steps: int,
    shapes: Mapping[str, tuple[int, ...]],
    resources: Resources,
) -> Outcome:
    """The outcome that a reply to a training of `steps` claims, every field checked.

    Args:
        shapes: the shape of the predictions on each split, as `predicted_shapes` gives them.

    Raises:
        Ended: the reply is not what was asked for.
    """
    status, error = _status_of(header)
    curve = _curve_of(header.get("curve", []), steps)
    if status is not Status.OK:
        return Outcome(status, curve=curve, resources=resources, error=error)
    try:
        predictions: dict[str, Array] = dict(frames.split_arrays(header, body, shapes))
    except frames.FrameError as fault:
        raise Ended(Status.INVALID, f"the predictions are refused: {fault}") from fault
    if not all(np.isfinite(array).all() for array in predictions.values()):
        raise Ended(Status.INVALID, "the predictions are not finite")
    return Outcome(Status.OK, curve=curve, predictions=predictions, resources=resources)


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


def _status_of(header: Mapping[str, Any]) -> tuple[Status, str]:
    claimed, error = header.get("status"), header.get("error", "")
    if claimed not in ("ok", "invalid", "crashed", "out_of_memory", "killed") or not isinstance(
        error, str
    ):
        raise Ended(Status.INVALID, "the reply is refused: it has no valid status")
    return Status(claimed), clean(error)


def _curve_of(raw: object, steps: int) -> tuple[tuple[int, float], ...]:
    if not isinstance(raw, list) or len(raw) > _CURVE_LIMIT:
        raise Ended(Status.INVALID, "the reply is refused: its curve is no short list")
    points = []
    for point in raw:
        if not isinstance(point, list) or len(point) != 2:
            raise Ended(Status.INVALID, "the reply is refused: a point of its curve is no pair")
        step, loss = _whole(point[0], steps), point[1]
        if not isinstance(loss, float) or not math.isfinite(loss):
            raise Ended(Status.INVALID, "the reply is refused: a loss in its curve is not finite")
        points.append((step, loss))
    return tuple(points)


def _whole(value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Ended(Status.INVALID, "the reply is refused: a count in it is out of range")
    return value


def resources_of(
    end: Mapping[str, Any],
    header: Mapping[str, Any] = MappingProxyType({}),
    steps: int = 0,
) -> Resources:
    """What a job used: measured by the worker, but for counts that only the child knows.

    Raises:
        Ended: a count in the reply is out of range.
    """
    first, latency = header.get("first_step_at"), header.get("latency_ms", 0.0)
    if not isinstance(latency, float) or not 0.0 <= latency < math.inf:
        raise Ended(Status.INVALID, "the reply is refused: its latency is no time")
    start = first - end["sent_at"] if isinstance(first, float) and math.isfinite(first) else 0.0
    return Resources(
        seconds=end["seconds"],
        start_seconds=min(max(start, 0.0), end["seconds"]),
        cpu_seconds=end["cpu_seconds"],
        peak_memory_mb=end["peak_memory_mb"],
        parameters=_whole(header.get("parameters", 0), 1 << 53),
        steps=_whole(header.get("steps", 0), steps),
        latency_ms=latency,
    )


def report_of(header: Mapping[str, Any], seconds: float) -> CheckReport:
    """The report that a reply to a check claims, every field checked.

    Raises:
        Ended: the reply is not what was asked for.
    """
    status, error = _status_of(header)
    graph, checks = header.get("graph", ""), header.get("checks", [])
    if not isinstance(graph, str) or len(graph) > _GRAPH_LIMIT:
        raise Ended(Status.INVALID, "the reply is refused: its graph is no text within the limit")
    if not isinstance(checks, list) or len(checks) > _CHECKS_LIMIT:
        raise Ended(Status.INVALID, "the reply is refused: its checks are no short list")
    return CheckReport(
        status,
        checks=tuple(_check_of(check) for check in checks),
        parameters=_whole(header.get("parameters", 0), 1 << 53),
        flops=_whole(header.get("flops", 0), 1 << 62),
        graph=graph,
        error=error,
        seconds=seconds,
        proxies=_numbers_of(header.get("proxies", {})),
    )


def _numbers_of(raw: object) -> dict[str, float]:
    """Finite numbers by short names."""
    if not isinstance(raw, dict) or len(raw) > _NUMBERS_LIMIT:
        raise Ended(Status.INVALID, "the reply is refused: its numbers are no short table")
    for name, value in raw.items():
        if len(name) > _NAME_LIMIT or not isinstance(value, float) or not math.isfinite(value):
            raise Ended(Status.INVALID, "the reply is refused: one of its numbers is malformed")
    return raw


def _check_of(raw: object) -> Check:
    match raw:
        case {"name": str(name), "ok": bool(ok), "detail": str(detail)}:
            return Check(clean(name, 60), ok, clean(detail))
    raise Ended(Status.INVALID, "the reply is refused: one of its checks is malformed")
