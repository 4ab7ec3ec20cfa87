"""What becomes of a command whose output nobody takes, or that cannot be written."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
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
