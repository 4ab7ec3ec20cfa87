"""`archwright knowledge`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main

NET = "import torch.nn as nn\nclass Model(nn.Module):\n    pass\n"


@pytest.fixture
def workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["init", str(tmp_path / "w")]) == 0
    capsys.readouterr()
    return tmp_path / "w"


def ask(capsys: pytest.CaptureFixture[str], workspace: Path, *words: str) -> Any:
    code = main(["knowledge", *words, "--workspace", str(workspace), "--json"])
    out = json.loads(capsys.readouterr().out)
    return out if code == 0 else (code, out)


def test_what_was_added_is_found_shown_and_counted(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wide.py"
    file.write_text(NET)
    added = ask(capsys, workspace, "add", str(file), "--task", "digits", "--note", "wide is good")
    assert added["kind"] == "example"
    assert ask(capsys, workspace, "add", "--note", "never trust a seed")["kind"] == "note"

    (hit,) = ask(capsys, workspace, "search", "good", "wide")
    assert (hit["id"], hit["title"], hit["task"]) == (added["id"], "wide", "digits")
    shown = ask(capsys, workspace, "show", str(added["id"]))
    assert (shown["source"], shown["lesson"]) == (NET, "wide is good")
    assert shown["fingerprint"]["tree"]
    assert ask(capsys, workspace, "stats")["kinds"] == {"example": 1, "note": 1}


def test_the_same_file_again_is_the_same_entry(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.py"
    file.write_text(NET)
    first = ask(capsys, workspace, "add", str(file))
    assert ask(capsys, workspace, "add", str(file)) == first


def test_a_text_file_is_a_note(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "note.md"
    file.write_text("Kernels of five.\n\nAlways.")
    added = ask(capsys, workspace, "add", str(file))
    assert ask(capsys, workspace, "show", str(added["id"]))["lesson"] == file.read_text()


def test_a_person_can_read_it(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.py"
    file.write_text(NET + "# \x1b[31mred\n")
    for words in (["add", str(file)], ["search", "net"], ["show", "1"], ["stats"]):
        assert main(["knowledge", *words, "--workspace", str(workspace)]) == 0
        out = capsys.readouterr().out
        assert out.strip()
        assert "\x1b" not in out


BAD = {
    "nothing": (["add"], "give a FILE or --note"),
    "no such file": (["add", "nowhere.py"], "nowhere.py"),
    "no such id": (["show", "99"], "no entry 99"),
    "none wanted": (["search", "x", "-n", "0"], "at least 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_two(
    name: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, complaint = BAD[name]
    code, answer = ask(capsys, workspace, *words)
    assert code == 2
    assert complaint in answer["error"]


def test_source_that_does_not_parse_is_not_added(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.py"
    file.write_text("def f(:")
    code, answer = ask(capsys, workspace, "add", str(file))
    assert code == 2
    assert "is not valid Python" in answer["error"]


def test_a_workspace_is_filled_with_notes_once(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ask(capsys, workspace, "seed")
    assert first["added"] >= 60
    assert first["known"] == 0
    assert ask(capsys, workspace, "seed") == {"added": 0, "known": first["added"]}
    hits = ask(capsys, workspace, "search", "blur before pooling")
    assert "blur-pooling" in [hit["candidate"] for hit in hits]

    assert main(["init", "--notes", str(tmp_path / "other"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == first["added"]
    assert main(["init", str(tmp_path / "third")]) == 0
    assert "archwright knowledge seed" in capsys.readouterr().out
