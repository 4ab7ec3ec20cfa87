"""Sandboxes by name."""

from __future__ import annotations

from typing import Literal, NamedTuple

from archwright.domain import InputError, SandboxError
from archwright.sandbox import Sandbox

Kind = Literal["auto", "process", "docker"]


class Availability(NamedTuple):
    """Whether a kind of sandbox works on this machine."""

    name: str
    ok: bool
    detail: str
    mend: str


def open_sandbox(kind: Kind, workers: int) -> Sandbox:
    """The sandbox of that kind, not yet entered, for `workers` trainings at a time.

    Raises:
        InputError: it does not exist here; the message names the mend.
    """
    from archwright.sandbox.process import ProcessSandbox

    if kind == "docker":
        raise InputError("the docker sandbox is not built yet; use --sandbox process")
    if kind not in ("auto", "process"):
        raise InputError(f"no sandbox is called {kind!r}; use auto, process or docker")
    if workers < 1:
        raise InputError(f"{workers} workers cannot train anything; give at least 1")
    return ProcessSandbox(workers)


def available() -> list[Availability]:
    """Each kind of sandbox, tried on this machine."""
    from archwright.sandbox.process import find_machine_gaps

    mend = "see the line's reason; `python -c 'import torch'` must work"
    try:
        gaps = find_machine_gaps()
    except SandboxError as error:
        return [Availability("process", False, str(error), mend)]
    weak = ", ".join(gap.name for gap in gaps)
    detail = f"works, but does not hold: {weak}" if gaps else "works, and every probe of it held"
    return [Availability("process", True, detail, "")]
