"""Reads a paper in a process of its own: a file that crashes or swallows its parser ends there.

This is the caller's side; `serving` is what the process runs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.knowledge.papers.paper import Paper, from_json

WALL_SECONDS: Final = 240.0
"""Larger than the processor's, for a machine that is busy with a run."""
REPLY_BYTES: Final = 128 * 2**20

_SERVE: Final = "from archwright.knowledge.papers.serving import serve; serve()"
_PASSED: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")


def read_confined(path: Path, main: str | None = None) -> Paper:
    """The paper at a path, from the file `main` of it where one is named.

    Raises:
        InputError: it cannot be read; one line that names the file and the fix.
    """
    words = [sys.executable, "-P", "-c", _SERVE, str(path.absolute())]
    words += [main] if main is not None else []
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=tempfile.gettempdir(), env=environment(), start_new_session=True,
    )  # fmt: skip
    try:
        said, complaint = process.communicate(timeout=WALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise InputError(f"{path}: it takes too long to read: add a simpler version") from None
    finally:
        _end(process)
    if process.returncode != 0 or len(said) > REPLY_BYTES:
        raise InputError(f"{path}: {_why(process.returncode, complaint)}")
    document = json.loads(said)
    if "error" in document:
        raise InputError(f"{path}: {document['error']}")
    return from_json(document["paper"])


def environment() -> dict[str, str]:
    """What a reader gets of the environment: where programs lie, and nobody's key."""
    return {name: os.environ[name] for name in _PASSED if name in os.environ}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left, the reader's own children included."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _why(code: int, complaint: bytes) -> str:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "it takes too long or too much memory to read: add a simpler version"
    last = complaint.decode(errors="replace").strip().rpartition("\n")[2][:200]
    cause = signal.Signals(-code).name if code < 0 else last or f"exit code {code}"
    return f"its reader failed ({cause}): add another version of it, e.g. its LaTeX or its HTML"
