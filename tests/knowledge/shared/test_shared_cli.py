"""A shared knowledge base from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main
from archwright.knowledge.shared.directory import DirectoryStore
from archwright.runs.verification.account import Account
from archwright.runs.workspace.paths import WorkspacePaths


@pytest.fixture
def make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Makes a workspace, which may share a knowledge base."""

    def make_(name: str, knowledge: str = "") -> str:
        assert main(["init", str(tmp_path / name)]) == 0
        if knowledge:
            words = f"[knowledge]\nknowledge = {json.dumps(knowledge)}\n"
            (tmp_path / name / "archwright.toml").write_text(words)
        capsys.readouterr()
        return str(tmp_path / name)

    return make_


def ask(capsys: pytest.CaptureFixture[str], workspace: str, *words: str) -> Any:
    assert main(["knowledge", *words, "--workspace", workspace, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_commands_work_on_what_is_shared(
    make: Any, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = make("one", str(lab)), make("two", str(lab))
    assert ask(capsys, one, "add", "--note", "wide is good")["kind"] == "note"
    (hit,) = ask(capsys, two, "search", "wide")
    assert ask(capsys, two, "show", str(hit["id"]))["lesson"] == "wide is good"
    assert ask(capsys, two, "stats")["kinds"] == {"note": 1}
    assert not WorkspacePaths(Path(one)).knowledge.exists()


def test_what_is_known_is_copied_there_and_back(
    make: Any, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = make("own"), make("other")
    for note in ("wide is good", "deep is good"):
        ask(capsys, own, "add", "--note", note)
    account = Account(WorkspacePaths(Path(own)).looks)
    account.close(account.open("split", "digits", "a run", 0), 1)
    done = ask(capsys, own, "copy", "own", str(lab))
    assert done == {"entries": 2, "added": 2, "looks": 1}
    assert ask(capsys, own, "copy", "own", str(lab)) == {"entries": 2, "added": 0, "looks": 0}
    assert ask(capsys, other, "copy", str(lab), "own") == {"entries": 2, "added": 2, "looks": 1}
    assert ask(capsys, other, "stats")["kinds"] == {"note": 2}
    assert Account(WorkspacePaths(Path(other)).looks).looks() == account.looks()
    assert len(DirectoryStore(lab).since(0, 10)) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["own", "own"], "own cannot be copied to itself"),
        (["own", ""], "a place is own, a folder or postgresql://"),
        (["own", "lab"], "a folder from the root on"),
        (["own", "/no/such/folder"], "mkdir -p /no/such/folder"),
        (["postgresql://me:pw@host/db", "own"], "leave it out of the address"),
        (["postgresql://me:pw@host/db"] * 2, "leave it out of the address"),
    ],
)
def test_places_that_cannot_be(
    make: Any, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["knowledge", "copy", *words, "--workspace", make("own")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize("address", ["/no/such/folder", "postgresql://me@127.0.0.1:1/db"])
def test_a_run_that_cannot_reach_it_is_not_begun(
    make: Any, spirals: Path, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "postgresql" in address:
        pytest.importorskip("psycopg", reason="psycopg is not installed")
    workspace = make("own")
    words = ["run", str(spirals), "--knowledge", address, "--workspace", workspace, "--plain"]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert address in line
    runs = WorkspacePaths(Path(workspace)).runs
    assert not runs.exists() or not list(runs.iterdir())
    assert "Traceback" not in line
