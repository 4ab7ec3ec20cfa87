"""What a reader's process runs: one paper read within limits, and printed as JSON.

It imports nothing that a reader does not need: a process is started for each paper.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any, Final

from archwright.knowledge.papers.paper import UnreadableError, to_json
from archwright.knowledge.papers.reading import read_paper

CPU_SECONDS: Final = 60
MEMORY_BYTES: Final = 2 * 2**30


def serve() -> None:
    """Read the paper that the command line names, within limits, and print it as JSON."""
    confine()
    try:
        document: dict[str, Any] = {"paper": to_json(read_paper(Path(sys.argv[1]), *sys.argv[2:3]))}
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
