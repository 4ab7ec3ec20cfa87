"""Stopping, dying and cleaning up in the process sandbox, and who goes first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from jobs_on_disk import begun, directory
from sandbox_candidates import GOOD

from archwright.core import InputError, Problem, SandboxError, Status, Stopped, TrialJob
from archwright.sandbox.contract import JobRequest
from archwright.sandbox.docker.engine import DockerSettings
from archwright.sandbox.forkserver import Forkserver
from archwright.sandbox.opening import available, open_sandbox
from archwright.sandbox.pool.scratch import Scratch
from archwright.sandbox.pool.turns import Turns
from archwright.sandbox.pool.worker import WorkerDied
from archwright.sandbox.process import ForkedWorker, ProcessSandbox
from archwright.sandbox.replies import ReplyReader
from archwright.sandbox.wall import train_request

Jobs = Callable[..., TrialJob]

FOREVER = "import time\nopen('started', 'w')\nwhile True:\n    time.sleep(0.01)\n"


def wait_for_jobs(folder: Path, count: int) -> list[psutil.Process]:
    """All processes of a sandbox under `folder`, once `count` trials of `FOREVER` run there."""
    while len(begun(folder)) < count:
        threading.Event().wait(0.02)
    family = psutil.Process().children(recursive=True)
    return [process for process in family if folder in directory(process).parents]


def jobs_in(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that run a candidate: their working directory is a job's scratch folder."""
    return [process for process in family if directory(process).name.startswith("job-")]


def test_stop_frees_every_caller_and_leaves_nothing(make_job: Jobs, tmp_path: Path) -> None:
    with ProcessSandbox(workers=2, scratch=tmp_path) as sandbox, ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(sandbox.train, make_job(FOREVER)) for _ in range(4)]
        family = wait_for_jobs(tmp_path, 2)
        assert len(family) == 5  # a worker for checks, two for trials, their two jobs
        assert os.getsid(0) not in {os.getsid(process.pid) for process in family}  # no Ctrl-C
        sandbox.stop()
        wait(futures)
        assert all(isinstance(future.exception(), Stopped) for future in futures)
        assert not any(_alive(process) for process in family)
        with pytest.raises(Stopped):
            sandbox.train(make_job())
        with pytest.raises(Stopped):
            sandbox.check(GOOD, make_job().problem)
    assert list(tmp_path.glob("run-*")) == []


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_worker_that_is_killed_or_interrupted_is_replaced(make_job: Jobs, tmp_path: Path) -> None:
    with ProcessSandbox(workers=1, scratch=tmp_path) as sandbox, ThreadPoolExecutor(1) as pool:
        future = pool.submit(sandbox.train, make_job(FOREVER))
        family = wait_for_jobs(tmp_path, 1)
        (job,) = jobs_in(family)
        parent = job.parent()
        assert parent is not None
        parent.kill()
        assert future.result().status is Status.KILLED
        assert not _alive(job)
        heard = threading.Event()
        interrupting = pool.submit(_interrupt_main_thread, tmp_path, job.pid, heard)
        # What a shell starts in the background ignores interrupts.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                _train_until_heard(sandbox, make_job(FOREVER), heard)
        finally:
            signal.signal(signal.SIGINT, before)
        interrupting.result()
        assert sandbox.train(make_job()).status is Status.OK


def _train_until_heard(sandbox: ProcessSandbox, job: TrialJob, heard: threading.Event) -> None:
    try:
        sandbox.train(job)
    finally:
        heard.set()


def _interrupt_main_thread(folder: Path, dead: int, heard: threading.Event) -> None:
    """Send SIGINT once a job other than `dead` runs under `folder`; again where it is not heard: an
    exception in a callback of the garbage collector is printed and passed over."""
    while {job.pid for job in jobs_in(wait_for_jobs(folder, 1))} <= {dead}:
        threading.Event().wait(0.02)
    while not heard.is_set():
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        heard.wait(20)


def test_a_worker_that_does_not_answer_is_stuck_and_can_be_ended(
    make_job: Jobs, tmp_path: Path
) -> None:
    forkserver = Forkserver(tmp_path)
    worker = ForkedWorker(tmp_path / "worker", forkserver, grace_seconds=0.5)
    worker.start()
    worker.warm()
    job = JobRequest(2.0, 512, train=train_request(make_job(FOREVER)), clock_factor=1.0)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(worker.run, job, ReplyReader().feed)
        family = wait_for_jobs(tmp_path, 1)
        stuck = jobs_in(family)[0].parent()
        assert stuck is not None
        stuck.suspend()
        death = future.exception()
    assert isinstance(death, WorkerDied)
    assert death.stuck
    worker.end(patience_seconds=0.0)
    forkserver.end()
    assert not any(_alive(process) for process in family)


ORCHESTRATOR = """
import sys, threading, time
from pathlib import Path
import numpy as np
from archwright.core import Problem, Recipe, TrialJob
from archwright.sandbox.process import ProcessSandbox

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    problem = Problem("Model", (8,), (3,), "cross_entropy", 10_000)
    job = TrialJob({source!r}, problem, Recipe(), 10, 0, Path(sys.argv[2]))
    with ProcessSandbox(workers=2, scratch=folder) as sandbox:
        threads = [threading.Thread(target=sandbox.train, args=(job,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        while len(list(folder.glob("**/job-*/started"))) < 2:
            time.sleep(0.02)
        print("running", flush=True)
        for thread in threads:
            thread.join()
"""


def test_the_death_of_the_orchestrator_leaves_no_process(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "orchestrator.py"
    script.write_text(textwrap.dedent(ORCHESTRATOR).replace("{source!r}", repr(FOREVER)))
    command = [sys.executable, str(script), str(tmp_path), str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as orchestrator:
        assert orchestrator.stdout is not None
        assert orchestrator.stdout.readline() == "running\n"
        family = psutil.Process(orchestrator.pid).children(recursive=True)
        orchestrator.kill()
    assert len(family) == 6  # the forkserver, a worker for checks, two for trials, their two jobs
    _, left = psutil.wait_procs(family, timeout=20)
    assert left == []
    assert list(tmp_path.glob("run-*"))
    Scratch(tmp_path).remove()  # the next to come cleans up
    assert list(tmp_path.glob("run-*")) == []


def test_only_abandoned_folders_of_archwright_are_removed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "run-dead" / "job-1").mkdir(parents=True)
    living = Scratch(tmp_path)
    second = Scratch(tmp_path)
    assert not (tmp_path / "run-dead").exists()
    assert (tmp_path / "precious").exists()
    assert living.path.exists()
    for scratch in (living, second):
        scratch.remove()
        assert not scratch.path.exists()


def test_a_scratch_folder_that_cannot_be_made_names_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SandboxError, match="TMPDIR"):
        Scratch(tmp_path / "file")


def test_trials_run_side_by_side(make_job: Jobs, process_sandbox: ProcessSandbox) -> None:
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda n: process_sandbox.train(make_job(seed=n % 3)), range(12)))
    assert all(outcome.status is Status.OK for outcome in outcomes)
    assert len({outcome.curve for outcome in outcomes}) == 3


def test_the_lowest_priority_goes_first() -> None:
    turns = Turns(1)
    order: list[int] = []

    def work(priority: int) -> None:
        with turns.place(priority):
            order.append(priority)

    with ThreadPoolExecutor(4) as pool:
        with turns.place():
            futures = [pool.submit(work, priority) for priority in (3, 1, 2, 0)]
            while turns.waiting < 4:
                threading.Event().wait(0.001)
        wait(futures)
    assert order == [0, 1, 2, 3]


def test_an_unentered_sandbox_says_so(problem: Problem) -> None:
    with pytest.raises(SandboxError, match="with sandbox"):
        ProcessSandbox(workers=1).check(GOOD, problem)


NO_IMAGE = DockerSettings(image="archwright-sandbox:there-is-none")


def test_opening_by_name() -> None:
    assert open_sandbox("auto", 3).workers == 3
    process = open_sandbox("process", 1)
    assert (process.name, process.choice) == ("process", "")
    with pytest.raises(InputError, match="use --sandbox process"):
        open_sandbox("docker", 1, NO_IMAGE)
    with pytest.raises(InputError, match="at least 1"):
        open_sandbox("auto", 0)


def test_auto_falls_back_and_says_why() -> None:
    sandbox = open_sandbox("auto", 1, NO_IMAGE)
    assert sandbox.name == "process"
    assert sandbox.choice.startswith("auto took the process sandbox: ")


def test_what_is_available_is_tried() -> None:
    (name, ok, detail, _), docker = available(NO_IMAGE)
    assert (name, ok) == ("process", True)
    limitations = ProcessSandbox(workers=1).limitations()
    assert all(limitation.name in detail for limitation in limitations)
    assert (docker.name, docker.ok) == ("docker", False)
    assert "archwright sandbox build" in docker.fix


LOCKED_DOWN = """
# Refuse Landlock and seccomp from here on, as a kernel without them would; then use the sandbox.
import ctypes, json, struct, sys
from pathlib import Path
import psutil
from archwright.core import Problem, Recipe, TrialJob
from archwright.sandbox.process import ProcessSandbox, find_machine_limitations

refused = [444, 445, 446, 272, 317]
program = [(0x20, 0, 0, 0)]
for number in refused:
    program += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | 38)]
program.append((0x06, 0, 0, 0x7FFF0000))
code = b"".join(struct.pack("=HBBI", *i) for i in program)
buffer = ctypes.create_string_buffer(code, len(code))
class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
assert libc.syscall(317, 1, 0, ctypes.byref(Program(len(program), ctypes.addressof(buffer)))) == 0

job = TrialJob(
    sys.argv[1], Problem("Model", (8,), (3,), "cross_entropy", 10_000), Recipe(), 10, 0,
    Path(sys.argv[2]), seconds_limit=2.0,
)
with ProcessSandbox(workers=1) as sandbox:
    names = [limitation.name for limitation in sandbox.limitations()]
    outcome = sandbox.train(job)
    left = [p.pid for p in psutil.process_iter() if "ESCAPED" in (p.name() or "")]
print(json.dumps([names, outcome.status, outcome.error, left]))
"""

ESCAPING = """
import ctypes, os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            break
ctypes.CDLL(None).prctl(15, b"ESCAPED", 0, 0, 0)
while True:
    time.sleep(0.01)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="numbers of x86-64 Linux"
)
def test_a_layer_that_is_missing_is_said_and_escaped_processes_still_end(data: Path) -> None:
    command = [sys.executable, "-c", LOCKED_DOWN, ESCAPING, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names, status, error, left = json.loads(done.stdout)
    assert {"read", "write", "processes", "signals", "file rules", "system-call filter"} <= {*names}
    assert (status, left) == ("timeout", [])
    assert "time limit" in error
