"""`archwright paper reproduce` and `improve` from the command line: errors, and a model's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from paper_texts import BENT, CLAIMS, QUOTE, whole_paper, write_paper
from protocol_server import Act, Call, ProtocolServer, Say
from scripts import fenced, words_of

from archwright.cli import main


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    """Exit code, JSON document and stderr of a command."""
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """A paper without code."""
    path = tmp_path / "paper.md"
    path.write_text(write_paper())
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["reproduce", "gone"], "on the shelf are delta-rule"),
        (["reproduce", "net2net", "--seeds", "2"], "--seeds must be at least 3"),
        (["reproduce", "net2net", "--task", "recall"], "Mixer is not defined"),
        (["reproduce", "net2net", "--task", "gone"], "no task 'gone'"),
        (["improve", "net2net"], "was not reproduced on digits here"),
        (["improve", "gone"], "there is no paper 'gone'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: list[str], said: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document, err = ask(capsys, "paper", *words, "--workspace", str(workspace))
    assert code == 2
    assert said in document["error"]
    assert err.count("\n") == 1
    assert not list((workspace / ".archwright").glob("runs/*/journal.db"))


def test_a_paper_without_code_and_without_model_is_one_line(
    paper: Path, spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--workspace", str(workspace)]
    code, document, _ = ask(capsys, "paper", "reproduce", str(paper), *where)
    assert code == 2
    assert "the paper names no task" in document["error"]
    words = ["--task", str(spirals), *where]
    code, document, _ = ask(capsys, "paper", "reproduce", str(paper), *words)
    assert code == 2
    assert "brings no code that fits the task" in document["error"]


def test_a_paper_cannot_choose_a_task_whose_code_would_be_trusted(
    tmp_path: Path, spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (spirals / "task.py").write_text("raise SystemExit('the paper ran it')")
    file = tmp_path / "paper.md"
    file.write_text(whole_paper(CLAIMS.replace('"spirals"', json.dumps(str(spirals)))))
    words = ["paper", "reproduce", str(file), "--workspace", str(workspace)]
    code, document, _ = ask(capsys, *words)
    assert code == 2
    assert "not a built-in task: name the one to use with --task" in document["error"]


def test_a_model_reads_the_paper_and_writes_its_method(
    paper: Path, spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {
        "problem": "telling spirals apart",
        "method": ["two hidden layers with rectifiers"],
        "data": ["spirals"],
        "recipe": {"steps": 1000},
        "claims": [
            {
                "metric": "accuracy",
                "value": 93.1,
                "unit": "%",
                "direction": "higher",
                "quote": "It reaches an accuracy of 93.1% on the test set.",
            },
            {"metric": "accuracy", "value": 99.9, "quote": "It reaches an accuracy of 99.9%."},
        ],
    }

    def act(call: Call) -> Act:
        words = {"reader": fenced(json.dumps(plan), "json"), "coder": fenced(BENT, "python")}
        return Say(words.get(call.role) or words_of(call))

    with ProtocolServer(act) as server:
        words = ["paper", "reproduce", str(paper), "--task", str(spirals), "--seeds", "3"]
        words += ["--workspace", str(workspace), "--workers", "1", "--sandbox", "process"]
        words += ["--model", "toy", "--base-url", server.url, "--price", "1,2"]
        code, result, err = ask(capsys, *words)
    assert code == 0, err
    assert [s.call.role for s in server.served] == ["reader", "coder"]
    assert "a model writes the method first" in err
    assert result["verdict"] == "reproduced"
    assert result["spend"]["tokens"] == sum(s.tokens for s in server.served)
    (claim,) = result["claims"]
    assert claim["quote"] == "It reaches an accuracy of 93.1% on the test set."
    assert {"what": "steps", "paper": "1000", "here": "45"} in result["shrunk"]


def test_a_reproduction_prints_a_report_for_a_person(
    tmp_path: Path, spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "paper.md"
    file.write_text(whole_paper())
    words = ["paper", "reproduce", str(file), "--task", str(spirals), "--seeds", "3"]
    words += ["--workspace", str(workspace), "--workers", "1", "--sandbox", "process", "--plain"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "REPRODUCED; rubric 1.00 of 1" in out
    assert QUOTE in out
    assert main(["report", "--workspace", str(workspace)]) == 0
    assert capsys.readouterr().out == out
    assert main(["verify", "--workspace", str(workspace)]) == 2
    assert "its test split stays sealed" in capsys.readouterr().err
