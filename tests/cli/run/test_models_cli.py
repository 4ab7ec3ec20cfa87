"""Models on the command line, against the scripted server: run, resume, doctor, prompts, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from protocol_server import Fail, ProtocolServer, Say
from scripts import good, with_faults

from archwright.cli import main

SMALL = ["--max-trials", "24", "--max-candidates", "4", "--workers", "2", "--sandbox", "process"]


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    """Exit code, JSON document and stderr of a command."""
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_a_run_with_a_model_says_what_it_will_cost_and_what_it_did(
    spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProtocolServer(good) as server:
        words = ["run", str(spirals), "--workspace", str(workspace), *SMALL]
        words += ["--model", "toy", "--base-url", server.url, "--price", "1,2", "--max-usd", "1"]
        code, result, err = ask(capsys, *words)
    assert code == 0
    assert "estimate: about 4 candidates take about" in err
    assert "bounded by --max-usd 1" in err
    assert f"toy at {server.url}" in err
    assert result["candidates"] >= 4
    assert result["spend"]["tokens"] == sum(s.tokens for s in server.served)
    assert result["spend"]["usd"] > 0


def test_a_run_stopped_by_its_quota_goes_on_with_another_model(
    spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(call: Any) -> Any:
        if call.model == "dear" and server.served:
            return Fail(429, "You exceeded your quota", "insufficient_quota")
        return good(call)

    with ProtocolServer(act) as server:
        words = ["run", str(spirals), "--workspace", str(workspace), *SMALL]
        words += ["--model", "dear", "--base-url", server.url, "--price", "0,0"]
        words += ["--model-share", "1", "--proposals", "2"]
        code, result, err = ask(capsys, *words)
        assert code == 2
        assert "quota is exhausted" in result["error"]
        assert "archwright resume" in err
        again = ["resume", "latest", "--workspace", str(workspace), "--model", "cheap"]
        code, result, err = ask(capsys, *again)
    assert code == 0
    assert result["state"] == "finished"
    assert {s.call.model for s in server.served} == {"dear", "cheap"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--model", "toy", "--base-url", "http://127.0.0.1:9/v1"], "price of toy is not known"),
        (["--model", "toy", "--base-url", "nowhere"], "is not an address"),
        (
            ["--model", "toy", "--base-url", "http://me:pw@h/v1", "--price", "0,0"],
            "must hold no key",
        ),
        (["--model", "toy", "--price", "cheap"], "is not IN,OUT"),
        (["--model", "writer=toy"], "the roles are researcher"),
        (["--model", "coder=toy", "--price", "0,0"], "no model for the researcher"),
        (["--model", "toy", "--max-tokens", "0"], "max_tokens must be at least 1"),
        (["--backend", "magic"], "--backend must be"),
        (["--backend", "replay:nothing"], "no run"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_fix(
    spirals: Path,
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    line: str,
) -> None:
    code, result, err = ask(capsys, "run", str(spirals), "--workspace", str(workspace), *words)
    assert code == 2
    assert line in result["error"]
    assert len(err.strip().splitlines()) == 1
    assert not list((workspace / ".archwright").glob("runs/*/journal.db"))


def test_the_doctor_asks_a_model_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with ProtocolServer(lambda _: Say('```json\n{"works": true}\n```')) as server:
        words = ["doctor", "--workspace", str(tmp_path), "--model", "toy"]
        words += ["--base-url", server.url, "--price", "1,2"]
        code, document, _ = ask(capsys, *words)
        found = {f["name"]: f for f in document["findings"]}["model toy"]
        assert code == 0
        assert found["ok"]
        assert "$0.0000" in found["detail"]
        assert "structured output works" in found["detail"]
        assert len(server.served) == 1


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (Say("Yes, it works!"), "structured output does not work"),
        (Fail(401, "bad key"), "the key was refused"),
        (Fail(404, "unknown model"), "no such model"),
    ],
)
def test_the_doctor_says_what_is_wrong_with_a_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, act: Any, words: str
) -> None:
    with ProtocolServer(lambda _: act) as server:
        asked = ["doctor", "--workspace", str(tmp_path), "--model", "toy"]
        code, document, _ = ask(capsys, *asked, "--base-url", server.url)
    found = {f["name"]: f for f in document["findings"]}["model toy"]
    assert code == 2
    assert words in found["detail"]
    assert found["fix"]


@pytest.mark.parametrize("role", ["researcher", "coder", "debugger", "evaluator", "reviewer"])
def test_prompts_shows_what_is_sent(
    spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str], role: str
) -> None:
    words = ["prompts", "show", role, str(spirals), "--workspace", str(workspace)]
    code, document, _ = ask(capsys, *words)
    assert code == 0
    assert f"You are the {role}." in document["prompt"]
    assert "Tell two interleaved spirals apart." in document["prompt"]
    for words_of_contract in ("Model((2,), (2,))", "20,000 parameters"):
        assert (words_of_contract in document["prompt"]) == (role != "evaluator")
    assert main(words) == 0
    assert capsys.readouterr().out == document["prompt"]


def test_prompts_shows_the_workspaces_own_template(
    spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "prompts").mkdir()
    (workspace / "prompts" / "researcher.md").write_text("Bend {{ brief.task }} {{ count }} times.")
    words = ["prompts", "show", "researcher", str(spirals), "--workspace", str(workspace)]
    assert ask(capsys, *words)[1]["prompt"] == "Bend spirals 4 times."
    words[2] = "nobody"
    assert ask(capsys, *words)[0] == 2


def test_a_replay_by_name_repeats_the_result(
    spirals: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ProtocolServer(with_faults(0.2)) as server:
        words = ["run", str(spirals), "--workspace", str(workspace), *SMALL]
        words += ["--model", "toy", "--base-url", server.url, "--price", "1,2"]
        _, first, _ = ask(capsys, *words)
    words = ["run", str(spirals), "--workspace", str(workspace), "--sandbox", "process"]
    code, second, _ = ask(capsys, *words, "--backend", "replay:latest")
    assert code == 0
    same = ("candidates", "duplicates", "invalid", "trials", "baseline", "best")
    assert {k: second[k] for k in same} == {k: first[k] for k in same}
    assert second["spend"]["usd"] == 0
