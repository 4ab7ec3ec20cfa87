"""Slurm's commands for where there is no Slurm: jobs are processes of this machine.

`write_fake_slurm(FOLDER)` makes `sbatch`, `squeue` and `scancel` there; put it on the PATH. They
take the options that Archwright gives them, and others without effect. A file in the folder changes
what they do: `full` keeps new jobs pending, `refuse` holds what sbatch says in place of taking one.
This file imports nothing of Archwright, so that the commands answer at once.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

KILL_SECONDS: Final = 5.0
"""Between SIGTERM and SIGKILL."""
_COMMANDS: Final = ("sbatch", "squeue", "scancel")
_FOREVER: Final = 365 * 86_400


def write_fake_slurm(folder: Path) -> Path:
    """Make the commands in a folder, and return it."""
    folder = folder.resolve()
    (folder / "jobs").mkdir(parents=True)
    for command in _COMMANDS:
        words = shlex.join([sys.executable, "-S", "-E", __file__, str(folder), command])
        (folder / command).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (folder / command).chmod(0o755)
    return folder


def _options(words: list[str]) -> dict[str, str]:
    pairs = (word.removeprefix("--").partition("=") for word in words if word.startswith("--"))
    return {name: value for name, _, value in pairs}


# --- jobs, a file each ----------------------------------------------------------------------------


def _read(folder: Path, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "jobs" / f"{number}.json").read_text())
    return found


def _write(folder: Path, job: Mapping[str, Any]) -> None:
    aside = folder / "jobs" / f"{job['number']}.{os.getpid()}.part"
    aside.write_text(json.dumps(job))
    aside.replace(folder / "jobs" / f"{job['number']}.json")


def _all(folder: Path) -> list[dict[str, Any]]:
    numbers = sorted(int(path.stem) for path in (folder / "jobs").glob("*.json"))
    return [_read(folder, number) for number in numbers]


def sbatch(folder: Path, words: list[str]) -> int:
    """Take a job from stdin."""
    if (folder / "refuse").exists():
        sys.stderr.write((folder / "refuse").read_text())
        return 1
    options = _options(words)
    number = 1
    while True:  # several may submit at a time
        try:
            (folder / "jobs" / f"{number}.sh").touch(exist_ok=False)
            break
        except FileExistsError:
            number += 1
    (folder / "jobs" / f"{number}.sh").write_text(sys.stdin.read())
    seconds = _seconds(options.get("time", ""))
    job = {
        "number": number, "name": options["job-name"], "state": "PENDING", "seconds": seconds,
        "reason": "Resources", "output": options["output"].replace("%j", str(number)),
    }  # fmt: skip
    _write(folder, job)
    subprocess.Popen(
        [sys.executable, "-S", "-E", __file__, str(folder), "carry_out", str(number)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    print(number)
    return 0


def _seconds(limit: str) -> float:
    days, _, clock = limit.rpartition("-")
    if not clock:
        return _FOREVER
    parts = [int(part) for part in clock.split(":")]
    weights = (3600, 60, 1) if days or len(parts) == 3 else (60, 1)
    return 86_400 * int(days or 0) + sum(w * p for w, p in zip(weights, parts, strict=False))


def carry_out(folder: Path, words: list[str]) -> int:
    """Run a job once there is room for it, and end it when its time is up."""
    number = int(words[0])
    cancelled = folder / "jobs" / f"{number}.cancelled"
    while (folder / "full").exists():
        time.sleep(0.05)
        if cancelled.exists():
            _write(folder, {**_read(folder, number), "state": "CANCELLED"})
            return 0
    job = _read(folder, number)
    environment = {**os.environ, "SLURM_JOB_ID": str(number), "SLURM_JWT": "sl0rm-t0ken"}
    with Path(job["output"]).open("wb") as log:
        process = subprocess.Popen(
            ["/bin/sh", str(folder / "jobs" / f"{number}.sh")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=environment, start_new_session=True,
        )  # fmt: skip
    until = time.time() + job["seconds"]
    job = {**job, "state": "RUNNING", "reason": "None", "until": until}
    _write(folder, job)
    state = "COMPLETED"
    while process.poll() is None:
        if cancelled.exists() or time.time() >= until:
            state = "CANCELLED" if cancelled.exists() else "TIMEOUT"
            _end(process)
        time.sleep(0.05)
    if process.returncode and state == "COMPLETED":
        state = "FAILED"
    reason = "NonZeroExitCode" if state == "FAILED" else "None"
    _write(folder, {**job, "state": state, "reason": reason})
    return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Slurm: SIGTERM to all processes of the job, then SIGKILL."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(KILL_SECONDS)
            return


def squeue(folder: Path, words: list[str]) -> int:
    """List the jobs of a name."""
    options = _options(words)
    for job in _all(folder):
        if job["name"] == options["name"]:
            left = max(0, int(job.get("until", time.time() + job["seconds"]) - time.time()))
            node = "" if job["state"] == "PENDING" else "fake"
            days, rest = divmod(left, 86_400)
            clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
            clock = f"{days}-{clock}" if days else clock
            print("|".join([str(job["number"]), job["state"], clock, job["reason"], node]))
    return 0


def scancel(folder: Path, words: list[str]) -> int:
    """Cancel jobs by number, or all of a name."""
    options, numbers = _options(words), [int(word) for word in words if word.isdigit()]
    for job in _all(folder):
        if job["number"] in numbers or job["name"] == options.get("name"):
            (folder / "jobs" / f"{job['number']}.cancelled").touch()
    return 0


if __name__ == "__main__":
    sys.exit(globals()[sys.argv[2]](Path(sys.argv[1]), sys.argv[3:]))
