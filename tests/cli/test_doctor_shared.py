"""What the doctor says of a knowledge base that a workspace shares."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from postgresql_server import LOCKED, SECRET, Server

from archwright.cli.doctor import MachineFinding, find_shared
from archwright.knowledge.shared.directory import FILE, DirectoryStore

Look = Callable[[str], MachineFinding]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """What is found of an address that a workspace's settings hold."""

    def look_(address: str) -> MachineFinding:
        words = f"[knowledge]\nknowledge = {json.dumps(address)}\n"
        (tmp_path / "archwright.toml").write_text(words)
        (found,) = find_shared(tmp_path)
        assert "\n" not in found.detail + found.fix
        assert found.level == "needed"
        return found

    return look_


def alter(lab: Path, statement: str) -> None:
    with closing(sqlite3.connect(lab / FILE)) as connection, connection:
        connection.execute(statement)


def test_a_workspace_with_its_own_has_none_to_look_at(tmp_path: Path) -> None:
    assert list(find_shared(tmp_path)) == []


def test_a_folder_says_its_version_and_its_clock(look: Look, lab: Path) -> None:
    for _ in range(2):
        found = look(str(lab))
        assert found.ok
        assert "has no tables yet (the next command makes those of version 1)" in found.detail
    DirectoryStore(lab)
    found = look(str(lab))
    assert found.ok
    assert f"{lab} answers and can be written, has tables of version 1" in found.detail
    assert "its clock agrees with this machine's" in found.detail


def test_a_newer_one_is_refused_with_its_version(look: Look, lab: Path) -> None:
    DirectoryStore(lab)
    alter(lab, "UPDATE archwright_store SET version = 7")
    found = look(str(lab))
    assert not found.ok
    assert "its tables have version 7, not 1" in found.detail
    assert found.fix == "upgrade archwright here"


def test_what_does_not_answer_comes_with_its_fix(look: Look, tmp_path: Path) -> None:
    found = look(str(tmp_path / "missing"))
    assert not found.ok
    assert found.detail.startswith("there is no folder")
    assert found.fix.startswith("make it with `mkdir -p")


@pytest.mark.skipif(os.getuid() != 0, reason="takes root, to mount a small disk")
def test_a_disk_that_is_full(look: Look, lab: Path) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", lab]).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        DirectoryStore(lab)
        found = look(str(lab))
    finally:
        subprocess.run(["umount", lab], check=True)
    assert not found.ok
    assert "0.0 GB free" in found.detail
    assert found.fix == "free some space there"


@pytest.mark.xdist_group("pg")
def test_a_server(look: Look, postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(postgresql.fresh())
    assert found.ok
    assert "has no tables yet" in found.detail
    assert "its clock agrees" in found.detail
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    found = look(postgresql.address(LOCKED))
    assert not found.ok
    assert "its password in PGPASSWORD" in found.fix
    assert "hunter2" not in found.detail + found.fix
    monkeypatch.setenv("PGPASSWORD", SECRET)
    schema = postgresql.fresh().rpartition("%3D")[2]
    for grants in ((), (f"GRANT USAGE ON SCHEMA {schema} TO {LOCKED}",)):
        postgresql.say(*grants)
        found = look(postgresql.address(LOCKED, schema=schema))
        assert not found.ok
        assert "grant the user USAGE and CREATE on the schema" in found.fix
        assert SECRET not in found.detail + found.fix
