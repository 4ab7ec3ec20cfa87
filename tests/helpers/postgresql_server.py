"""A real PostgreSQL server for tests, on a socket in a folder of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

PROGRAMS = Path("/usr/lib/postgresql")
USER = "archwright"
LOCKED = "locked"
"""A user who needs a password, which is `SECRET`, and may make no tables."""
SECRET = "open-sesame"
ACCESS = f"local all {LOCKED} scram-sha-256\nlocal all all trust\n"


@dataclass(frozen=True)
class Server:
    """A server that is running; as root, it belongs to nobody."""

    programs: Path
    folder: Path

    def address(self, user: str = USER, database: str = "postgres", schema: str = "") -> str:
        """Of a database, all tables in one schema."""
        options = f"&options=-csearch_path%3D{schema}" if schema else ""
        return f"postgresql://{user}@/{database}?host={self.folder}{options}"

    def fresh(self) -> str:
        """The address of an empty schema."""
        schema = f"s{secrets.token_hex(6)}"
        self.say(f"CREATE SCHEMA {schema}")
        return self.address(schema=schema)

    def say(self, *statements: str) -> None:
        """Carry statements out."""
        import psycopg

        with psycopg.connect(self.address(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def start(self) -> None:
        options = f"-k {self.folder} -F -c listen_addresses=''"
        log = str(self.folder / "log")
        self._do("pg_ctl", "start", "-w", "-D", self._data, "-l", log, "-o", options)

    def stop(self) -> None:
        """At once, as if the machine were gone."""
        self._do("pg_ctl", "stop", "-m", "immediate", "-D", self._data)

    def make(self) -> None:
        self._do("initdb", "-D", self._data, "-U", USER, "-A", "trust", "-N", "--no-locale")
        (self.folder / "data" / "pg_hba.conf").write_text(ACCESS)

    def processes(self) -> list[int]:
        """All of the server's processes."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        return [first, *(child.pid for child in psutil.Process(first).children())]

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _do(self, program: str, *words: str) -> None:
        user = "nobody" if os.getuid() == 0 else None
        done = subprocess.run(
            [str(self.programs / program), *words],
            user=user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def start_server() -> Server:
    """A new server; the test is skipped where there is none to start."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    found = sorted(PROGRAMS.glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # A socket's path is short, and each folder above it open to the server's user.
    server = Server(found[-1].parent, Path(tempfile.mkdtemp(prefix="pg", dir="/tmp")))
    if os.getuid() == 0:
        shutil.chown(server.folder, "nobody")
    server.make()
    server.start()
    server.say(f"CREATE USER {LOCKED} PASSWORD '{SECRET}'")
    return server
