"""`status`, `runs`, `report` and `stop` over a real journal, in this process and across two."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from archwright.cli import main
from archwright.core import Candidate, CandidateStatus, Floor, Measurement, Verdict
from archwright.runs.journal import Journal
from archwright.runs.workspace.control import hold
from archwright.runs.workspace.paths import RunPaths, WorkspacePaths

Run = Callable[..., RunPaths]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


@pytest.fixture
def make_run(workspace: Path) -> Run:
    """Makes a run with a journal as the loop leaves it: two candidates, one of them a winner."""

    def make(name: str, state: str = "finished") -> RunPaths:
        paths = WorkspacePaths(workspace).run(name)
        facts = {
            "settings": {},
            "task": "digits",
            "metric": "accuracy",
            "rungs": [100, 300],
            "created": 1.8e9,
            "state": state,
            "phase": "done",
            "budget": {"max_trials": 4},
            "noise": [Floor(steps, 92.0, 0.5, (91.5, 92.5), 9) for steps in (100, 300)],
        }
        with Journal.create(paths, facts) as journal:
            for number, title in enumerate(("widen", "[red]\x1b[2J"), start=1):
                journal.propose(_proposal(number, title))
            first, second = journal.candidates()
            measured = replace(first, rungs={1: Measurement(94.0)})
            journal.update(measured.ended(CandidateStatus.PROMOTED))
            journal.update(second.ended(CandidateStatus.CRASHED, "RuntimeError: shape"))
            journal.judge("c1", asdict(_VERDICT))
            journal.notice("reads are not confined")
        return paths

    return make


def _proposal(number: int, title: str) -> Candidate:
    shown = {"operator": "widen", "created": 1.8e9, "examples": ("4",)}
    return Candidate(f"c{number}", title, sequence=number, **shown)


_VERDICT = Verdict(
    candidate="c1",
    title="widen",
    verdict="discovery",
    effect=2.0,
    interval=(1.0, 3.0),
    p=0.01,
    seeds=5,
    reason="",
    branch="archwright/one/widen",
)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """The JSON document that a command prints, after checking that it is all of stdout."""
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_report_and_status_give_the_same_document(
    make_run: Run, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run("digits-one")
    where = ("--workspace", str(workspace))
    report = answer(capsys, "report", "digits", *where)
    assert Path(report.pop("page")).is_file()
    assert report.pop("guesses") is None
    assert report == answer(capsys, "status", *where) == answer(capsys, "status", "latest", *where)
    assert report["best"]["score"] == 94.0
    assert report["discoveries"][0]["effect"] == 2.0
    assert report["failures"] == [
        {"end": "crashed", "cause": "RuntimeError: shape", "count": 1, "candidate": "c2"}
    ]


@pytest.mark.parametrize("command", ["report", "status"])
def test_people_get_text_on_stdout(
    make_run: Run, workspace: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    make_run("digits-one")
    assert main([command, "--workspace", str(workspace)]) == 0
    text = capsys.readouterr().out
    assert "94.00 %" in text
    assert "\x1b" not in text


def test_the_report_is_a_page_as_well(
    make_run: Run, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = make_run("digits-one")
    where = ("--workspace", str(workspace))
    assert main(["report", *where]) == 0
    page = paths.root / "report.html"
    assert str(page.resolve()) in capsys.readouterr().err
    assert "<h1>1 discovery</h1>" in page.read_text()
    assert f"--workspace {workspace}" in page.read_text()
    elsewhere = workspace / "morning.html"
    assert answer(capsys, "report", "--html", str(elsewhere), *where)["page"] == str(elsewhere)
    assert elsewhere.read_text() == page.read_text()


def test_a_page_that_cannot_be_written_is_one_line(
    make_run: Run, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run("digits-one")
    target = workspace / "missing" / "page.html"
    assert main(["report", "--html", str(target), "--workspace", str(workspace)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "--html FILE" in err


def test_runs_lists_all_and_one_bad_journal_hides_none(
    make_run: Run, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run("digits-one")
    make_run("digits-two", state="running")
    make_run("digits-three").journal.write_bytes(b"no database at all" * 100)
    listed = answer(capsys, "runs", "--workspace", str(workspace))
    states = {item["run"]: item["state"] for item in listed}
    assert states == {
        "digits-one": "finished",
        "digits-two": "interrupted",
        "digits-three": "unreadable",
    }
    assert main(["runs", "--workspace", str(workspace)]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in states)


def test_no_runs_is_no_error(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "runs", "--workspace", str(workspace)) == []
    assert main(["runs", "--workspace", str(workspace)]) == 0
    assert "archwright run TASK" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["report", "status", "stop"])
def test_a_run_that_does_not_exist_is_one_line(
    make_run: Run, workspace: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    make_run("digits-one")
    assert main([command, "nosuch", "--workspace", str(workspace), "--json"]) == 2
    out, err = capsys.readouterr()
    assert "digits-one" in json.loads(out)["error"]
    assert len(err.splitlines()) == 1


def test_watching_ends_with_the_run(
    make_run: Run, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run("digits-one")
    assert main(["status", "--watch", "--plain", "--workspace", str(workspace)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "candidate c1 (widen) promoted, 94.00 %" in " ".join(err.split())


def test_stop_leaves_an_ended_run_alone(
    make_run: Run, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = make_run("digits-one", state="running")
    document = answer(capsys, "stop", "--workspace", str(workspace))
    assert document["state"] == "interrupted"
    assert document["next"].startswith("archwright resume digits-one")
    assert not paths.stop_request.exists()


def test_stop_waits_until_the_other_process_has_let_go(make_run: Run, workspace: Path) -> None:
    paths = make_run("digits-one", state="running")
    words = ["stop", "--json", "--workspace", str(workspace)]
    with hold(paths):
        asking = subprocess.Popen(
            [sys.executable, "-m", "archwright", *words], stdout=subprocess.PIPE, text=True
        )
        while not paths.stop_request.exists():
            assert asking.poll() is None
            time.sleep(0.02)
        with Journal.open(paths) as journal:
            journal.note(state="stopped")
        assert asking.poll() is None
    out, _ = asking.communicate(timeout=60)
    assert asking.returncode == 0
    assert json.loads(out)["state"] == "stopped"
