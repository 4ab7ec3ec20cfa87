"""One at a time, of all threads and processes."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a file's lock; the file is made where it is missing, and stays.

    A file that is open for writing, not the folder itself, for NFS locks nothing else.

    Raises:
        OSError: it cannot be written.
    """
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
