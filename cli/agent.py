"""`archwright agent`: what runs on a node of a cluster."""

from __future__ import annotations

import os
import sys
from contextlib import suppress


def agent(*, slots: int = 0, gpus: str = "", memory_mb: int = 0, connect: str = "") -> None:
    """Do the trials of a run that goes on elsewhere. It is started by what carries the run, speaks
    on stdin and stdout, or over a connection, and ends with them.

    Args:
        slots: Trainings at a time, over what the run asks for.
        gpus: GPUs of this node that it may use, by index, with commas.
        memory_mb: Megabytes that trainings may take together; 0 is all that the node has.
        connect: HOST:PORT of the run, for a job of Slurm to call back.
    """
    # What serves a run takes longer to load than its help may take.
    from archwright.sandbox.executors.agent import Agent
    from archwright.sandbox.inside.frames import FrameError

    chosen = tuple(int(index) for index in gpus.split(",") if index)
    if connect:
        from archwright.sandbox.executors.slurm.job import serve_run

        serve_run(connect, slots, chosen, memory_mb)
        return
    # Whatever is printed from now on goes to stderr: stdout is the run's.
    replies, source = os.dup(1), sys.stdin.fileno()
    os.dup2(2, 1)

    def send(message: bytes) -> None:
        rest = memoryview(message)
        while rest:
            rest = rest[os.write(replies, rest) :]

    with suppress(FrameError):  # the stream was cut in a message: the run is gone
        Agent(lambda count: os.read(source, count), send, slots, chosen, memory_mb).serve()
