"""A fresh jailed process for one job of shipping, for what must not rest on a warm parent.

A new interpreter closes the jail of the process sandbox around itself (see `inside/jail/`) and has
one folder to read and write. What it leaves there is to be read as hostile input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from archwright.core import InputError, SandboxError
from archwright.sandbox.contract import (
    ContractBreach,
    ShippingReply,
    ShippingRequest,
    clean,
    read,
)
from archwright.sandbox.forkserver import CODE, scrubbed_environment
from archwright.sandbox.inside import LOADER
from archwright.sandbox.inside.shipping.process import REPLY, REQUEST
from archwright.sandbox.pool.worker import family_of, kill_all

REPLY_LIMIT_BYTES: Final = 1 << 16
CLOCK_FACTOR: Final = 4.0
"""Times its CPU seconds that a job may take on the clock."""

_COMMAND: Final = f"{LOADER}from walled.inside.shipping import process; process.main()"
_OFFLINE: Final[Mapping[str, str]] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


def run_fresh(request: ShippingRequest, folder: Path) -> ShippingReply:
    """Do one job in a process of its own, whose only folder is `folder`.

    Raises:
        InputError: the network could not be converted or loaded; the line says why.
        SandboxError: the process could not be killed.
    """
    (folder / REQUEST).write_text(json.dumps(asdict(request)))
    code = _run(request, folder)
    if code is None:
        raise InputError(f"it took more than {request.seconds_limit:.0f} s and was killed")
    try:
        text = (folder / REPLY).read_bytes()[:REPLY_LIMIT_BYTES]
        reply = read(ShippingReply, json.loads(text))
    except (OSError, ValueError, ContractBreach) as error:
        raise InputError(f"its process ended with exit code {code}: {_tail(folder)}") from error
    if reply.error:
        raise InputError(clean(reply.error))
    return reply


def _run(request: ShippingRequest, folder: Path) -> int | None:
    """The exit code; None where it was killed for its time."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-c", _COMMAND, str(CODE), str(os.getpid())],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True,
            env={**scrubbed_environment(home), **_OFFLINE, "HF_HOME": str(home / "hf")},
        )  # fmt: skip
        try:
            return process.wait(CLOCK_FACTOR * request.seconds_limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            kill_all(family_of(process.pid) if process.returncode is None else [])
            process.wait()


def _tail(folder: Path) -> str:
    lines = (folder / "log").read_text(errors="replace").strip().splitlines()
    return clean(lines[-1], 300) if lines else "it said nothing"


__all__ = ["SandboxError", "run_fresh"]
