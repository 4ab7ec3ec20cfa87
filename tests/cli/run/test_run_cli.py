"""`archwright run` as a person uses it, and misuses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archwright.core import RunError
from archwright.runs.journal import Journal
from archwright.runs.workspace.finding import find_run
from archwright.runs.workspace.workspace import Workspace
from archwright.sandbox.machine import has_gpu_driver

ARCHWRIGHT = [sys.executable, "-m", "archwright"]


def _archwright(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ARCHWRIGHT, *map(str, words)], capture_output=True, text=True, timeout=240
    )


def _assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2 and one clear line, without a traceback."""
    assert done.returncode == 2, done
    lines = [line for line in done.stderr.splitlines() if line.startswith("archwright: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in lines[0], lines[0]


@pytest.mark.slow
def test_a_run_prints_one_json_document(spirals: Path, workspace: Path) -> None:
    done = _archwright(
        *("run", spirals, "--workspace", workspace, "--max-trials", 12, "--workers", 2, "--json")
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    keys = "run task candidates duplicates invalid crashed trials baseline best discoveries spend"
    assert set(keys.split()) <= set(result)
    assert set(result["baseline"]) == {"mean", "sd"}
    assert set(result["spend"]) == {"usd", "tokens", "seconds"}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(
    spirals: Path, tmp_path: Path, make_workspace: Callable[[Path], Path]
) -> None:
    results = []
    for name, workers in (("a", 1), ("b", 2)):
        place = make_workspace(tmp_path / name)
        (place / "archwright.toml").write_text("[run]\nlag = 4\n")
        done = _archwright(
            *("run", spirals, "--workspace", place, "--max-trials", 16, "--seed", 3),
            *("--workers", workers, "--json"),
        )
        result = json.loads(done.stdout)
        results.append({k: v for k, v in result.items() if k not in ("run", "spend")})
        for discovery in results[-1]["discoveries"]:
            discovery["branch"] = discovery["branch"].rpartition("/")[2]
    assert results[0] == results[1], "the number of workers must not change what is found"


def test_an_unknown_task_names_those_there_are(workspace: Path) -> None:
    done = _archwright("run", "digit", "--workspace", workspace)
    _assert_one_line(done, "digits", "recall", "pydoc-lm")


def test_an_error_is_json_too(workspace: Path) -> None:
    done = _archwright("run", "digit", "--workspace", workspace, "--json")
    _assert_one_line(done)
    error = json.loads(done.stdout)
    assert set(error) == {"error"}
    assert "digit" in error["error"]


def test_a_broken_task_file_is_one_line(spirals: Path, workspace: Path) -> None:
    (spirals / "task.toml").write_text("name = [")
    _assert_one_line(_archwright("run", spirals, "--workspace", workspace), "task.toml")


def test_a_load_that_raises_is_one_line(spirals: Path, workspace: Path) -> None:
    (spirals / "task.py").write_text("def load(split, seed):\n    raise OSError('no such disk')\n")
    done = _archwright("run", spirals, "--workspace", workspace)
    _assert_one_line(done, "no such disk", "line 2")


def test_a_load_that_gives_wrong_shapes_is_one_line(spirals: Path, workspace: Path) -> None:
    source = (spirals / "task.py").read_text()
    (spirals / "task.py").write_text(source.replace("axis=1)", "axis=0)"))
    _assert_one_line(_archwright("run", spirals, "--workspace", workspace), "spirals")


@pytest.mark.skipif(has_gpu_driver(), reason="this machine may have a GPU")
def test_a_gpu_that_is_not_there_is_one_line_and_no_run(spirals: Path, workspace: Path) -> None:
    done = _archwright("run", spirals, "--workspace", workspace, "--gpus", "1,0")
    _assert_one_line(done, "GPU 1 was asked for", "leave gpus out")
    assert not list(workspace.glob(".archwright/runs/*"))


def test_a_folder_that_is_no_repository_names_the_fix(spirals: Path, tmp_path: Path) -> None:
    done = _archwright("run", spirals, "--workspace", tmp_path)
    _assert_one_line(done, "not a git repository", "archwright init")


def test_a_workspace_that_cannot_be_written_is_one_line(spirals: Path) -> None:
    done = _archwright("run", spirals, "--workspace", "/proc/self")
    _assert_one_line(done)


@pytest.mark.parametrize("command", ["resume", "status", "stop", "verify", "report", "review"])
def test_a_run_that_does_not_exist_is_one_line(command: str, workspace: Path) -> None:
    done = _archwright(command, "nothing-like-this", "--workspace", workspace)
    _assert_one_line(done, "archwright run TASK")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--max-trials", "many"), "max-trials"),
        (("--max-trials", "2"), "needs at least"),
        (("--workers", "0"), "workers must be at least 1"),
        (("--sandbox", "none"), "sandbox"),
        (("--rung",), "--rung"),
        (("--frobnicate",), "--help"),
    ],
)
def test_a_bad_option_is_one_line(
    words: tuple[str, ...], part: str, spirals: Path, workspace: Path
) -> None:
    _assert_one_line(_archwright("run", spirals, "--workspace", workspace, *words), part)


# --- interruptions --------------------------------------------------------------------------------


@pytest.fixture
def running(spirals: Path, workspace: Path) -> Iterator[subprocess.Popen[str]]:
    """A long run, past its first trials."""
    options = ["--workspace", str(workspace), "--max-trials", "5000", "--workers", "2", "--plain"]
    process = subprocess.Popen(
        [*ARCHWRIGHT, "run", str(spirals), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(workspace.glob(".archwright/runs/*/journal.db")) or not _trials(workspace):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def _trials(workspace: Path) -> int:
    try:
        with Journal.open(find_run(Workspace.open(workspace))) as journal:
            return journal.spend().trials
    except RunError:
        return 0  # the journal is not made yet


def test_status_works_from_another_terminal(
    running: subprocess.Popen[str], workspace: Path
) -> None:
    done = _archwright("status", "--workspace", workspace, "--json")
    document = json.loads(done.stdout)
    assert document["state"] == "running"
    assert document["trials"] >= 1
    assert running.poll() is None


def test_stop_from_another_terminal_ends_it_cleanly(
    running: subprocess.Popen[str], workspace: Path
) -> None:
    done = _archwright("stop", "latest", "--workspace", workspace, "--json")
    assert json.loads(done.stdout)["state"] == "stopped"
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "archwright resume" in errors


def test_ctrl_c_ends_it_cleanly_and_prints_the_resume_command(
    running: subprocess.Popen[str], workspace: Path
) -> None:
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in errors
    assert f"archwright resume {_only_run(workspace)} --workspace {workspace}" in errors
    status = _archwright("status", "--workspace", workspace, "--json")
    assert json.loads(status.stdout)["state"] == "stopped"


def test_ctrl_c_twice_ends_it_at_once(running: subprocess.Popen[str], workspace: Path) -> None:
    running.send_signal(signal.SIGINT)
    time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in errors
    status = _archwright("status", "--workspace", workspace, "--json")
    assert json.loads(status.stdout)["state"] in ("stopped", "interrupted")


def _only_run(workspace: Path) -> str:
    (run,) = (workspace / ".archwright" / "runs").iterdir()
    return run.name


# --- a full disk ----------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk_in_the_middle_loses_nothing(
    spirals: Path, small_disk: Path, make_workspace: Callable[[Path], Path]
) -> None:
    workspace = make_workspace(small_disk / "workspace")
    run = ("run", spirals, "--workspace", workspace, "--workers", 2, "--max-trials", 3000)
    done = _archwright(*run)
    _assert_one_line(done, "free space")
    assert "archwright resume" in done.stderr

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    before = _trials(workspace)
    assert before > 0
    process = subprocess.Popen(
        [*ARCHWRIGHT, "resume", "--workspace", str(workspace), "--plain"],
        stderr=subprocess.PIPE,
        text=True,
    )
    while _trials(workspace) <= before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
