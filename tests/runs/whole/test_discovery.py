"""Whole runs: from a task to a result, branches, decisions and knowledge."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from model_runs import finished_run, proposals, scripted, wide
from whole_runs import Discover, Finished, Git

from archwright.agents.backends import Request
from archwright.core import Outcome, Receive, RunError, TaskError, TrialJob
from archwright.core.settings import RunSettings
from archwright.knowledge.store import Knowledge
from archwright.runs.amending import amend
from archwright.runs.journal import Journal
from archwright.runs.phases import discover as conduct
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.session import carry_out
from archwright.runs.starting import begin, task_of
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task


def _snapshot(workspace: Path, run: str) -> Snapshot:
    paths = find_run(Workspace.open(workspace), run)
    with Journal.open(paths) as journal:
        return observe(journal)


@pytest.mark.xdist_group("finished")
def test_a_run_trains_verifies_and_records(finished: Finished, git: Git) -> None:
    workspace, result = finished.workspace, finished.result
    snapshot = _snapshot(workspace, result["run"])
    assert snapshot.state == "finished"
    assert 0 < result["trials"] <= 80
    assert result["candidates"] == len(snapshot.candidates)
    assert all(c.status != "open" for c in snapshot.candidates)
    ends = [c.status for c in snapshot.candidates]
    trained = ends.count("trained") + ends.count("promoted")
    lost = result["duplicates"] + result["invalid"] + result["crashed"]
    assert result["candidates"] == trained + lost
    assert snapshot.verdicts, "a plain network of few units must leave something to verify"
    for verdict in snapshot.verdicts:
        assert verdict.decision is not None
        assert (workspace / ".archwright/decisions" / verdict.decision).is_file()
        assert (verdict.branch is not None) == (verdict.verdict == "discovery")
    branches = git(workspace, "branch", "--list", "archwright/*", "--format=%(refname:short)")
    assert sorted(branches.split()) == sorted(d["branch"] or "" for d in result["discoveries"])
    before, after = finished.status
    assert after == before


def test_a_candidate_starts_at_the_rung_that_the_policy_chose(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    task = spirals / "task.toml"
    task.write_text(task.read_text().replace("rungs = [15, 45]", "rungs = [10, 20, 45]"))
    result = discover(
        spirals, workspace, max_trials=36, seed=1, policy="greedy", baseline_seeds=2, finalists=0
    )
    with Journal.open(find_run(Workspace.open(workspace), result["run"])) as journal:
        chosen = {step.key: step.result["rung"] for step in journal.steps("choice")}
        searched = [c for c in journal.candidates() if not c.is_control and c.trials]
        said = {c.id: chosen[str(c.number)] for c in searched}
        trained = {
            c.id: min(t.rung for t in journal.trials(c.id, purpose="search")) for c in searched
        }
    assert said == trained
    assert set(trained.values()) == {0, 1}


@pytest.mark.xdist_group("finished")
def test_a_discovery_is_a_branch_with_its_lineage(
    finished: Finished, git: Git, tmp_path: Path
) -> None:
    workspace, result = finished.workspace, finished.result
    assert result["discoveries"], "spirals leave a lot to gain over a few units"

    best = result["discoveries"][0]
    branch = str(best["branch"])
    message = git(workspace, "log", "-1", "--format=%B", branch)
    assert f"Archwright-Run: {result['run']}" in message
    assert f"Archwright-Candidate: {best['candidate']}" in message
    root = git(workspace, "rev-list", "--max-parents=0", branch).strip()
    baseline = git(workspace, "show", f"{root}:discoveries/spirals/architecture.py")
    assert baseline == (finished.task / "baseline.py").read_text()
    low, high = best["interval"]
    assert 0 < low <= best["effect"] <= high
    assert best["p"] < 0.05
    checkout = tmp_path / "checkout"
    git(workspace, "worktree", "add", "-q", "--detach", str(checkout), branch)
    _reproduce(checkout)


def _reproduce(checkout: Path) -> None:
    """Run the command that the branch carries; the score must land where the branch says."""
    results = json.loads((checkout / "discoveries/spirals/results.json").read_text())
    words = shlex.split(results["reproduce"]["command"])
    assert words[0] == "archwright"
    done = subprocess.run(
        [sys.executable, "-m", "archwright", *words[1:], "--json"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    low, high = results["reproduce"]["interval"]
    assert low <= json.loads(done.stdout)["score"] <= high
    assert json.loads(done.stdout)["score"] == pytest.approx(results["reproduce"]["score"])


def test_one_candidate_in_ten_is_a_random_draw_that_nobody_descends_from(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    result = discover(spirals, workspace, max_trials=34, seed=5, finalists=0)
    snapshot = _snapshot(workspace, result["run"])
    drawn = [c for c in snapshot.candidates if c.arm == "control"]
    numbers = {int(c.id.rstrip("bcdef")) for c in drawn}
    assert numbers
    assert all(n % 10 == 0 for n in numbers)
    assert not {p for c in snapshot.candidates for p in c.parents} & {c.id for c in drawn}
    assert not any(c.parents or c.examples for c in drawn)
    assert snapshot.control is not None
    trained = [c for c in drawn if c.score is not None]
    assert snapshot.control.count == len(trained) > 0
    # What is remembered of one stands beside the baseline at the same rung, the top one.
    with Knowledge(Workspace.open(workspace).paths.knowledge) as knowledge:
        entry = knowledge.find(result["run"], trained[0].id)
    assert snapshot.baseline is not None
    assert entry is not None
    assert entry.baseline == pytest.approx(snapshot.baseline.mean)


class Tampering(InProcessSandbox):
    """A sandbox during whose trials the task's code changes."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._trials = 0

    def train(self, job: TrialJob, priority: int = 0, receive: Receive | None = None) -> Outcome:
        """Train; from the third trial on, the task is tampered with meanwhile."""
        self._trials += 1
        if self._trials > 2:
            self._file.write_text(self._file.read_text() + "# tampered\n")
        return super().train(job, priority, receive)


def test_a_trial_during_which_the_task_changed_does_not_count(
    spirals: Path, workspace: Path
) -> None:
    place = Workspace.open(workspace)
    settings = RunSettings(max_trials=16, workers=1)
    paths = begin(place, load_task(spirals), settings, spirals)
    with pytest.raises(TaskError, match="changed during the trial"):
        carry_out(
            place,
            task_of(paths),
            paths,
            conduct,
            sandbox=Tampering(spirals / "task.py"),
        )


def test_the_second_run_starts_from_what_the_first_learned(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    drawn: dict[str, Any] = {"max_trials": 20, "policy": "random", "finalists": 0}
    first = discover(spirals, workspace, **drawn)
    second = discover(spirals, workspace, max_trials=24, seed=9, finalists=0)

    assert not any(c.examples for c in _snapshot(workspace, first["run"]).candidates)
    candidates = _snapshot(workspace, second["run"]).candidates
    used = {e for c in candidates for e in c.examples}
    assert used
    assert any(set(c.parents) & used for c in candidates), "examples must be starting points"
    again = discover(spirals, workspace, **drawn)
    assert again["duplicates"] > 0, "the same seed proposes what is known by now"


@pytest.mark.parametrize("known", [True, False])
def test_what_is_refused_goes_back_with_the_reason_and_is_not_trained(
    spirals: Path, workspace: Path, known: bool
) -> None:
    """A duplicate, and what fails its checks, to the end of the free rounds."""

    def source(baseline: str, number: int) -> str:
        return f"# {number}\n{baseline}" if known else f"class Model:\n    x = {number}\n"

    backend = scripted(researcher=proposals(source))
    with finished_run(spirals, workspace, backend, max_trials=14, repairs=1) as journal:
        candidates = journal.candidates()
        snapshot = observe(journal)
    assert [c.id for c in candidates[:4]] == ["1", "1b", "2", "2b"]
    assert {c.status for c in candidates} == {"duplicate" if known else "invalid"}
    words = "same text as the baseline" if known else "Model has no __init__"
    assert all(words in c.reason for c in candidates)
    sent_back = [r.turns[-1].asked for r in backend.requests if r.turns]
    assert sent_back
    assert all(words in said for said in sent_back)
    assert (snapshot.state, snapshot.funnel.trained) == ("finished", 0)


def test_what_is_fixed_is_trained(spirals: Path, workspace: Path) -> None:
    def research(request: Request) -> dict[str, Any]:
        answer = proposals(wide)(request)
        if not request.turns:
            for said in answer["proposals"]:
                said["source"] = said["source"].replace("output_shape[0])", "3)")
        return answer

    with finished_run(spirals, workspace, scripted(researcher=research)) as journal:
        candidates = journal.candidates()
    invalid = [c for c in candidates if c.status == "invalid"]
    trained = [c for c in candidates if c.status in ("trained", "promoted")]
    assert invalid
    assert all(c.reason.endswith("; repaired") for c in invalid)
    assert trained
    assert all(c.title.endswith("(repaired)") for c in trained)
    assert {c.number for c in trained} <= {c.number for c in invalid}


def test_a_budget_that_leaves_nothing_to_search_with_is_refused(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    with pytest.raises(RunError, match="needs at least 3"):
        discover(spirals, workspace, max_trials=2)
    assert not (workspace / ".archwright/runs").exists(), "no run was begun"


def test_a_baseline_that_does_not_pass_is_refused(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    source = (spirals / "baseline.py").read_text()
    (spirals / "baseline.py").write_text(source.replace("output_shape[0]", "3"))

    with pytest.raises(TaskError, match=r"baseline\.py"):
        discover(spirals, workspace, max_trials=40)


def test_a_task_that_changed_is_not_resumed(
    spirals: Path, workspace: Path, discover: Discover
) -> None:
    discover(spirals, workspace, max_trials=9, workers=1)
    amend(find_run(Workspace.open(workspace)), {"max_trials": 12})
    (spirals / "baseline.py").write_text((spirals / "baseline.py").read_text() + "# changed\n")
    place = Workspace.open(workspace)
    paths = find_run(place)

    with pytest.raises(TaskError, match="has changed since"):
        carry_out(place, task_of(paths), paths, conduct)


@pytest.mark.slow
def test_two_runs_in_one_workspace_at_once(spirals: Path, workspace: Path) -> None:
    command = [sys.executable, "-m", "archwright", "run", str(spirals), "--json"]
    command += ["--workspace", str(workspace), "--workers", "1", "--max-trials", "10"]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    ends = [process.communicate() for process in started]

    assert [process.returncode for process in started] == [0, 0], ends
    assert len(list((workspace / ".archwright/runs").iterdir())) == 2
