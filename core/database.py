"""SQLite files that other processes use, too; also where nothing can be written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote


def open_database(file: Path, timeout: float) -> tuple[sqlite3.Connection, bool]:
    """A connection, and whether it can write. The file is made where it can be and there is none.

    Args:
        timeout: seconds to wait for another process that writes.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    writes = os.access(file if file.exists() else file.parent, os.W_OK)
    writes = writes and os.access(file.parent, os.W_OK)
    name = quote(os.fsencode(file.absolute()))
    if not writes:
        # What is not in the file yet lies beside it, and is read as far as that can be shared;
        # where there is nothing, SQLite is told not to look, for it would have to make it.
        pending = file.with_name(f"{file.name}-wal")
        name += "?mode=ro" if pending.exists() and pending.stat().st_size else "?immutable=1"
    connection = sqlite3.connect(
        f"file:{name}", timeout=timeout, isolation_level=None, check_same_thread=False, uri=True
    )
    return connection, writes
