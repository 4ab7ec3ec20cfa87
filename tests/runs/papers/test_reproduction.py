"""Whole reproductions: baseline first, a verdict, a report, a branch; killed ones go on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from paper_texts import BENT, CLAIMS, LINEAR, QUOTE, whole_paper, write_paper

from archwright.agents.backends import Request
from archwright.agents.backends.scripted import ScriptedBackend
from archwright.agents.backends.symbolic import SymbolicBackend
from archwright.core import AnswerError, InputError, RunError, Trial
from archwright.core.settings import RunSettings
from archwright.knowledge.papers.folder import PaperFolder
from archwright.papers.improvement import begin_improvement
from archwright.papers.reporting import report_lines, write_report_page
from archwright.papers.starting import begin_reproduction, read_result, reproduce
from archwright.runs.journal import Journal
from archwright.runs.phases import discover
from archwright.runs.session import carry_out
from archwright.runs.starting import task_of
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.search.policies.tweaks import TWEAKS
from archwright.tasks.loading import load_task

SETTINGS = RunSettings(workers=1, verify_seeds=4)


def begin(root: Path, task_folder: Path, text: str, settings: RunSettings = SETTINGS) -> RunPaths:
    """A reproduction of the paper in `text`, begun."""
    workspace = Workspace.open(root)
    file = root.parent / "paper.md"
    file.write_text(text)
    kept = PaperFolder(workspace.paths.papers).add(file)
    return begin_reproduction(workspace, load_task(task_folder), task_folder, settings, kept)


def carry(root: Path, paths: RunPaths, **given: Any) -> dict[str, Any]:
    """See it through in this process."""
    given = {"sandbox": InProcessSandbox(), **given}
    carry_out(Workspace.open(root), task_of(paths), paths, reproduce, **given)
    with Journal.open(paths) as journal:
        return read_result(journal)


def trials(paths: RunPaths) -> list[Trial]:
    with Journal.open(paths) as journal:
        return sorted((*journal.trials(), *journal.running()), key=lambda trial: trial.started)


def git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words], check=True, capture_output=True, text=True
    )
    return done.stdout


def test_a_claim_that_holds_is_reproduced(spirals: Path, workspace: Path) -> None:
    paths = begin(workspace, spirals, whole_paper())
    result = carry(workspace, paths)
    assert (result["verdict"], result["score"]) == ("reproduced", 1.0)
    (claim,) = result["claims"]
    assert 0 < claim["interval"][0] <= claim["effect"] <= claim["interval"][1]
    assert claim["method"]["mean"] > claim["baseline"]["mean"]
    order = [t.candidate for t in trials(paths)]
    assert order[:8] == ["linear"] * 4 + ["bent"] * 4, "our own baseline is measured first"
    assert {t.seed for t in trials(paths)[:4]} == {1000, 1001, 1002, 1003}
    shrunk = {size["what"]: size for size in result["shrunk"]}
    assert (shrunk["steps"]["paper"], shrunk["steps"]["here"]) == ("a million", "45")
    assert shrunk["training samples"]["here"] == "96"


def test_its_branch_carries_the_citation_the_quote_and_the_numbers(
    spirals: Path, workspace: Path
) -> None:
    result = carry(workspace, begin(workspace, spirals, whole_paper()))
    message = git(workspace, "log", "-1", "--format=%B", result["branch"])
    assert "Reproduce Bends for spirals: reproduced" in message
    assert result["paper"]["id"] in message
    assert f"> {QUOTE}" in message
    assert f"{result['claims'][0]['effect']:+.3g}" in message
    where = "discoveries/spirals/architecture.py"
    assert git(workspace, "show", f"{result['branch']}:{where}") == BENT
    assert git(workspace, "show", f"{result['branch']}^:{where}") == LINEAR


def test_the_report_says_it_all_and_its_page_asks_nobody(
    spirals: Path, workspace: Path, tmp_path: Path
) -> None:
    result = carry(workspace, begin(workspace, spirals, whole_paper()))
    text = "\n".join(report_lines(result))
    for word in ("REPRODUCED", QUOTE, "a million", result["branch"], "paired seeds"):
        assert word in text
    page = write_report_page(result, tmp_path / "page.html").read_text()
    assert QUOTE in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", page)


def test_a_claim_the_wrong_way_round_is_not_reproduced(spirals: Path, workspace: Path) -> None:
    claims = CLAIMS.replace('"better"', '"worse"')
    result = carry(workspace, begin(workspace, spirals, whole_paper(claims)))
    assert result["verdict"] == "not reproduced"
    assert result["score"] == pytest.approx(0.5)
    assert result["branch"]


def test_code_that_fails_its_checks_is_undecided_and_costs_no_training(
    spirals: Path, workspace: Path
) -> None:
    broken = BENT.replace("return self.layers(x)", "return self.layers(x.mean(0, keepdim=True))")
    paths = begin(workspace, spirals, whole_paper(bent=broken))
    result = carry(workspace, paths)
    assert result["verdict"] == "undecided"
    assert "the code of bent fails its checks" in result["claims"][0]["reason"]
    assert trials(paths) == []
    assert "shapes" in "\n".join(report_lines(result))


def test_a_network_inherits_what_was_trained_before_it(spirals: Path, workspace: Path) -> None:
    """The second stage only copies: after one step it still is what the first one learned."""
    method = '{ file = "bent.py", steps = 1, after = { file = "bent.py", steps = 45 } }'
    claims = CLAIMS.replace('method = "bent.py"', f"method = {method}").replace(
        'baseline = "linear.py"', 'baseline = { file = "bent.py", steps = 1 }'
    )
    result = carry(workspace, begin(workspace, spirals, whole_paper(claims)))
    assert result["verdict"] == "reproduced"
    assert result["claims"][0]["method"]["total_steps"] == 46


def test_what_a_network_inherits_is_its_own_affair_and_its_faults_are_said(
    spirals: Path, workspace: Path
) -> None:
    fails = BENT + "\n    def inherit(self, weights):\n        raise KeyError(sorted(weights)[0])\n"
    method = '{ file = "bent.py", steps = 5, after = { file = "linear.py", steps = 5 } }'
    claims = CLAIMS.replace('method = "bent.py"', f"method = {method}")
    result = carry(workspace, begin(workspace, spirals, whole_paper(claims, fails)))
    assert result["verdict"] == "undecided"
    assert "inherit fails" in result["claims"][0]["method"]["error"]
    assert "layers.0.bias" in result["claims"][0]["method"]["error"]


# --- papers that bring less ----------------------------------------------------------------------


def test_a_paper_with_code_alone_is_compared_with_the_tasks_baseline(
    spirals: Path, workspace: Path
) -> None:
    result = carry(workspace, begin(workspace, spirals, write_paper(bent_py=BENT)))
    assert result["verdict"] == "reproduced"
    (claim,) = result["claims"]
    assert claim["baseline"]["title"] == "the task's baseline"
    assert "93.1%" in claim["quote"]


def test_a_paper_without_code_needs_a_model(spirals: Path, workspace: Path) -> None:
    with pytest.raises(InputError, match="brings no code") as error:
        begin(workspace, spirals, write_paper())
    assert "--model NAME" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_writes_the_code_and_fixes_it_once(spirals: Path, workspace: Path) -> None:
    broken = BENT.replace("class Model", "class Other")
    backend = ScriptedBackend(
        {"coder": lambda _: {"source": broken}, "debugger": lambda _: {"source": BENT}},
        SymbolicBackend(),
    )
    settings = SETTINGS.changed(models=("toy",), backend="llm", prices=("0,0",))
    paths = begin(workspace, spirals, write_paper(), settings)
    result = carry(workspace, paths, backend=backend)
    assert [r.role for r in backend.requests] == ["reader", "coder", "debugger"]
    assert result["verdict"] == "reproduced"
    assert result["claims"][0]["method"]["title"] == "the paper's method, as a model wrote it"
    again = carry(workspace, paths, backend=backend)
    assert again["claims"] == result["claims"]
    assert len(backend.requests) == 3


def test_no_rule_stands_in_for_a_model_that_writes_no_code(spirals: Path, workspace: Path) -> None:
    def fail(_: Request) -> dict[str, Any]:
        raise AnswerError("the coder gave no code")

    backend = ScriptedBackend({"coder": fail}, SymbolicBackend())
    settings = SETTINGS.changed(
        models=("toy",), backend="llm", prices=("0,0",), fallback="symbolic"
    )
    paths = begin(workspace, spirals, write_paper(), settings)
    with pytest.raises(AnswerError, match="the coder gave no code"):
        carry(workspace, paths, backend=backend)
    assert trials(paths) == []


# --- killed and improved -------------------------------------------------------------------------


def _finished(root: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for folder in root.glob(".archwright/runs/*"):
        # What is just being made cannot be opened yet.
        with suppress(RunError), Journal.open(RunPaths(folder)) as journal:
            found |= {step.key: step.finished for step in journal.steps("trial")}
    return found


def test_kill_minus_nine_and_resume_repeat_no_training(spirals: Path, workspace: Path) -> None:
    file = workspace.parent / "paper.md"
    file.write_text(whole_paper())
    program = [sys.executable, "-m", "archwright"]
    options = ["--task", str(spirals), "--seeds", "8", "--workers", "1", "--sandbox", "process"]
    process = subprocess.Popen(
        [*program, "paper", "reproduce", str(file), *options, "--workspace", str(workspace)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and len(_finished(workspace)) < 3:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = _finished(workspace)
    assert len(before) < 16, "it ended before it was killed"
    done = subprocess.run(
        [*program, "resume", "--json", "--workspace", str(workspace)],
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)
    assert before.items() <= _finished(workspace).items()
    assert (result["verdict"], result["trials"]) == ("reproduced", len(_finished(workspace)))
    shown = subprocess.run(
        [*program, "report", "--json", "--workspace", str(workspace)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(shown.stdout)["claims"] == result["claims"]


def test_an_improvement_starts_from_what_was_reproduced(spirals: Path, workspace: Path) -> None:
    paths = begin(workspace, spirals, whole_paper())
    result = carry(workspace, paths)
    opened, task = Workspace.open(workspace), load_task(spirals)
    settings = RunSettings(workers=1, max_trials=40)
    better, improved = begin_improvement(opened, task, spirals, settings, result["paper"]["id"])
    assert improved.spec.baseline == BENT
    assert task_of(better).spec.baseline == BENT, "a resumed run keeps it"
    snapshot = carry_out(opened, improved, better, discover, sandbox=InProcessSandbox())
    assert snapshot.state == "finished"
    assert snapshot.settings["tweaks"] == 3
    assert snapshot.baseline is not None
    assert snapshot.baseline.mean > result["claims"][0]["baseline"]["mean"]
    with Journal.open(find_run(opened)) as journal:
        baseline = journal.candidate("baseline")
        assert baseline is not None
        assert baseline.source == BENT
        assert journal.facts.task_key != task.key
        assert journal.facts.improves is not None
        assert journal.facts.improves["arm"] == "bent"
        choices = sorted(journal.steps("choice"), key=lambda step: int(step.key))
        chosen = [step.result["operator"] for step in choices]
    assert len(chosen) > 3
    for start in range(len(chosen) - 3):
        assert not TWEAKS.issuperset(chosen[start : start + 4]), "a fourth tweak in a row"


def test_only_what_was_reproduced_can_be_improved(spirals: Path, workspace: Path) -> None:
    with pytest.raises(InputError, match="was not reproduced on spirals here"):
        begin_improvement(
            Workspace.open(workspace), load_task(spirals), spirals, SETTINGS, "0123456789ab"
        )


def test_a_paper_without_claims_is_said_before_code_is_paid_for(
    spirals: Path, workspace: Path
) -> None:
    silent = {"problem": "spirals", "method": ["bends"], "claims": []}
    backend = ScriptedBackend({"reader": lambda _: silent}, SymbolicBackend())
    settings = SETTINGS.changed(models=("toy",), backend="llm", prices=("0,0",))
    paths = begin(workspace, spirals, write_paper(), settings)
    with pytest.raises(InputError, match="no claim with a quote was found"):
        carry(workspace, paths, backend=backend)
    assert [r.role for r in backend.requests] == ["reader"]
