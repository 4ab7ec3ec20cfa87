"""Commands that read, in a workspace in which nothing can be written."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from archwright.core import Candidate, CandidateStatus, Floor, Measurement
from archwright.knowledge.store import Knowledge
from archwright.runs.journal import Journal
from archwright.runs.workspace.paths import WorkspacePaths

Ask = Callable[[str], subprocess.CompletedProcess[str]]

_MOUNTS = shutil.which("unshare") and os.geteuid() == 0


@pytest.fixture
def ask(tmp_path: Path, make_workspace: Callable[[Path], Path]) -> Ask:
    """Runs a command in a workspace with one ended run, mounted so that nobody can write."""
    place = make_workspace(tmp_path / "place")
    paths = WorkspacePaths(place)
    facts = {
        "settings": {},
        "task": "digits",
        "metric": "accuracy",
        "rungs": [100],
        "created": 1.8e9,
        "state": "finished",
        "phase": "done",
        "budget": {"max_trials": 4},
        "noise": [Floor(100, 92.0, 0.5, (91.5, 92.5), 9)],
    }
    with Journal.create(paths.run("digits-one"), facts) as journal:
        journal.propose(Candidate("c1", "widen", sequence=1, operator="widen", created=1.8e9))
        (found,) = journal.candidates()
        found = replace(found, rungs={0: Measurement(94.0, 4.0)})
        journal.update(found.ended(CandidateStatus.PROMOTED))
    Knowledge(paths.knowledge).close()
    here = shlex.quote(str(place))
    mount = f"mount --bind {here} {here} && mount -o remount,ro,bind {here} && cd {here} && exec "

    def run(words: str) -> subprocess.CompletedProcess[str]:
        script = f"{mount}{shlex.quote(sys.executable)} -m archwright {words}"
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
        )

    if not _MOUNTS or run("--version").returncode:
        pytest.skip("folders cannot be mounted read-only here")
    return run


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "runs",
        "ledger",
        "show digits-one c1",
        "pareto",
        "review",
        "knowledge stats",
        "decision list",
        "paper list",
    ],
)
def test_what_only_reads_needs_no_place_to_write(ask: Ask, words: str) -> None:
    done = ask(f"{words} --json")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


def test_a_report_is_printed_where_its_page_cannot_be_written(ask: Ask) -> None:
    done = ask("report --json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["best"]["score"], document["page"]) == (94.0, None)
    assert "archwright report --html FILE" in done.stderr


@pytest.mark.parametrize("words", ["run digits", "guide latest wider", "report --html page.html"])
def test_what_writes_says_that_it_cannot(ask: Ask, words: str) -> None:
    done = ask(words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "Read-only file system" in line
