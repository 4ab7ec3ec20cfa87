"""What becomes of a command whose output nobody takes, or that cannot be written."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMANDS = [["--help"], ["run", "--help"], ["task", "list", "--json"]]


def _run(words: list[str], output: int, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "archwright", *words],
        cwd=folder,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_full_disk_is_one_line(words: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        code, said = _run(words, full.fileno(), tmp_path)
    assert code == 2
    assert said == "archwright: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_reader_that_left_ends_it_without_a_word(words: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code, said = _run(words, writing, tmp_path)
    os.close(writing)
    assert (code, said) == (1, "")


def test_where_errors_go_nowhere_they_do_not_get_into_the_json(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m archwright show none 1 --json 2>&-"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 2
    assert "error" in json.loads(done.stdout)


@pytest.mark.parametrize("given", [signal.SIGTERM, signal.SIGINT])
def test_whoever_ends_a_command_gets_one_json_document(
    spirals: Path, tmp_path: Path, given: signal.Signals
) -> None:
    began = tmp_path / "began"
    waits = f"import pathlib, time\npathlib.Path({str(began)!r}).touch()\ntime.sleep(600)\n"
    (spirals / "task.py").write_text(waits)
    words = [sys.executable, "-m", "archwright", "task", "check", str(spirals), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        while not began.exists() and command.poll() is None:
            time.sleep(0.05)
        command.send_signal(given)
        out, said = command.communicate()
    assert json.loads(out) == {"error": "interrupted"}
    assert said == b"archwright: interrupted\n"
    assert command.returncode == 130


def test_a_current_folder_that_was_removed_is_one_line(tmp_path: Path) -> None:
    (gone := tmp_path / "gone").mkdir()
    shell = f"cd {shlex.quote(str(gone))} && rmdir {shlex.quote(str(gone))} && exec "
    command = f"{shell}{shlex.quote(sys.executable)} -m archwright runs --json"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the current folder is gone" in json.loads(done.stdout)["error"]
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("columns", ["0", "3"])
def test_a_terminal_that_is_said_to_have_no_width_shows_all(
    tmp_path: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    done = subprocess.run(
        [sys.executable, "-m", "archwright", "run", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--max-trials" in done.stdout
