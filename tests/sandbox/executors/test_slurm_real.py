"""The same on a real Slurm: what candidates see there, and jobs that it ends in mid-trial."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from real_slurm import RealSlurm, missing
from slurm_jobs import LOOKS_AROUND, Left

from archwright.core import InputError, Problem, Status, TrialJob
from archwright.core.settings import RunSettings
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.executors.slurm.agents import SlurmAgents

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

Jobs = Callable[..., TrialJob]


@pytest.fixture(scope="module")
def slurm() -> Iterator[RealSlurm]:
    with RealSlurm() as made:
        os.environ.update(made.environment)
        yield made
        for name in made.environment:
            del os.environ[name]


def agents(folder: Path, **settings: object) -> SlurmAgents:
    asked = RunSettings(**{"on": "slurm", "address": "localhost", **settings})
    return SlurmAgents(asked, folder / "run/jobs")


@pytest.mark.slow
def test_a_job_that_is_cancelled_in_mid_trial_is_followed_by_another_here_too(
    slurm: RealSlurm, make_job: Jobs, problem: Problem, doing: Callable[[str], str], tmp_path: Path
) -> None:
    launcher = agents(tmp_path, job_time="10", sbatch=["comment=one of a run"])
    with (
        RemoteSandbox(launcher, AgentPlan("process")) as sandbox,
        ThreadPoolExecutor(1) as pool,
    ):
        left = Left(launcher)
        report = sandbox.check(doing(LOOKS_AROUND), problem)
        assert report.error.endswith("found: []"), report.error
        (node,) = sandbox._places.nodes
        assert 0 < node.seconds_left <= 600
        future = pool.submit(sandbox.train, make_job(steps=2000))
        while not node.busy:
            threading.Event().wait(0.01)
        threading.Event().wait(0.3)
        left.look()
        slurm.run("scancel", "1")
        assert future.result().status is Status.OK
        left.look()
        assert not sandbox._suspects
        assert any("leaves: its time limit was reached" in line for line in sandbox.news())
    assert left.is_nothing()
    states = slurm.run("squeue", "--noheader", "--states=all", "--format=%T")
    assert "CANCELLED" in states
    assert "RUNNING" not in states
    assert "PENDING" not in states


def test_what_a_real_slurm_refuses_is_one_line(slurm: RealSlurm, tmp_path: Path) -> None:
    for settings, words in (
        ({"partition": "nope"}, "Invalid partition name"),
        ({"job_memory_mb": 10**9}, "Memory specification can not be satisfied"),
        ({"sbatch": ["gres=gpu:9"]}, "Invalid generic resource"),
        ({"sbatch": ["sheep=black"]}, "sbatch"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            RemoteSandbox(agents(tmp_path, **settings)).__enter__()
        assert "leave --on out" in str(caught.value)
    assert not slurm.run("squeue", "--noheader")
