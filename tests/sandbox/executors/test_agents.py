"""Agents of this machine: what dies with them, what is put back, and what candidates see there."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import psutil
import pytest

from archwright.core import Problem, Status, Stopped, TrialJob
from archwright.sandbox.executors.local_agents import LocalAgents
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.pool.worker import family_of

Jobs = Callable[..., TrialJob]
SECRETS = {
    "RAY_ADDRESS": "10.0.0.1:6379",
    "RAY_AUTH_TOKEN": "r4y-t0ken",
    "SLURM_JWT": "sl0rm-t0ken",
    "ARCHWRIGHT_AGENT_TOKEN": "4gent-t0ken",
}


@pytest.fixture(scope="module")
def agents() -> Iterator[tuple[RemoteSandbox, LocalAgents]]:
    """Two nodes, each of which is followed by another when it dies."""
    os.environ.update(SECRETS)
    launcher = LocalAgents(2)
    with RemoteSandbox(launcher, AgentPlan("process"), workers=2) as sandbox:
        while len(sandbox._places.nodes) < 2:
            threading.Event().wait(0.05)
        yield sandbox, launcher
    for name in SECRETS:
        del os.environ[name]


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _busiest(sandbox: RemoteSandbox) -> str:
    """The node with a job under way, once there is one."""
    while True:
        for node in sandbox._places.nodes:
            if node.busy:
                return node.name
        threading.Event().wait(0.01)


def test_a_trial_whose_agent_is_killed_is_done_elsewhere_and_nothing_is_left(
    agents: tuple[RemoteSandbox, LocalAgents], make_job: Jobs
) -> None:
    sandbox, launcher = agents
    job = make_job(steps=600)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(sandbox.train, job)
        name = _busiest(sandbox)
        threading.Event().wait(0.3)
        family = family_of(launcher.agents[name].pid)
        os.kill(launcher.agents[name].pid, signal.SIGKILL)
        outcome = future.result()
    assert outcome.status is Status.OK
    true = InProcessSandbox().train(job)
    assert np.array_equal(outcome.predictions["validation"], true.predictions["validation"])
    psutil.wait_procs(family, timeout=30)
    assert not [process for process in family if _alive(process)]


@pytest.mark.parametrize(
    "body",
    [
        "found = sorted(k for k in os.environ if k.startswith(('RAY', 'SLURM', 'ARCHWRIGHT')))",
        "found = [v for v in os.environ.values() if 't0ken' in v]",
        """
        import stat
        found = []
        for number in range(1024):
            try:
                if stat.S_ISSOCK(os.fstat(number).st_mode):
                    found.append(number)
            except OSError:
                pass
        """,
        """
        found = []
        for place in ('~/.ray/auth_token', '~/.ray', '/tmp/ray', '/dev/shm', '/etc/munge',
                      '/run/munge', '/etc/slurm'):
            place = place.replace('~', '/root')
            try:
                found.append(os.listdir(place) if os.path.isdir(place) else open(place).read())
            except OSError:
                pass
        """,
        """
        import socket
        found = []
        for kind in (socket.AF_UNIX, socket.AF_INET):
            try:
                socket.socket(kind, socket.SOCK_STREAM)
                found.append(kind)
            except OSError:
                pass
        """,
        """
        found = []
        pid = os.getppid()
        for name in ('environ', 'mem', 'maps', 'cmdline'):
            try:
                if open(f'/proc/{pid}/{name}', 'rb').read(64):
                    found.append(name)
            except OSError:
                pass
        """,
    ],
)
def test_a_candidate_sees_nothing_of_what_carries_it(
    agents: tuple[RemoteSandbox, LocalAgents],
    problem: Problem,
    doing: Callable[[str], str],
    body: str,
) -> None:
    report = agents[0].check(doing(body), problem)
    assert report.status is Status.INVALID
    assert report.error.endswith("found: []"), report.error


def test_stop_frees_every_caller_and_leaves_nothing(
    agents: tuple[RemoteSandbox, LocalAgents], make_job: Jobs
) -> None:
    """It stands last: nothing is left to work with."""
    sandbox, launcher = agents
    forever = "import time\nwhile True:\n    time.sleep(0.01)\n"
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(sandbox.train, make_job(forever)) for _ in range(4)]
        family = family_of(launcher.agents[_busiest(sandbox)].pid)
        threading.Event().wait(0.5)
        assert len(family) >= 4
        sandbox.stop()
        assert all(isinstance(future.exception(), Stopped) for future in futures)
        assert not [process for process in family if _alive(process)]
