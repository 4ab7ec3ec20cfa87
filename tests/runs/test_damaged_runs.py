"""What is left of a run whose files were damaged or deleted, and how a run is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from archwright.cli import main
from archwright.core import RunError
from archwright.runs.journal import Journal
from archwright.runs.workspace.control import hold, is_held
from archwright.runs.workspace.finding import find_run, list_runs
from archwright.runs.workspace.paths import RunPaths
from archwright.runs.workspace.workspace import Workspace


@pytest.fixture
def runs(workspace: Path) -> tuple[RunPaths, RunPaths]:
    """Two runs of a workspace whose names begin alike."""
    place = Workspace.open(workspace)
    made = [place.paths.run(f"digits-20270105-0{number}0000") for number in (1, 2)]
    for paths in made:
        Journal.create(paths, {"settings": {}, "metric": "accuracy", "rungs": (10,)}).close()
    return made[0], made[1]


def _lose(paths: RunPaths) -> None:
    paths.journal.unlink()
    paths.lock.touch()


def _replace(paths: RunPaths) -> None:
    paths.journal.unlink()
    paths.journal.mkdir()


@pytest.mark.parametrize("damage", [_lose, _replace])
def test_a_run_whose_journal_is_gone_stays_in_the_list(
    damage: Callable[[RunPaths], None],
    workspace: Path,
    runs: tuple[RunPaths, RunPaths],
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost, kept = runs
    damage(lost)
    assert main(["runs", "--workspace", str(workspace)]) == 0
    said = capsys.readouterr()
    assert lost.name in said.out
    assert kept.name in said.out
    assert f"no journal at {lost.journal}: put back a copy" in said.err
    for command in ("status", "resume", "report", "stop"):
        assert main([command, lost.name, "--workspace", str(workspace)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"no journal at {lost.journal}: put back a copy" in line


def test_a_run_that_never_began_is_no_run(workspace: Path, runs: tuple[RunPaths, ...]) -> None:
    place = Workspace.open(workspace)
    for number, file in enumerate(("", "journal.part", "journal.part-wal")):
        folder = place.paths.runs / f"digits-20270106-00000{number}"
        folder.mkdir()
        if file:
            (folder / file).touch()
    (place.paths.runs / "notes.txt").touch()
    assert [paths.name for paths in list_runs(place)] == [paths.name for paths in runs]


@pytest.mark.parametrize("file", ["lock", "stop"])
def test_a_folder_in_the_place_of_a_file_is_one_line(
    file: str, runs: tuple[RunPaths, RunPaths]
) -> None:
    paths = runs[0]
    (paths.root / file).mkdir()
    with pytest.raises(RunError, match=rf"{file} cannot be used .*: remove it"), hold(paths):
        pass
    if file == "lock":
        with pytest.raises(RunError, match="lock cannot be used"):
            is_held(paths)


# --- how it is named ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/journal.db", "{}/../{name}"])
def test_a_run_is_named_by_its_folder_too(
    form: str, workspace: Path, runs: tuple[RunPaths, RunPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workspace.open(workspace)
    for paths in runs:
        assert find_run(place, form.format(paths.root, name=paths.name)) == paths
    monkeypatch.chdir(workspace)
    assert find_run(place, form.format(f".archwright/runs/{runs[0].name}", name=runs[0].name))


@pytest.mark.parametrize("name", ["..", ".archwright/runs", "/", "~nobody-like-this/x", "a\0b"])
@pytest.mark.usefixtures("runs")
def test_another_folder_is_no_run(
    name: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    with pytest.raises(RunError, match="no run is called"):
        find_run(Workspace.open(workspace), name)


def test_a_name_that_two_begin_with_names_both(
    workspace: Path, runs: tuple[RunPaths, RunPaths]
) -> None:
    with pytest.raises(RunError, match=f"{runs[0].name}, {runs[1].name}"):
        find_run(Workspace.open(workspace), "digits-2027")
    shutil.rmtree(runs[0].root)
    assert find_run(Workspace.open(workspace), "digits-2027") == runs[1]
