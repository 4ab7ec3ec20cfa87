"""Verifying a run again: the first verdict stands, and a second test evaluation is shown as one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from whole_runs import Discover, Finished

from archwright.core import RunError
from archwright.runs.journal import Journal, Phase
from archwright.runs.phases import discover as conduct
from archwright.runs.phases import verify
from archwright.runs.results.evidence import gather_evidence
from archwright.runs.results.observing import observe
from archwright.runs.results.page import render_page
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.wording import forced_words
from archwright.runs.session import Session, carry_out
from archwright.runs.starting import task_of
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.in_process import InProcessSandbox
from archwright.tasks.loading import load_task


def _look(paths: RunPaths) -> Snapshot:
    with Journal.open(paths) as journal:
        return observe(journal)


def _work(workspace: Path, paths: RunPaths, work: Callable[[Session], None]) -> Snapshot:
    carry_out(Workspace.open(workspace), task_of(paths), paths, work, sandbox=InProcessSandbox(2))
    return _look(paths)


def _files(workspace: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (workspace / ".archwright/decisions").glob("*.md")}


@pytest.mark.xdist_group("finished")
def test_the_first_verdict_stands(finished: Finished, tmp_path: Path) -> None:
    assert finished.result["discoveries"]
    workspace = finished.copy(tmp_path / "workspace")
    paths = find_run(Workspace.open(workspace))
    before, records = _look(paths), _files(workspace)

    with pytest.raises(RunError, match="add --force"):
        _work(workspace, paths, lambda s: verify(s, force=False))
    assert _look(paths) == before

    after = _work(workspace, paths, lambda s: verify(s, force=True))
    first = next(v for v in before.verdicts if v.verdict == "discovery")
    now = next(v for v in after.verdicts if v.candidate == first.candidate)
    (look,) = now.again
    assert (now.effect, now.p, now.branch) == (first.effect, first.p, first.branch)
    assert (now.decision, now.verdict) == (first.decision, "discovery")
    assert look.round == 1
    assert look.effect != first.effect
    assert records.items() <= _files(workspace).items()
    assert any("opened 2 times (forced)" in n for n in after.notices)
    (words,) = forced_words(after.metric, now)
    assert "evaluated again (forced, after once)" in words
    with Journal.open(paths) as journal:
        assert words in render_page(after, gather_evidence(journal, after))

    # A forced round that was cut short goes on as the round that it was.
    with Journal.open(paths) as journal:
        journal.note(phase=Phase.VERIFICATION)
    resumed = _work(workspace, paths, conduct)
    assert resumed.verdicts == after.verdicts
    assert resumed.phase == "done"


def test_tasks_of_one_name_are_told_apart(
    spirals: Path, workspace: Path, tmp_path: Path, discover: Discover
) -> None:
    other = tmp_path / "other"
    shutil.copytree(spirals, other)
    (other / "task.py").write_text((other / "task.py").read_text() + "# other data\n")
    assert load_task(spirals).key != load_task(other).key
    assert load_task("digits").key == "digits"

    for folder in (spirals, other):
        discover(folder, workspace, max_trials=16, workers=1, seed=4)
        snapshot = _look(find_run(Workspace.open(workspace)))
        assert not any("which ended" in c.reason for c in snapshot.candidates)
        assert snapshot.funnel.trained
