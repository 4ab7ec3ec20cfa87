"""Reads a paper in a process of its own: a file that crashes or swallows its parser ends there.

The caller's side is `read_confined`; `serve` is what the process runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from archwright.core import InputError
from archwright.knowledge.papers.paper import Paper, UnreadableError, from_json, to_json

CPU_SECONDS: Final = 60
WALL_SECONDS: Final = 240.0
"""Larger than the processor's, for a machine that is busy with a run."""
MEMORY_BYTES: Final = 2 * 2**30
REPLY_BYTES: Final = 128 * 2**20

_SERVE: Final = "from archwright.knowledge.papers.confined import serve; serve()"
_PASSED: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")


def read_confined(path: Path) -> Paper:
    """The paper at a path.

    Raises:
        InputError: it cannot be read; one line that names the file and the fix.
    """
    words = [sys.executable, "-P", "-c", _SERVE, str(path.absolute())]
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


# --- in the process -------------------------------------------------------------------------------


def serve() -> None:
    """Read the paper that the command line names, within limits, and print it as JSON."""
    from archwright.knowledge.papers.reading import read_paper

    confine()
    try:
        document: dict[str, Any] = {"paper": to_json(read_paper(Path(sys.argv[1])))}
    except UnreadableError as error:
        document = {"error": str(error)}
    except RecursionError:
        document = {"error": "it is nested too deep: add a simpler version of it"}
    except MemoryError:
        document = {"error": "it takes too much memory to read: add a smaller part of it"}
    except OSError as error:
        document = {"error": f"it cannot be read ({error.strerror}): fix its rights"}
    sys.stdout.buffer.write(json.dumps(document).encode("utf-8", "replace"))


def confine() -> None:
    """Bound processor time, memory and files for the rest of this process.

    Where a system has no such limit (memory, on macOS) the caller's wall-clock limit is left.
    """
    import resource

    for name, most in (
        ("RLIMIT_CPU", CPU_SECONDS),
        ("RLIMIT_AS", MEMORY_BYTES),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (most, most))
