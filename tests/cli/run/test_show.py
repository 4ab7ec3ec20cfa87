"""`show`: one candidate whole, verified or not, and its source alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main

Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, workspace: Path, candidate: str) -> Any:
    assert main(["show", "latest", candidate, "--workspace", str(workspace), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("made_run")
def test_a_candidate_is_shown_whole(tmp_path: Path, capsys: Capture) -> None:
    shown = document(capsys, tmp_path, "1")
    assert (shown["title"], shown["hypothesis"], shown["expected"]) == ("wider", "it rises", 1.5)
    assert shown["gain"] == 2.0
    assert shown["source"] == "class Model:\n    width = 16\n"
    assert shown["diff"]["parent"] == "baseline"
    assert "-    width = 8\n+    width = 16" in shown["diff"]["text"]
    assert shown["checks"] == [{"name": "builds", "ok": True, "detail": "yes"}]
    ended = [(t["purpose"], t["steps"], t["seed"], t["status"]) for t in shown["trials"]]
    assert ended == [("search", 300, 0, "ok"), ("search", 300, 1, "timeout")]
    assert shown["trials"][1]["cause"] == "timed out"
    assert shown["curve"] == [[10, 2.0], [300, 0.5]]
    assert shown["errors"] == "3 read as 8"
    assert shown["verdict"]["verdict"] == "discovery"


@pytest.mark.usefixtures("made_run")
def test_prompts_and_replies_are_shown_as_far_as_they_were_kept(
    tmp_path: Path, capsys: Capture
) -> None:
    first, again, old = document(capsys, tmp_path, "1")["calls"]
    assert (first["prompt"], first["model"], first["tokens"]) == ("What next?", "toy", 12)
    assert first["reply"].startswith("Widen it.")
    assert [turn["asked"] for turn in again["turns"]] == ["That is not JSON."]
    assert (old["prompt"], old["reply"]) == (None, "It rose.")
    assert main(["show", "latest", "1", "--workspace", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert text.count("What next?") == 1
    assert "That is not JSON." in text
    assert "the prompt was not kept" in text


@pytest.mark.parametrize("candidate", ["1", "2", "2b", "3", "baseline"])
@pytest.mark.usefixtures("made_run")
def test_a_terminal_obeys_nothing_that_a_stranger_wrote(
    tmp_path: Path, capsys: Capture, candidate: str
) -> None:
    assert main(["show", "latest", candidate, "--workspace", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"candidate {candidate} of digits-one: ")
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)


@pytest.mark.usefixtures("made_run")
def test_the_source_alone_goes_to_a_pipe(tmp_path: Path, capsys: Capture) -> None:
    for candidate, source in (("2", "class Model(:\n"), ("1", "class Model:\n    width = 16\n")):
        assert main(["show", "latest", candidate, "--source", "--workspace", str(tmp_path)]) == 0
        assert capsys.readouterr().out == source


@pytest.mark.usefixtures("made_run")
def test_a_parent_whose_source_is_not_in_the_journal_gives_no_diff(
    tmp_path: Path, capsys: Capture
) -> None:
    assert document(capsys, tmp_path, "2b")["diff"] is None


@pytest.mark.parametrize(("typed", "near"), [("2c", "2"), ("baselin", "baseline"), ("77", "2b")])
@pytest.mark.usefixtures("made_run")
def test_an_unknown_candidate_is_one_line_with_the_nearest(
    tmp_path: Path, capsys: Capture, typed: str, near: str
) -> None:
    assert main(["show", "latest", typed, "--workspace", str(tmp_path), "--json"]) == 2
    out, err = capsys.readouterr()
    assert near in json.loads(out)["error"]
    assert "archwright ledger digits-one" in err
    assert len(err.splitlines()) == 1
