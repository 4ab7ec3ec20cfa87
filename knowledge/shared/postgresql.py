"""A shared knowledge base on a PostgreSQL server."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from archwright.core import KnowledgeError
from archwright.knowledge.shared.store import EXPIRY_SECONDS, Execute, Row, SharedStore

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 30
LOCK: Final = 0x61726368
"""The advisory lock that a transaction holds, so that there is one at a time."""

# A server that falls silent, or a client that is frozen in mid-transaction, holds nobody up for
# long.
_LIMITS: Final = f"""
    SET statement_timeout = '{ANSWER_SECONDS}s';
    SET idle_in_transaction_session_timeout = '{ANSWER_SECONDS}s'"""

_FIXES: Final = {
    "permission denied for database": "grant the user CONNECT on the database",
    "the database system": "wait until the server is up",
    "too many": "close other connections, or let the server take more of them",
    "invalid URI": "correct the address",
    "invalid sslmode": "correct the address",
    "No space": "free some space on the server",
    "database": "make it with `createdb`, or correct its name in the address",
    "authentication": "correct the user in the address, or its password in PGPASSWORD or ~/.pgpass",
    "password": "put the password into PGPASSWORD or ~/.pgpass",
    "role": "correct the user in the address, or make it with `createuser`",
    "pg_hba": "let this machine in, in the server's pg_hba.conf",
    "no schema": "grant the user USAGE and CREATE on the schema, or name one that is there",
    "permission denied": "grant the user USAGE and CREATE on the schema, or all rights on the "
    "tables archwright_*",
    "read-only": "name the server that can be written",
    "could not extend": "free some space on the server",
    "connection": "start the server, or correct the host and the port in the address",
    "resolve": "correct the host in the address",
    "timeout": "see what keeps the server busy",
}


class PostgresStore(SharedStore):
    """Tables `archwright_*` in the first schema of the search path of a database.

    Args:
        address: `postgresql://USER@HOST/DATABASE`, without a password: libpq takes that from
            PGPASSWORD or ~/.pgpass.
        expiry_seconds, lasting: as `SharedStore` has it.
        answer_seconds: how long a transaction may take.
    """

    def __init__(
        self,
        address: str,
        expiry_seconds: float = EXPIRY_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        lasting: bool = True,
    ) -> None:
        self._address = address
        self._answer = answer_seconds
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        super().__init__(expiry_seconds, lasting)

    def __str__(self) -> str:
        return self._address

    def close(self) -> None:
        """Close the connection. Twice is fine."""
        with self._lock:
            self._drop()

    @contextmanager
    def _transaction(self) -> Iterator[Execute]:
        with self._lock, self._named_errors(), self._watched():
            connection = self._begun()

            def execute(query: str, *values: object) -> list[Row]:
                cursor = connection.execute(query.replace("?", "%s").encode(), values or None)
                return list(cursor.fetchall()) if cursor.description else []

            try:
                yield execute
                connection.execute("COMMIT")
            except BaseException:
                # The server takes back what a connection leaves open.
                self._drop()
                raise

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """A server that is frozen keeps its connections open, and would be waited for forever:
        after a while the connection is ended under the hands of the thread that waits."""

        def cut() -> None:
            if (waiting := self._connection) is not None:
                with suppress(OSError), socket.socket(fileno=os.dup(waiting.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)

        watch = threading.Timer(self._answer, cut)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _begun(self) -> psycopg.Connection[dict[str, Any]]:
        """A connection in a transaction of its own; another one where the server was restarted."""
        import psycopg

        for connection in filter(None, [self._connection]):
            try:
                return _begin(connection)
            except psycopg.Error:
                self._drop()
        self._connection = self._connect()
        return _begin(self._connection)

    def _connect(self) -> psycopg.Connection[dict[str, Any]]:
        import psycopg
        from psycopg.rows import dict_row

        connection = psycopg.connect(
            self._address,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=CONNECT_SECONDS,
            keepalives_idle=CONNECT_SECONDS,
            tcp_user_timeout=1000 * ANSWER_SECONDS,
            application_name="archwright",
            client_encoding="utf8",  # else psycopg gives bytes, of a database without encoding
        )
        for limit in _LIMITS.split(";"):
            connection.execute(limit.encode())
        return connection

    def _drop(self) -> None:
        import psycopg

        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _has_tables(self, execute: Execute) -> bool:
        (row,) = execute("SELECT to_regclass('archwright_store') IS NOT NULL AS found")
        return bool(row["found"])

    def _now(self, execute: Execute) -> float:
        (row,) = execute("SELECT extract(epoch FROM clock_timestamp())::float8 AS now")
        return float(row["now"])

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            import psycopg
        except ImportError as error:
            raise KnowledgeError(
                f"{self._address} takes psycopg, which is not installed",
                "`pip install 'archwright[postgresql]'`",
            ) from error
        try:
            yield
        except psycopg.Error as error:
            said = " ".join(str(error).split())
            found = (fix for part, fix in _FIXES.items() if part in said)
            raise KnowledgeError(
                f"the shared knowledge base {self._address} cannot be used ({said[:300]})",
                next(found, "see what the server says in its log"),
            ) from error


def _begin(connection: psycopg.Connection[dict[str, Any]]) -> psycopg.Connection[dict[str, Any]]:
    connection.execute("BEGIN")
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    return connection
