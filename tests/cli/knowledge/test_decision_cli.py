"""`decision` and `init` from the command line, on real workspaces."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main
from archwright.knowledge.decisions.folder import Decision, DecisionFolder, Option
from archwright.runs.workspace.workspace import Workspace, init


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace with two decisions."""
    folder = DecisionFolder(init(tmp_path / "place").paths.decisions)
    for title, candidate in (("A wider stem", "c1"), ("Gated \x1b[31mmixer", "c2")):
        options = (Option(title, "It gained."), Option("The baseline"))
        folder.add(
            Decision(
                *(title, "Does it help?", title, "it gained +2.3 points", "2026-11-24"),
                options=options,
                evidence={"effect": "+2.3 points"},
                run="digits-1",
                candidate=candidate,
            )
        )
    return tmp_path / "place"


def ask(capsys: pytest.CaptureFixture[str], place: Path, *words: str) -> Any:
    assert main(["decision", *words, "--workspace", str(place), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def read(capsys: pytest.CaptureFixture[str], place: Path, *words: str) -> str:
    assert main(["decision", *words, "--workspace", str(place)]) == 0
    return capsys.readouterr().out


def test_list(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = ask(capsys, place, "list")
    assert [(d["number"], d["candidate"], d["status"]) for d in documents] == [
        (1, "c1", "proposed"),
        (2, "c2", "proposed"),
    ]
    assert documents[0]["evidence"] == {"effect": "+2.3 points"}
    assert documents[0]["options"][0] == {"name": "A wider stem", "why": "It gained."}
    lines = read(capsys, place, "list").splitlines()
    assert lines[0] == "0001  proposed    2026-11-24  A wider stem"
    assert "\x1b" not in lines[1]


def test_show_prints_the_file_as_it_stands(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next(Workspace.open(place).paths.decisions.glob("0001-*.md"))
    assert read(capsys, place, "show", "1") == path.read_text()
    document = ask(capsys, place, "show", "1")
    assert (document["title"], document["text"]) == ("A wider stem", path.read_text())


def test_show_prints_nothing_that_a_terminal_would_obey(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = next(Workspace.open(place).paths.decisions.glob("0001-*.md"))
    path.write_text(path.read_text() + "\n    \x1b[2Jindented\n")
    shown = read(capsys, place, "show", "1")
    assert "\x1b" not in shown
    assert shown.endswith("indented\n")


def test_search(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (document,) = ask(capsys, place, "search", "gated", "attention")
    assert document["candidate"] == "c2"
    assert document["score"] > 0
    assert read(capsys, place, "search", "wider").startswith("0001")
    assert "no decision" in read(capsys, place, "search", "nothing")


def test_an_empty_workspace_has_an_empty_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = init(tmp_path / "empty").root
    assert ask(capsys, place, "list") == []
    assert "no decisions yet" in read(capsys, place, "list")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["show", "9"], "no decision 9"),
        (["show", "one"], 'unable to convert "one" into int'),
        (["list", "--workspace", "/nowhere/at/all"], "archwright init"),
        ([], "takes one of list, show, search, draft, supersede, import, check"),
    ],
)
def test_bad_words_are_one_line(
    place: Path, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if "--workspace" in words or not words else ["--workspace", str(place)]
    assert main(["decision", *words, *where]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert part in captured.err
    assert captured.err.count("\n") == 1


def test_init_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "new"
    assert main(["init", str(place), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "workspace": str(place),
        "settings": str(place / "archwright.toml"),
    }
    assert main(["init", str(place)]) == 0
    assert str(place) in capsys.readouterr().out
    done = subprocess.run(
        ["git", "-C", str(place), "status", "--porcelain"], check=True, capture_output=True
    )
    assert done.stdout == b"?? archwright.toml\n"
