"""What a job of a run does: it calls the run back, and serves it until either ends."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import Final

from archwright.core import InputError
from archwright.sandbox.executors.agent import Agent
from archwright.sandbox.executors.lines import AgentLine
from archwright.sandbox.executors.local_agents import agent_environment
from archwright.sandbox.executors.slurm.calling import TOKEN, call_back
from archwright.sandbox.inside.frames import FrameError

_ENDS: Final = {signal.SIGTERM}


def serve_run(address: str, slots: int = 0, gpus: tuple[int, ...] = (), memory_mb: int = 0) -> None:
    """Serve the run at HOST:PORT, as an `Agent`. The main thread calls it.

    Slurm says by SIGTERM that a job has to end soon: its time is up, it is cancelled or preempted.
    It says so to each process of the job. Those of the sandbox leave it to this one, which tells
    the run before it ends them.

    Raises:
        InputError: it is no job of a run.
        SandboxError: the run does not answer.
    """
    token, job = os.environ.get(TOKEN, ""), os.environ.get("SLURM_JOB_ID", "")
    if not token or not job.isdigit():
        raise InputError("--connect is for jobs that `archwright run --on slurm` submits")
    for name in set(os.environ) - set(agent_environment()):
        del os.environ[name]
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # processes and threads to come inherit it
    line = AgentLine(call_back(address, token, int(job)))
    agent = Agent(line.receive, line.send, slots, gpus, memory_mb)

    def leave() -> None:
        signal.sigwait(_ENDS)
        agent.say_leaving()
        line.stop_reading()

    threading.Thread(target=leave, name="leave", daemon=True).start()
    with suppress(FrameError):  # the stream was cut in a message: the run is gone
        agent.serve()
