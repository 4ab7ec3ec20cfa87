"""Agents that Slurm starts: a job each, which calls back, and another one when it ends.

Slurm starts agents and never trials, and repeats nothing by itself.
"""

from __future__ import annotations

import hashlib
import secrets
import shlex
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from archwright.core import InputError, SandboxError
from archwright.core.settings import RunSettings
from archwright.sandbox.contract import clean
from archwright.sandbox.executors import INSTEAD, Arrival, LauncherError
from archwright.sandbox.executors.lines import AgentLine
from archwright.sandbox.executors.local_agents import COMMAND
from archwright.sandbox.executors.slurm.calling import TOKEN, AgentCall, Reception
from archwright.sandbox.executors.slurm.commands import QueuedJob, Slurm

LOOK_SECONDS: Final = 10.0
"""How often squeue is asked, where nobody calls."""
RETRY_SECONDS: Final = 30.0
"""How long it waits after sbatch has refused a job."""
PENDING_SECONDS: Final = 60.0
"""A job that is pending for longer is worth a line, or for half of what the run waits for it."""
FAILURES: Final = 3
"""Jobs in a row that end before their agents call: then no more follow."""
AVOIDED: Final = 16
"""Hosts that cannot be used: then no more are tried."""
END_SECONDS: Final = 30.0
"""How long cancelled jobs may take to end."""


class JobLine(AgentLine):
    """The way to the agent of a job."""

    def __init__(self, connection: socket.socket, slurm: Slurm, number: int) -> None:
        super().__init__(connection)
        self._slurm, self._number = slurm, number

    def close(self) -> None:
        """End the agent with its job, and so all that either has started.

        Raises:
            SandboxError: Slurm does not answer, so nobody can see whether it is gone.
        """
        if not self.closed:
            super().close()
            self._slurm.cancel(self._number)


class SlurmAgents:
    """A launcher of so many jobs at a time, each with one agent.

    A job that ends, because its time is up, it was preempted or its node failed, is followed by
    another. Jobs carry the run's name: one that was killed finds and cancels its old ones.

    Args:
        settings: how many jobs, and what each asks for.
        folder: where the jobs write their logs; nodes see it under the same path.
        path: where Slurm's commands are looked for; None is as in a shell.

    Raises:
        InputError: they are not there.
    """

    name = "slurm"

    def __init__(self, settings: RunSettings, folder: Path, path: str | None = None) -> None:
        place = folder.resolve()
        digest = hashlib.sha256(str(place).encode()).hexdigest()[:8]
        self._slurm = Slurm(f"archwright-{place.parent.name}-{digest}", path)
        self._settings, self._folder = settings, place
        self._token = secrets.token_hex(32)
        self._reception: Reception | None = None
        self._calls: list[AgentCall] = []
        self._jobs: dict[int, JobLine | None] = {}
        self._queue: dict[int, QueuedJob] = {}
        self._seen: set[int] = set()
        self._hosts: dict[str, str] = {}
        self._avoided: set[str] = set()
        self._failures: list[str] = []
        self._news: list[str] = []
        self._look_at = self._submit_at = 0.0
        self._pending_since: dict[int, float] = {}
        self._has_said_pending = False

    def start(self) -> None:
        """Cancel what is left of this run, and submit the first job.

        Raises:
            InputError: Slurm does not take it, or the address cannot be used.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        port = self._settings.address.partition(":")[2]
        try:
            self._reception = Reception(self._token, int(port or 0))
        except (OSError, OverflowError) as error:
            raise InputError(f"agents cannot call port {port}: {error}; choose another") from error
        try:
            self._slurm.cancel()
            self._submit()
        except SandboxError as error:
            self._reception.close()
            raise InputError(f"{error}; change that, {INSTEAD}") from error

    # --- jobs that come and go --------------------------------------------------------------------

    def arrivals(self) -> list[Arrival]:
        """The agents that have called since it was last asked.

        Raises:
            SandboxError: Slurm does not answer.
            LauncherError: no more will come: one job after the other ends at once.
        """
        assert self._reception is not None
        self._calls += self._reception.callers()
        if self._calls or time.monotonic() >= self._look_at:
            self._look()
        calls, self._calls = self._calls, []
        fresh = [arrival for call in calls if (arrival := self._receive(call)) is not None]
        self._forget_ended()
        if not fresh:  # it may raise, and they would be lost
            self._fill_up()
        return fresh

    def news(self) -> list[str]:
        """What became of jobs, a line each."""
        told, self._news = self._news, []
        return told

    def _look(self) -> None:
        patience = 60 * self._settings.queue_minutes
        self._look_at = time.monotonic() + min(LOOK_SECONDS, patience / 4)
        self._queue = {job.number: job for job in self._slurm.jobs()}
        self._seen = set(self._jobs)
        now, enough = time.monotonic(), min(PENDING_SECONDS, patience / 2)
        for job in self._queue.values():
            if job.state != "PENDING" or job.number not in self._jobs:
                self._pending_since.pop(job.number, None)
            elif now - self._pending_since.setdefault(job.number, now) >= enough:
                self._say_pending(job)

    def _say_pending(self, job: QueuedJob) -> None:
        if not self._has_said_pending:
            self._has_said_pending = True
            self._news.append(
                f"job {job.number} is pending ({job.reason}): a run without any other job waits "
                f"{self._settings.queue_minutes:g} minutes for one; ask for less, {INSTEAD}"
            )

    def _receive(self, call: AgentCall) -> Arrival | None:
        """Take an agent, if it is that of a job which has none."""
        number, job = call.job, self._queue.get(call.job)
        if job is None or self._jobs.get(number, call) is not None:
            call.connection.close()
            return None
        self._failures.clear()
        line = self._jobs[number] = JobLine(call.connection, self._slurm, number)
        name = f"{job.node}-{number}"
        self._hosts[name] = job.node
        return Arrival(name, line, job.seconds)

    def _forget_ended(self) -> None:
        """Jobs that ended, or whose agent did, leave room for others."""
        for number, line in list(self._jobs.items()):
            job = self._queue.get(number)
            ended = number in self._seen and (job is None or not job.lives)
            if line is None and ended:
                self._failures.append(self._why(number, job))
            if ended or (line is not None and line.closed):
                del self._jobs[number]

    def _why(self, number: int, job: QueuedJob | None) -> str:
        """How a job ended, and the last that it wrote."""
        log = self._folder / f"{number}.log"
        said = f"its log {log} is not there: nodes must see it under this path"
        with suppress(OSError):
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            said = clean(lines[-1], 300) if lines else "its log is empty"
        how = f"on {job.node or 'no node'}: {job.state}, {job.reason}" if job else "is gone"
        return f"job {number} {how}; {said}"

    def _fill_up(self) -> None:
        if len(self._failures) >= FAILURES:
            raise LauncherError(
                f"jobs end before their agents call, no more are submitted: {self._failures[-1]}"
            )
        if len(self._avoided) >= AVOIDED:
            raise LauncherError(
                f"{AVOIDED} nodes cannot be used, no more are tried: choose others by --sbatch "
                "constraint=NAME or --partition"
            )
        while len(self._jobs) < self._settings.jobs and time.monotonic() >= self._submit_at:
            try:
                self._submit()
            except SandboxError as error:
                self._submit_at = time.monotonic() + RETRY_SECONDS
                if self._avoided and not self._jobs:
                    raise LauncherError(f"{error}, without {', '.join(self._avoided)}") from error
                self._news.append(f"{error}: it is asked again")

    def _submit(self) -> None:
        token = {TOKEN: self._token}
        self._jobs[self._slurm.submit(self._script(), self._options(), token)] = None

    def _options(self) -> list[str]:
        asked = self._settings
        gpus = len(asked.gpus)
        chosen = {
            "time": asked.job_time,
            "mem": f"{asked.job_memory_mb}M" if asked.job_memory_mb else "",
            "partition": asked.partition,
            "account": asked.account,
            "gres": f"gpu:{gpus}" if gpus else "",
            "exclude": ",".join(sorted(self._avoided)),
        }
        return [
            "--nodes=1",
            "--ntasks=1",
            f"--cpus-per-task={asked.job_cpus}",
            f"--output={self._folder}/%j.log",
            *(f"--{name}={value}" for name, value in chosen.items() if value),
            *(f"--{word.lstrip('-')}" for word in asked.sbatch),
        ]

    def _script(self) -> str:
        assert self._reception is not None
        asked = self._settings
        host = asked.address.partition(":")[0] or socket.gethostname()
        words = [*COMMAND, "--connect", f"{host}:{self._reception.port}"]
        words += ["--memory-mb", str(asked.job_memory_mb)] if asked.job_memory_mb else []
        if asked.gpus:  # an agent's slots are what its GPUs bear
            words += ["--slots", str(asked.node_workers)]
            gpus = ' --gpus "${SLURM_JOB_GPUS:-$CUDA_VISIBLE_DEVICES}"'
        else:
            words += ["--slots", str(asked.node_workers or asked.job_cpus)]
            gpus = ""
        return f"#!/bin/sh\nexec {shlex.join(words)}{gpus}\n"

    # --- the end ----------------------------------------------------------------------------------

    def avoid(self, node: str) -> None:
        """Ask for no job on that host any more."""
        if host := self._hosts.get(node):
            self._avoided.add(host)

    def close(self) -> None:
        """Cancel all jobs of the run, and see them end.

        Raises:
            SandboxError: one does not.
        """
        if self._reception is None:
            return
        self._reception.close()
        for call in self._calls:
            call.connection.close()
        self._slurm.cancel()
        deadline = time.monotonic() + END_SECONDS
        while living := [job for job in self._slurm.jobs() if job.lives]:
            if time.monotonic() >= deadline:
                raise SandboxError(
                    f"job {living[0].number} was cancelled and has not ended: look at it by squeue"
                )
            time.sleep(0.2)
