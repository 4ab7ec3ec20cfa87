"""What ends a training: its own CPU time and sleep, and the machine only in the very end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from jobs_on_disk import begun, processes_in
from sandbox_candidates import GOOD

from archwright.core import Outcome, Status, Trial, TrialJob
from archwright.sandbox import Sandbox
from archwright.sandbox.contract import JobEnd, JobRequest
from archwright.sandbox.forkserver import Forkserver
from archwright.sandbox.inside.jail.metering import LONGEST_LOOK_SECONDS, Stopwatch, UsageMeter
from archwright.sandbox.process import ForkedWorker
from archwright.sandbox.replies import ReplyReader
from archwright.sandbox.wall import Ended, open_reply, reader_of, train_request

Jobs = Callable[..., TrialJob]

STARTED = "open('started', 'w')\n"
SLEEPS = f"import time\n{STARTED}time.sleep(1e6)\n"
DRIBBLES = f"import time\n{STARTED}while True: time.sleep(0.01)\n"
DEADLOCKS = f"import threading\n{STARTED}lock = threading.Lock()\nlock.acquire()\nlock.acquire()\n"
WAITS_TO_GO = f"""
import os
{STARTED}
while not os.path.exists('go'): pass
"""
WAITS_FOR_A_THREAD = f"""
import threading
{STARTED}
def work():
    while True: pass
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[ForkedWorker]:
    """One worker, warm."""
    forkserver = Forkserver(tmp_path)
    made = ForkedWorker(tmp_path / "worker", forkserver)
    made.start()
    made.warm()
    yield made
    made.end()
    forkserver.end()


def _job_of(folder: Path) -> psutil.Process:
    """The process of the only job under `folder`, once its candidate runs."""
    while not (marks := begun(folder)):
        threading.Event().wait(0.02)
    (job,) = processes_in(marks[0].parent)
    return job


@pytest.mark.parametrize("source", [SLEEPS, DRIBBLES, DEADLOCKS], ids=["sleep", "dribble", "lock"])
def test_a_candidate_that_waits_for_ever_is_ended_by_its_own_limit(
    jail: Sandbox, make_job: Jobs, source: str
) -> None:
    outcome = jail.train(make_job(source, seconds_limit=1.0))
    assert (outcome.status, outcome.lost) == (Status.TIMEOUT, False)
    assert "time limit" in outcome.error
    assert outcome.resources.cpu_seconds < 1.0


def test_a_candidate_that_computes_is_ended_by_its_cpu_time(jail: Sandbox, make_job: Jobs) -> None:
    for source in ("while True: pass", WAITS_FOR_A_THREAD):
        outcome = jail.train(make_job(source, seconds_limit=1.0))
        assert (outcome.status, outcome.lost) == (Status.TIMEOUT, False)
        assert outcome.resources.cpu_seconds >= 0.9


def test_whoever_is_held_up_from_outside_goes_on_unharmed(
    make_job: Jobs, worker: ForkedWorker, tmp_path: Path
) -> None:
    """Stopped for longer than its limit on CPU time: alone, then with the worker around it."""
    source = WAITS_TO_GO + GOOD
    asked = make_job(source, steps=30)
    job = JobRequest(1.0, 512, train=train_request(asked))
    reader, _ = reader_of(asked, None)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(worker.run, job, reader.feed)
        candidate = _job_of(tmp_path)
        parent = candidate.parent()
        assert parent is not None
        for stopped in ([candidate], [parent, candidate]):
            for process in stopped:
                process.suspend()
            threading.Event().wait(1.2)
            for process in stopped:
                process.resume()
        (Path(candidate.cwd()) / "go").touch()
        end = running.result()
    assert end.cause == ""
    assert open_reply(end, reader, 512)["status"] == "ok"


def test_whoever_is_given_no_processor_to_the_end_is_lost(
    make_job: Jobs, worker: ForkedWorker, tmp_path: Path
) -> None:
    train = train_request(make_job(STARTED + "while True: pass"))
    job, reader = JobRequest(60.0, 512, train=train, clock_factor=0.02), ReplyReader()
    with ThreadPoolExecutor(1) as pool:
        running: Future[JobEnd] = pool.submit(worker.run, job, reader.feed)
        _job_of(tmp_path).suspend()
        end = running.result()
    assert end.cause == "starved"
    with pytest.raises(Ended, match="the machine is too busy") as ended:
        open_reply(end, reader, 512)
    assert (ended.value.status, ended.value.lost) == (Status.TIMEOUT, True)


@pytest.mark.parametrize(("peak_mb", "lost"), [(300.0, True), (2100.0, False)])
def test_the_system_s_own_want_of_memory_is_told_from_the_candidate_s(
    peak_mb: float, lost: bool
) -> None:
    end = JobEnd("", 0, signal.SIGKILL, cpu_seconds=2.0, peak_memory_mb=peak_mb)
    with pytest.raises(Ended) as ended:
        open_reply(end, ReplyReader(), 2048)
    assert (ended.value.status, ended.value.lost) == (Status.OUT_OF_MEMORY, lost)


def test_a_meter_counts_what_ended_and_what_sleeps() -> None:
    """A child that works and ends within a child that sleeps."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            while sum(os.times()[:2]) < 0.3:
                pass
            os._exit(0)
        os.wait()
        os.write(writer, b"!")
        signal.pause()
    try:
        meter = UsageMeter()
        os.read(reader, 1)
        meter.look()
        assert meter.cpu_seconds >= 0.3
        assert meter.charged_seconds == meter.cpu_seconds
        while meter.charged_seconds == meter.cpu_seconds:
            threading.Event().wait(0.02)
            meter.look()
        assert meter.charged_seconds - meter.cpu_seconds <= meter.clock_seconds
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_stopwatch_counts_no_pause() -> None:
    watch = Stopwatch(time.monotonic() - 3600.0)  # nobody looked for an hour
    assert watch.look() == LONGEST_LOOK_SECONDS == watch.seconds
    assert watch.look() < LONGEST_LOOK_SECONDS


@pytest.mark.parametrize(
    ("status", "lost", "unmeasured"),
    [
        (Status.OK, False, ""),
        (Status.CRASHED, False, ""),
        (Status.OUT_OF_MEMORY, False, ""),
        (Status.KILLED, False, ""),  # hopeless: our own decision
        (Status.TIMEOUT, False, "timed out"),
        (Status.TIMEOUT, True, "timed out"),
        (Status.OUT_OF_MEMORY, True, "was killed by the system"),
        (Status.KILLED, True, "was lost with its worker"),
    ],
)
def test_what_measured_nothing_says_why(status: Status, lost: bool, unmeasured: str) -> None:
    assert Outcome(status, lost=lost).unmeasured == unmeasured
    trial = Trial("1", "search", 0, 10, 0, status=status, lost=lost)
    assert trial.unmeasured == unmeasured
    faults = (Status.CRASHED, Status.OUT_OF_MEMORY)
    assert trial.failed == (status in faults and not lost)
