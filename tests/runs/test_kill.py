"""`kill -9` at twenty moments of a run, each followed by `resume`: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

KILLS = 20
TRIALS = 60


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "archwright", *words, "--plain"]


def _journal(workspace: Path) -> Path:
    (run,) = (workspace / ".archwright" / "runs").iterdir()
    return run / "journal.db"


def _rows(journal: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(journal, timeout=30)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def _finished_trials(workspace: Path) -> dict[str, float | None]:
    rows = _rows(
        _journal(workspace),
        "SELECT key, result FROM steps WHERE kind = 'trial' AND state = 'finished'",
    )
    return {str(key): json.loads(str(result))["score"] for key, result in rows}


def _candidates(workspace: Path) -> list[tuple[object, ...]]:
    return _rows(
        _journal(workspace),
        "SELECT id, source, operator, parents, end, score FROM candidates ORDER BY sequence",
    )


def _count(workspace: Path) -> int:
    try:
        return len(_finished_trials(workspace))
    except (ValueError, OSError, sqlite3.OperationalError):
        return 0  # the journal is not made yet


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the orchestrator first: what it leaves must die by itself or be killed here."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    for child in family:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    psutil.wait_procs(family, timeout=30)


def _run_until(process: subprocess.Popen[bytes], workspace: Path, threshold: int) -> bool:
    """Wait for so many finished trials; False when the run ended before."""
    while process.poll() is None:
        if _count(workspace) >= threshold:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kill_minus_nine_at_twenty_moments_changes_nothing(
    spirals: Path, tmp_path: Path, make_workspace: Callable[[Path], Path]
) -> None:
    options = ["--max-trials", str(TRIALS), "--workers", "2", "--seed", "4"]
    whole, torn = make_workspace(tmp_path / "whole"), make_workspace(tmp_path / "torn")
    start = _command("run", str(spirals), *options)
    subprocess.run([*start, "--workspace", str(whole)], check=True, capture_output=True)
    total = _count(whole)

    rng = random.Random(0)
    moments = sorted(rng.sample(range(total), KILLS))
    command = [*start, "--workspace", str(torn)]
    for moment in moments:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert _run_until(process, torn, moment), "the run ended before it was killed"
        time.sleep(rng.uniform(0.0, 0.2))
        before = _finished_trials(torn) if _count(torn) else {}
        _kill_tree(process)
        if list((torn / ".archwright" / "runs").iterdir()):
            kept = _finished_trials(torn)
            assert before.items() <= kept.items(), "a finished trial was lost"
            command = _command("resume", "--workspace", str(torn))
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    assert _finished_trials(torn) == _finished_trials(whole), done.stderr
    assert _candidates(torn) == _candidates(whole)
    assert _rows(_journal(torn), "SELECT key FROM steps WHERE state = 'started'") == []
