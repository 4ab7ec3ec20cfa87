"""The machine that latency is predicted for: measured once, kept in the workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.core.files import write_whole
from archwright.runs.workspace.paths import WorkspacePaths
from archwright.search.predict.latency import Device

_SECONDS: Final = 120.0


def device_of(paths: WorkspacePaths) -> Device:
    """The machine as measured before, else measured now (a few seconds, in a process of its own).

    Raises:
        InputError: it cannot be measured, or what was kept cannot be read.
    """
    known = known_device(paths)
    if known is not None:
        return known
    device = _measure()
    paths.device.parent.mkdir(parents=True, exist_ok=True)
    write_whole(paths.device, json.dumps(device.to_json(), indent=2) + "\n")
    return device


def known_device(paths: WorkspacePaths) -> Device | None:
    """The machine as measured before.

    Raises:
        InputError: what was kept cannot be read.
    """
    if not paths.device.is_file():
        return None
    try:
        return Device(**json.loads(paths.device.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise InputError(
            f"{paths.device} is damaged: delete it, and the machine is measured again"
        ) from None


def _measure() -> Device:
    command = [sys.executable, "-m", "archwright.sandbox.inside.calibration"]
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise InputError(
            f"the machine cannot be measured ({error}); leave latency out of --objective"
        ) from error
    return Device(**json.loads(done.stdout))
