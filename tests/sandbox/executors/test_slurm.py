"""Jobs of a Slurm that is none: agents that come and go with them, and why they do not."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from slurm_jobs import LOOKS_AROUND, Left

from archwright.core import InputError, Problem, SandboxError, Status, TrialJob
from archwright.core.settings import RunSettings
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.executors.slurm.agents import SlurmAgents
from archwright.sandbox.executors.slurm.calling import call_back
from archwright.sandbox.executors.slurm.commands import QueuedJob, Slurm, seconds_of
from archwright.sandbox.executors.slurm.fake import write_fake_slurm
from archwright.sandbox.in_process import InProcessSandbox

Jobs = Callable[..., TrialJob]


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Slurm's commands, in a folder of their own."""
    return write_fake_slurm(tmp_path / "commands")


@pytest.fixture
def make_agents(tmp_path: Path, commands: Path) -> Callable[..., SlurmAgents]:
    """Makes the launcher of a run."""

    def make(run: str = "run", **settings: object) -> SlurmAgents:
        asked = RunSettings(**{"on": "slurm", "address": "localhost", **settings})
        return SlurmAgents(asked, tmp_path / run / "jobs", str(commands))

    return make


def queue(agents: SlurmAgents) -> list[QueuedJob]:
    return agents._slurm.jobs()


@pytest.mark.slow
def test_a_job_that_is_cancelled_in_mid_trial_is_followed_by_another(
    make_agents: Callable[..., SlurmAgents], make_job: Jobs, problem: Problem,
    doing: Callable[[str], str], commands: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("OPENAI_API_KEY", "k3y-t0ken")
    agents = make_agents()
    with (
        RemoteSandbox(agents, AgentPlan("process")) as sandbox,
        ThreadPoolExecutor(1) as pool,
    ):
        left = Left(agents)
        report = sandbox.check(doing(LOOKS_AROUND), problem)
        assert report.error.endswith("found: []"), report.error
        job = make_job(steps=2000)
        future = pool.submit(sandbox.train, job)
        while not sandbox._places.nodes[0].busy:
            threading.Event().wait(0.01)
        threading.Event().wait(0.3)
        left.look()
        subprocess.run([commands / "scancel", "1"], check=True)
        outcome = future.result()
        left.look()
        assert outcome.status is Status.OK
        assert not outcome.lost
        true = InProcessSandbox().train(job)
        assert np.array_equal(outcome.predictions["validation"], true.predictions["validation"])
        assert not sandbox._suspects  # it is nobody's fault
        said = sandbox.news()
        assert len(said) == 1
        assert said[0].startswith("node fake-1 leaves: its time limit was reached")
    assert left.is_nothing()
    first, second = queue(agents)
    assert first.state == "CANCELLED"
    assert not second.lives
    written = "".join(path.read_text() for path in (commands / "jobs").iterdir())
    assert agents._token not in written
    assert "k3y" not in written


def test_jobs_that_end_at_once_are_not_submitted_for_ever(
    make_agents: Callable[..., SlurmAgents],
) -> None:
    agents = make_agents(jobs=3, address="host.invalid", queue_minutes=1)
    with RemoteSandbox(agents, first_seconds=100) as sandbox:
        with pytest.raises(SandboxError, match="jobs end before their agents call") as caught:
            sandbox.limitations()
        with pytest.raises(SandboxError, match="then resume"), sandbox._places.checker():
            pass
        assert "the run does not answer at host.invalid" in str(caught.value)
        assert "leave --on out to train on this machine" in str(caught.value)
    assert [job.state for job in queue(agents)] == ["FAILED"] * 3


def test_jobs_that_stay_pending_say_why_and_go_with_the_run(
    make_agents: Callable[..., SlurmAgents], commands: Path
) -> None:
    (commands / "full").touch()
    agents, elsewhere = make_agents(jobs=2, queue_minutes=0.05), make_agents("another")
    elsewhere.start()
    with RemoteSandbox(agents, first_seconds=3) as sandbox:
        with pytest.raises(SandboxError, match=r"is pending \(Resources\)") as caught:
            sandbox.limitations()
        assert "leave --on out to train on this machine" in str(caught.value)
        assert [job.state for job in queue(agents)] == ["PENDING"] * 2
    assert not any(job.lives for job in queue(agents))
    assert [job.state for job in queue(elsewhere)] == ["PENDING"]
    elsewhere.close()


def test_a_run_that_goes_on_cancels_what_it_left(
    make_agents: Callable[..., SlurmAgents], commands: Path
) -> None:
    (commands / "full").touch()
    killed, resumed = make_agents(jobs=1), make_agents(jobs=1)
    killed.start()
    resumed.start()
    while [job.state for job in queue(resumed)] != ["CANCELLED", "PENDING"]:
        threading.Event().wait(0.05)
    resumed.close()
    killed.close()


def test_only_jobs_of_the_run_are_taken_and_each_of_them_once(
    make_agents: Callable[..., SlurmAgents], commands: Path
) -> None:
    (commands / "full").touch()
    agents = make_agents()
    agents.start()
    assert agents._reception is not None
    here = f"localhost:{agents._reception.port}"
    calls = [call_back(here, agents._token, number) for number in (2, 1, 1)]
    taken = []
    while len(taken) < 1 or agents._calls:
        taken += agents.arrivals()
    assert [arrival.node for arrival in taken] == ["-1"]
    for call in calls:
        call.close()
    taken[0].channel.close()
    agents.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"job_time": "soon"}, "job_time must be like 90"),
        ({"address": "http://here"}, "address must be HOST or HOST:PORT"),
        ({"jobs": 0}, "jobs must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        RunSettings(**settings)


def test_what_slurm_refuses_is_one_line(
    make_agents: Callable[..., SlurmAgents], commands: Path, tmp_path: Path
) -> None:
    (commands / "refuse").write_text("sbatch: error: invalid partition: nope\n")
    agents = make_agents(partition="nope")
    with pytest.raises(InputError, match="sbatch refuses: invalid partition: nope") as caught:
        RemoteSandbox(agents).__enter__()
    assert str(caught.value).endswith("or leave --on out to train on this machine")
    with pytest.raises(InputError, match=r"no sbatch here.*leave --on out"):
        SlurmAgents(RunSettings(), tmp_path, str(tmp_path))
    (commands / "squeue").write_text("#!/bin/sh\necho squeue: error: no answer >&2; exit 1\n")
    with pytest.raises(SandboxError, match="squeue refuses: no answer"):
        Slurm("name", str(commands)).jobs()


def test_what_a_job_asks_for(make_agents: Callable[..., SlurmAgents], commands: Path) -> None:
    (commands / "full").touch()
    agents = make_agents(
        job_cpus=4, job_time="1-00", job_memory_mb=2000, gpus=[0, 1], sbatch=["qos=a b", "--hold"]
    )
    agents.start()
    options, script = agents._options(), agents._script()
    agents.close()
    for option in ("--cpus-per-task=4", "--time=1-00", "--mem=2000M", "--gres=gpu:2"):
        assert option in options
    assert options[-2:] == ["--qos=a b", "--hold"]
    assert '--memory-mb 2000 --slots 0 --gpus "${SLURM_JOB_GPUS' in script


def test_times_are_read_as_squeue_writes_them() -> None:
    assert seconds_of("1-02:03:04") == 93_784
    assert (seconds_of("5:00"), seconds_of("0:07")) == (300, 7)
    assert seconds_of("UNLIMITED") == seconds_of("INVALID") == float("inf")
