"""Files that a reader sees whole or not at all, and locks that processes share."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

Content = str | bytes | Callable[[IO[bytes]], object]
"""Text (as UTF-8), bytes, or what writes into the open file."""


def write_whole(path: Path, content: Content, durable: bool = False) -> None:
    """Write a file aside, under a name that no other writer has, then rename it to `path`.

    Whatever goes wrong, `path` is what it was before, and nothing is left beside it.

    Args:
        path: its folder exists; a file that is there is replaced.
        content: see `Content`; lone surrogates in a text become question marks.
        durable: wait until the bytes are on the disk, for what a power cut must not take away.

    Raises:
        OSError: it cannot be written.
    """
    aside = path.parent / f".{path.name[:200]}.{secrets.token_hex(4)}.part"
    try:
        with aside.open("xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(
                    content.encode(errors="replace") if isinstance(content, str) else content
                )
            if durable:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a file's lock, one at a time of all threads and processes.

    The file is made where it is missing, and stays. It is a file that is open for writing, not the
    folder itself, because NFS locks nothing else.

    Raises:
        OSError: it cannot be written.
    """
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
