"""A workspace's copy of a shared knowledge base."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from archwright.core import Fingerprint, KnowledgeError, RunError, Stopped, WorkspaceError
from archwright.core.heartbeat import beating
from archwright.knowledge.entries import CandidateClaim, Entry, read_entry
from archwright.knowledge.shared.store import SharedStore, StoredEvaluation
from archwright.knowledge.store import Knowledge

BEAT_SECONDS: Final = 15.0
RETRY_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 1800.0
"""How long a test evaluation waits for a place that does not answer, before the run stops, to be
resumed."""
_BATCH: Final = 500

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS unsent (id INTEGER PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS unsettled (
        run TEXT NOT NULL, candidate TEXT NOT NULL, status TEXT NOT NULL,
        PRIMARY KEY (run, candidate))""",
    "CREATE TABLE IF NOT EXISTS taken (seq INTEGER NOT NULL)",
    "INSERT INTO taken SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM taken)",
)

T = TypeVar("T")
Notice = Callable[[str], None]


class SharedKnowledge(Knowledge):
    """A knowledge base that other machines write into, too.

    All is read from a file of the workspace, which takes in what the others wrote when it is
    opened. What is recorded goes into that file first and from there to the shared place: at once
    when it is closed, during a run every few seconds. So a place that goes away holds nobody up,
    and nothing is lost.

    Args:
        store: the place; closed with this.
        folder: the workspace's state folder, where the copy is kept.
        beat_seconds: how often a run is heard of.
        patience_seconds: how long a test evaluation waits for the place.

    Raises:
        KnowledgeError: it cannot be opened, or closed with all sent; the message names the fix.
    """

    def __init__(
        self,
        store: SharedStore,
        folder: Path,
        beat_seconds: float = BEAT_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._store = store
        self.place = store.id
        self._file = folder / f"knowledge-{store.id[:12]}.db"
        self._beat, self._patience = beat_seconds, patience_seconds
        self._notice: Notice | None = None
        self._stop = threading.Event()
        self._lost = self._closed = False
        super().__init__(self._file)
        try:
            with self._database.writing() as connection:
                for statement in _TABLES:
                    connection.execute(statement)
            self.exchange()
        except BaseException:
            super().close()
            store.close()
            raise

    def close(self) -> None:
        """Send what waits, and close the file. Twice is fine."""
        if self._closed:
            return
        try:
            if self._notice is None:
                self._send()
        except KnowledgeError as error:
            raise KnowledgeError(error.fault, f"{error.fix}; {self._waiting()}") from error
        finally:
            self._closed = True
            super().close()
            self._store.close()

    # --- entries ----------------------------------------------------------------------------------

    def _write_all(
        self, connection: sqlite3.Connection, ready: Iterable[tuple[Entry, bytes]]
    ) -> list[int]:
        ids = super()._write_all(connection, ready)
        connection.executemany("INSERT OR IGNORE INTO unsent VALUES (?)", [(id,) for id in ids])
        return ids

    def exchange(self) -> None:
        """Send what was recorded here, and take in what others wrote."""
        self._send()
        while found := self._store.since(after := self._taken(), _BATCH):
            self._take_in(after, found)

    def _send(self) -> None:
        """Hand over what is not there yet. Cut short in between, it is handed over again, which
        changes nothing."""
        query = "SELECT e.* FROM unsent u JOIN entries e ON e.id = u.id ORDER BY e.id LIMIT ?"
        while rows := self._database.read(query, _BATCH):
            self._store.append([read_entry(row) for row in rows])
            with self._database.writing() as connection:
                done = [(row["id"],) for row in rows]
                connection.executemany("DELETE FROM unsent WHERE id = ?", done)
        self._settle_all()

    def _take_in(self, after: int, found: list[tuple[int, Entry | None]]) -> None:
        """Write others' entries down, unless another process of this workspace was faster."""
        ready = self._ready(entry for _, entry in found if entry is not None)
        with self._database.writing() as connection:
            if self._taken() == after:
                super()._write_all(connection, ready)
                connection.execute("UPDATE taken SET seq = ?", (found[-1][0],))

    def _taken(self) -> int:
        """The place in the log up to which all is here."""
        return int(self._database.read("SELECT seq FROM taken")[0]["seq"])

    # --- what concerns other runs -----------------------------------------------------------------

    def claim(
        self, task: str, print_: Fingerprint, run: str, candidate: str, title: str
    ) -> CandidateClaim | None:
        mine = CandidateClaim(run, candidate, title)
        return self._if_there(lambda: self._store.claim(task, print_, mine))

    def settle(self, run: str, candidate: str, status: str) -> None:
        with self._database.writing() as connection:
            row = (run, candidate, status)
            connection.execute("INSERT OR REPLACE INTO unsettled VALUES (?, ?, ?)", row)
        self._if_there(self._settle_all)

    def _settle_all(self) -> None:
        """Say how candidates ended, those included of which it could not be said before."""
        for row in self._database.read("SELECT run, candidate, status FROM unsettled"):
            self._store.settle(*row)
            with self._database.writing() as connection:
                same = "run = ? AND candidate = ? AND status = ?"
                connection.execute(f"DELETE FROM unsettled WHERE {same}", tuple(row))

    def change_looks(self, change: Callable[[list[StoredEvaluation]], T]) -> T:
        """As the store's, once it answers.

        Raises:
            Stopped: the run was asked to stop while it waited.
        """
        import tenacity
        from tenacity.nap import sleep_using_event

        def ask() -> T:
            try:
                return self._store.change_looks(change)
            except KnowledgeError as error:
                self._lose(error)
                raise

        waiting = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(KnowledgeError),
            wait=tenacity.wait_fixed(RETRY_SECONDS),
            stop=tenacity.stop_after_delay(self._patience)
            | tenacity.stop_when_event_set(self._stop),
            sleep=sleep_using_event(self._stop),
            reraise=True,
        )
        try:
            return waiting(ask)
        except KnowledgeError:
            if self._stop.is_set():
                raise Stopped("the run was asked to stop") from None
            raise

    @contextmanager
    def attended(self, run: str, notice: Notice, stop: threading.Event) -> Iterator[None]:
        self._notice, self._stop = notice, stop
        self._tend(run)
        try:
            with beating("knowledge", self._beat, lambda: self._tend(run)):
                yield
        finally:
            self._tend(run)
            if self._lost:
                notice(f"the shared knowledge base is still out of reach: {self._waiting()}")

    def _tend(self, run: str) -> None:
        """Be heard of, and send what waits. What is wrong with this machine's own files is said by
        whoever works with them."""
        with suppress(WorkspaceError, RunError):
            try:
                self._store.beat(run)
                self._send()
            except KnowledgeError as error:
                self._lose(error)
            else:
                self._find()

    def _if_there(self, ask: Callable[[], T]) -> T | None:
        """What the place answers; None while it is away, which is not waited for."""
        if self._lost:
            return None
        try:
            return ask()
        except KnowledgeError as error:
            self._lose(error)
            return None

    def _lose(self, error: KnowledgeError) -> None:
        """Say once that the place does not answer."""
        if not self._lost and self._notice is not None:
            self._notice(f"{error}; the run continues without it: {self._waiting()}")
        self._lost = True

    def _find(self) -> None:
        """Say once that the place answers again."""
        if self._lost and self._notice is not None:
            self._notice("the shared knowledge base is back, and has all that was recorded here")
        self._lost = False

    def _waiting(self) -> str:
        count = self._database.read("SELECT COUNT(*) AS n FROM unsent")[0]["n"]
        return (
            f"what is recorded ({count} entries so far) waits in {self._file}, and is sent by this "
            "run or by the next command that uses the knowledge base in this workspace"
        )
