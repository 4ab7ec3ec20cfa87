"""What an agent is told, and what it says, as plain data.

Every message is a frame of `sandbox.inside.frames`: a JSON header and raw bytes. To an agent go:
`open` (once, an `AgentPlan`), `job` with `train` or `check`, `data` (a piece of a file, its digest
is its name) and `bye`. From it come: `hello` (once, an `AgentHello`), `beat` (each second), `need`
(a digest), `job` with `piece` (some of what its process sent out; the bytes follow), `trained`,
`checked` or `fault`, and `leaving` (its node is taken from it). What comes from an agent comes from
a candidate in the end: it is hostile.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, cast

from pydantic import TypeAdapter

from archwright.core import (
    CheckReport,
    Limitation,
    Outcome,
    Problem,
    Resources,
    SandboxError,
    Status,
    TrialJob,
)
from archwright.sandbox.contract import ContractBreach, Count, Most, clean, read
from archwright.sandbox.replies import ReplyReader
from archwright.sandbox.wall import Ended, files_of, outcome_of, report_of

Short = Annotated[str, Most(500)]


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """How an agent opens its sandbox: as `archwright run` would on that node."""

    sandbox: str = "auto"
    image: str = ""
    """Of the docker sandbox; empty for the default."""
    runtime: str = ""
    gpus: tuple[int, ...] = ()
    slots: int = 0
    """Trainings at a time; 0 is one for each core, or as many as share the GPUs."""
    gpu_share: float = 1.0
    """The part of a GPU that a training is given."""
    cache_mb: int = 10_000
    """The most that data kept on the node may take."""


@dataclass(frozen=True, slots=True)
class AgentHello:
    """What an agent says of its node before it is given any work."""

    version: Short
    """Of Archwright."""
    kind: Short
    """Nodes of one kind give the same scores for the same seed: `machine_kind`."""
    slots: Annotated[int, Most(4096)]
    memory_mb: Count
    gpus: Annotated[int, Most(1024)]
    sandbox: Short
    choice: Short
    limitations: Annotated[tuple[Limitation, ...], Most(64)]


# --- a trial on its way ---------------------------------------------------------------------------


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class Parcel:
    """A trial as it travels: its JSON, and the files that it reads, by digest."""

    def __init__(self, job: TrialJob, digests: Mapping[Path, str]) -> None:
        self.sizes = {digest: path.stat().st_size for path, digest in digests.items()}
        files = {path.name: [d, self.sizes[d]] for path, d in digests.items()}
        self.header = {"train": _adapter(TrialJob).dump_python(job, mode="json"), "files": files}


def read_job(header: Mapping[str, Any], folder: Path) -> TrialJob:
    """The trial that is asked for, its files in `folder`."""
    job: TrialJob = _adapter(TrialJob).validate_python(header["train"])
    start = folder / job.start.name if job.start else None
    return replace(job, data=folder, start=start)


def check_header(
    source: str, problem: Problem, seed: int, proxies: bool, outline: int | None
) -> dict[str, Any]:
    """A check as it travels."""
    plain = _adapter(Problem).dump_python(problem, mode="json")
    asked = {"source": source, "problem": plain, "seed": seed, "proxies": proxies}
    return {"check": {**asked, "outline": outline}}


def read_check(header: Mapping[str, Any]) -> dict[str, Any]:
    """The check that is asked for, as arguments of `Sandbox.check`."""
    asked = header["check"]
    return {**asked, "problem": _adapter(Problem).validate_python(asked["problem"])}


# --- what came of it ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobVerdict:
    """How a trial or a check ended, beside what its reply holds."""

    status: Short
    lost: bool
    seconds: float = 0.0
    resources: Resources = field(default_factory=Resources)


def outcome_header(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it travels; predictions and state go before it."""
    plain = asdict(replace(outcome, predictions={}, state={}))
    return {"trained": {**plain, **plain["resources"]}}


def report_header(report: CheckReport) -> dict[str, Any]:
    """A report as it travels."""
    return {"checked": asdict(report)}


def read_outcome(raw: object, reader: ReplyReader, job: TrialJob) -> Outcome:
    """The outcome that an agent claims, every field checked as that of a jail.

    Args:
        reader: has read all that was sent before.
    """
    try:
        verdict, status, header = _verdict(raw)
        used = verdict.resources
        header["first_step_at"] = used.start_seconds
        if reader.fault:
            raise Ended(Status.INVALID, f"the reply is refused: {reader.fault}")
        found = outcome_of(header, reader, job.steps, used, 0.0)
    except Ended as ended:
        return Outcome(ended.status, error=ended.error)
    return replace(found, status=status, lost=verdict.lost)


def read_report(raw: object) -> CheckReport:
    """The report that an agent claims, every field checked as that of a jail."""
    try:
        verdict, status, header = _verdict(raw)
        found = report_of(header, verdict.seconds)
    except Ended as ended:
        return CheckReport(ended.status, error=ended.error)
    return replace(found, status=status, lost=verdict.lost)


def _verdict(raw: object) -> tuple[JobVerdict, Status, dict[str, Any]]:
    """What a jail's reply has not: an end from outside of it. The rest is read as a reply."""
    try:
        verdict = read(JobVerdict, raw)
        status = Status(verdict.status)
    except (ContractBreach, ValueError) as breach:
        raise Ended(Status.INVALID, f"the reply is refused: {breach}") from breach
    reply = "ok" if status is Status.OK else "crashed"
    return verdict, status, {**cast("dict[str, Any]", raw), "status": reply}


# --- data -----------------------------------------------------------------------------------------

PIECE_BYTES: Final = 4 << 20


class Files:
    """The files of this machine that agents may ask for, by SHA-256. Any thread may use it."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, int, int, int], str] = {}
        self.paths: dict[str, Path] = {}

    def pack(self, job: TrialJob) -> Parcel:
        """A trial with all that it reads.

        Raises:
            SandboxError: a file cannot be read.
        """
        try:
            return Parcel(job, {path: self._digest(path) for path in files_of(job)})
        except OSError as error:
            raise SandboxError(f"the data of a trial cannot be read: {error}") from error

    def _digest(self, path: Path) -> str:
        known = path.stat()
        mark = (str(path), known.st_ino, known.st_size, known.st_mtime_ns)
        if mark not in self._digests:
            with path.open("rb") as file:
                self._digests[mark] = hashlib.file_digest(file, "sha256").hexdigest()
            self.paths[self._digests[mark]] = path
        return self._digests[mark]


def words_of(raw: object) -> str:
    """What an agent says in words."""
    return clean(raw if isinstance(raw, str) else json.dumps(raw), 500)
