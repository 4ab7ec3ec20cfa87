"""Slurm, by its commands: jobs of one name are submitted, listed and cancelled."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from math import inf
from typing import Final, NamedTuple

from archwright.core import InputError, SandboxError
from archwright.sandbox.contract import clean
from archwright.sandbox.executors import INSTEAD

COMMANDS: Final = ("sbatch", "squeue", "scancel")
COMMAND_SECONDS: Final = 90.0
_FIELDS: Final = "%i|%T|%L|%r|%N"
_SHARED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV",
    "SLURM_CONF",
)  # fmt: skip
_SHARED_KINDS: Final = ("LC_", "PYTHON", "CONDA_", "OMP_", "MKL_", "CUDA_", "DOCKER_", "SBATCH_")
_SPEAKER: Final = re.compile(r"^\w+: (error: |fatal: )?", re.MULTILINE)
LIVING: Final = ("PENDING", "CONFIGURING", "RUNNING", "SUSPENDED", "REQUEUED", "STOPPED")


class QueuedJob(NamedTuple):
    """A job as squeue has it; also for a while after its end."""

    number: int
    state: str
    """Slurm's word in capitals."""
    seconds: float
    """What is left of its time."""
    reason: str
    """Why it is pending, or has failed."""
    node: str

    @property
    def lives(self) -> bool:
        """Whether it has not ended, nor is about to."""
        return self.state in LIVING


def job_environment() -> dict[str, str]:
    """What jobs get of this process's variables: how to find programs, and none of its keys."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _SHARED or name.startswith(_SHARED_KINDS)
    }


class Slurm:
    """The jobs of one name.

    Args:
        name: of the jobs.
        path: where its commands are looked for; None is as in a shell.

    Raises:
        InputError: they are not there.
    """

    def __init__(self, name: str, path: str | None = None) -> None:
        self.name = name
        self._found = {command: shutil.which(command, path=path) for command in COMMANDS}
        missing = [command for command, place in self._found.items() if place is None]
        if missing:
            raise InputError(
                f"there is no {missing[0]} here: start the run where Slurm's commands are, "
                f"{INSTEAD}"
            )

    def submit(self, script: str, options: Sequence[str], secrets: Mapping[str, str]) -> int:
        """Submit a job. Returns its number.

        Args:
            secrets: variables of the job; they are in no argument that others can see.

        Raises:
            SandboxError: Slurm refuses; in its own words.
        """
        words = ["--parsable", "--no-requeue", "--export=ALL", f"--job-name={self.name}", *options]
        said = self._run("sbatch", words, script, secrets).split(";")[0].strip()
        if not said.isdigit():
            raise SandboxError(f"sbatch does not say the number of its job: {clean(said, 200)}")
        return int(said)

    def jobs(self) -> list[QueuedJob]:
        """All of them, also those that ended not long ago.

        Raises:
            SandboxError: Slurm does not answer.
        """
        words = ["--noheader", "--states=all", f"--format={_FIELDS}", *self._ours()]
        return [_read(line) for line in self._run("squeue", words).splitlines() if line.strip()]

    def cancel(self, *numbers: int) -> None:
        """Cancel these, or all.

        Raises:
            SandboxError: Slurm does not answer.
        """
        self._run("scancel", ["--quiet", *(map(str, numbers) if numbers else self._ours())])

    def _ours(self) -> tuple[str, str]:
        return f"--name={self.name}", f"--user={os.getuid()}"

    def _run(
        self,
        command: str,
        words: Sequence[str],
        given: str = "",
        secrets: Mapping[str, str] | None = None,
    ) -> str:
        try:
            done = subprocess.run(
                [str(self._found[command]), *words],
                input=given,
                env={**job_environment(), **(secrets or {})},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=COMMAND_SECONDS,
                start_new_session=True,  # Ctrl-C is the orchestrator's to answer
            )
        except subprocess.TimeoutExpired as error:
            raise SandboxError(f"{command} did not answer in {COMMAND_SECONDS:.0f} s") from error
        except OSError as error:
            raise SandboxError(f"{command} cannot be started: {error}") from error
        if done.returncode:
            said = _SPEAKER.sub("", done.stderr).strip().replace("\n", "; ")
            why = clean(said, 400) or f"exit code {done.returncode}"
            raise SandboxError(f"{command} refuses: {why}")
        return done.stdout


def _read(line: str) -> QueuedJob:
    fields = [field.strip() for field in line.split("|")]
    if len(fields) != 5 or not fields[0].isdigit():
        raise SandboxError(f"the output of squeue is not understood: {clean(line, 200)}")
    number, state, left, reason, node = fields
    return QueuedJob(int(number), state, seconds_of(left), clean(reason, 100), clean(node, 100))


def seconds_of(time: str) -> float:
    """A time as squeue writes it, `D-HH:MM:SS` with what is zero left out at the front; without end
    where it is no such time, as UNLIMITED."""
    days, _, clock = time.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in (*parts, days or "0")):
        return inf
    seconds = 0
    for part in parts:
        seconds = 60 * seconds + int(part)
    return float(86_400 * int(days or 0) + seconds)
