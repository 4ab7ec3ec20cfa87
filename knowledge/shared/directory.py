"""A shared knowledge base in a folder that several machines see."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from archwright.core import KnowledgeError
from archwright.knowledge.entries import BUSY_SECONDS
from archwright.knowledge.shared.store import EXPIRY_SECONDS, Execute, Row, SharedStore

FILE: Final = "archwright-knowledge.db"
CLOCK: Final = "archwright-clock"

_FIXES: Final = {
    "full": "free some space there",
    "locked": "another machine holds it: wait, or see what hangs there",
    "readonly": "make the folder and its files writable",
    "unable to open": "mount what it is on, and make the folder and its files writable",
    "not a database": "move the file away, a new one will be made",
    "malformed": "move the file away, and copy what a workspace knows into a new one",
}


class DirectoryStore(SharedStore):
    """One SQLite file with a rollback journal: unlike a write-ahead log it needs no memory that is
    shared between machines, only locks that reach across them.

    The file is opened for each transaction, and made at the beginning alone: a folder that is
    unmounted in between is an error, and not a new, empty knowledge base. The time is the file
    server's: that of a file which is touched.
    """

    def __init__(
        self, folder: Path, expiry_seconds: float = EXPIRY_SECONDS, lasting: bool = True
    ) -> None:
        self._folder = folder
        self._file = folder / FILE
        self._lock = threading.Lock()
        if not folder.is_dir():
            raise KnowledgeError(
                f"there is no folder {folder} for the shared knowledge base",
                f"make it with `mkdir -p {folder}`, or mount what it is on",
            )
        with self._named_errors():
            for path in (self._file, folder / CLOCK):
                if not path.exists():
                    path.touch()
                    # Whoever may write into the folder may write into the files.
                    path.chmod(0o666 & folder.stat().st_mode)
        super().__init__(expiry_seconds, lasting)

    def __str__(self) -> str:
        return str(self._folder)

    def close(self) -> None:
        """Nothing is held between transactions."""

    @contextmanager
    def _transaction(self) -> Iterator[Execute]:
        with self._lock, self._named_errors(), closing(self._connect()) as connection:

            def execute(query: str, *values: object) -> list[Row]:
                return [dict(row) for row in connection.execute(query, values)]

            connection.execute("BEGIN IMMEDIATE")
            try:
                yield execute
                connection.execute("COMMIT")
            finally:
                with suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")

    def _connect(self) -> sqlite3.Connection:
        address = f"{self._file.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        return connection

    def _has_tables(self, execute: Execute) -> bool:
        return bool(execute("SELECT 1 FROM sqlite_master WHERE name = 'archwright_store'"))

    def _now(self, execute: Execute) -> float:
        del execute
        clock = self._folder / CLOCK
        os.utime(clock)
        return clock.stat().st_mtime

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise KnowledgeError(
                f"the shared knowledge base in {self._folder} cannot be written ({error.strerror})",
                _FIXES["full" if is_full else "unable to open"],
            ) from error
        except sqlite3.Error as error:
            found = (fix for part, fix in _FIXES.items() if part in str(error))
            raise KnowledgeError(
                f"the shared knowledge base in {self._folder} cannot be used ({error})",
                next(found, "check its disk and its locks; a PostgreSQL server needs neither"),
            ) from error
