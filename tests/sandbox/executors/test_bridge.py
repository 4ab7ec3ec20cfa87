"""An engine that takes its process with it takes no trial, and nothing is left of either."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest

from archwright.core import InputError, SandboxError, Status, TrialJob
from archwright.sandbox.executors.bridge import Bridge
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.pool.worker import Channel, family_of

Jobs = Callable[..., TrialJob]


def bridges() -> list[psutil.Process]:
    """The processes beside runs that this one has started."""
    children = psutil.Process().children()
    return [p for p in children if any("bridge_end" in word for word in p.cmdline())]


def wait_until(found: Callable[[], object]) -> None:
    """Until it is so."""
    while not found():
        threading.Event().wait(0.01)


def test_a_trial_outlives_the_process_that_reaches_the_engine(make_job: Jobs) -> None:
    with (
        RemoteSandbox(Bridge("local"), AgentPlan("process")) as sandbox,
        ThreadPoolExecutor(1) as pool,
    ):
        sandbox.limitations()
        future = pool.submit(sandbox.train, make_job(steps=3000))
        for _ in range(2):  # two nodes that die under it would count against it
            wait_until(lambda: any(node.busy for node in sandbox._places.nodes))
            (bridge,) = bridges()
            bridge.kill()
            wait_until(lambda: not sandbox._places.nodes)
        assert future.result().status is Status.OK
        assert not sandbox._suspects
        news = "\n".join(sandbox.news())
        assert "what connects the run with local has ended, it begins again" in news
        assert "local-0 is lost: the way to it is gone" in news
    assert not bridges()


def test_an_agent_that_dies_across_the_bridge_is_told_from_a_bridge_that_does(
    make_job: Jobs,
) -> None:
    with (
        RemoteSandbox(Bridge("local"), AgentPlan("process")) as sandbox,
        ThreadPoolExecutor(1) as pool,
    ):
        sandbox.limitations()
        family = family_of(bridges()[0].pid)
        future = pool.submit(sandbox.train, make_job(steps=3000))
        wait_until(lambda: sandbox._places.nodes[0].busy)
        agent = next(process for process in family if "agent" in process.cmdline())
        agent.kill()
        assert future.result().status is Status.OK
        assert list(sandbox._suspects.values()) == [["local-0"]]


def next_of(bridge: Bridge, count: int) -> dict[str, Channel]:
    """The next nodes to come."""
    found: dict[str, Channel] = {}
    while len(found) < count:
        with suppress(SandboxError):  # it says that it begins again
            found.update({arrival.node: arrival.channel for arrival in bridge.arrivals()})
        threading.Event().wait(0.01)
    return found


def test_a_node_that_is_turned_away_stays_away_from_the_next_bridge() -> None:
    bridge = Bridge("local", count=2)
    bridge.start()
    first = next_of(bridge, 2)
    bridge.avoid("local-0")
    bridges()[0].kill()
    second = next_of(bridge, 1)
    assert [*second] == ["local-1"]
    for channel in (*first.values(), *second.values()):
        channel.close()
    bridge.close()
    assert not bridges()


def test_what_does_not_start_is_one_line() -> None:
    with pytest.raises(InputError, match=r"local has ended.*unexpected keyword argument") as raised:
        Bridge("local", colour="blue").start()
    assert "\n" not in str(raised.value)
    assert not bridges()


SERVES = """
from archwright.sandbox.executors.bridge import Bridge
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox

if __name__ == "__main__":
    with RemoteSandbox(Bridge("local"), AgentPlan("process")) as sandbox:
        sandbox.limitations()
        print("ready", flush=True)
        input()
"""


def test_a_run_that_is_killed_leaves_nothing_across_the_bridge() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", SERVES], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert run.stdout is not None
    assert run.stdout.readline() == b"ready\n"
    family = family_of(run.pid)
    assert len(family) > 3
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    psutil.wait_procs(family, timeout=60)
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
