"""GPUs by index: which slot gets which, what is refused, what a jail leaves open.

The last tests need a GPU; they are skipped where there is none.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from sandbox_candidates import GOOD, MIXER

from archwright.core import InputError, Problem, SandboxError, Status, Training, TrialJob
from archwright.sandbox.contract import (
    Greeting,
    JobRequest,
    ProblemProjection,
    project,
)
from archwright.sandbox.docker.containers import ContainerWorker
from archwright.sandbox.docker.engine import DockerSettings
from archwright.sandbox.docker.sandbox import DockerSandbox
from archwright.sandbox.executors.agent import open_planned
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.inside.model.building import build, run
from archwright.sandbox.inside.training.data import as_input, as_target
from archwright.sandbox.limitations import WITH_A_GPU
from archwright.sandbox.opening import open_sandbox
from archwright.sandbox.pool.sandbox import WarmSandbox
from archwright.sandbox.pool.worker import WarmWorker
from archwright.sandbox.process import ProcessSandbox
from archwright.sandbox.replies import ReplyReader
from archwright.sandbox.wall import Ended, check_request, open_reply, train_request

Jobs = Callable[..., TrialJob]
Doing = Callable[[str], str]
RUNSC = DockerSettings(runtime="runsc")


def has_gpu() -> bool:
    return torch.cuda.is_available()


def made(sandbox: WarmSandbox, folder: Path) -> WarmSandbox:
    sandbox._make_workers(folder)
    return sandbox


@pytest.fixture(params=[ProcessSandbox, DockerSandbox])
def kind(request: pytest.FixtureRequest) -> Any:
    """Each sandbox that takes GPUs."""
    return request.param


def test_training_slots_share_the_gpus_and_checks_get_none(kind: Any, tmp_path: Path) -> None:
    two = made(kind(3, gpus=(2, 5)), tmp_path)
    assert [worker.gpu for worker in two._trainers] == [2, 5, 2]
    assert [worker.gpu for worker in two._cpu_trainers] == [None] * 3
    assert [worker.gpu for worker in two._checkers] == [None]
    assert two.device == "cuda"
    assert [two._gpu_share(worker) for worker in two._trainers] == [0.5, 1, 0.5]
    assert [two._gpu_share(worker) for worker in two._cpu_trainers] == [1] * 3
    plain = made(kind(3), tmp_path)
    assert plain._trainers is plain._cpu_trainers
    assert [worker.gpu for worker in plain._trainers] == [None] * 3


@pytest.mark.parametrize(("workers", "checkers"), [(0, 1), (1, 1), (4, 1), (5, 2), (12, 3)])
def test_one_worker_checks_for_four_slots(
    kind: Any, tmp_path: Path, workers: int, checkers: int
) -> None:
    assert len(made(kind(workers), tmp_path)._checkers) == checkers


def test_the_engine_is_asked_for_one_gpu_and_the_runtime(tmp_path: Path) -> None:
    two = made(DockerSandbox(2, gpus=(2, 5), settings=RUNSC), tmp_path)
    containers = [w for w in (*two._checkers, *two._trainers) if isinstance(w, ContainerWorker)]
    checks, first, second = (worker.options() for worker in containers)
    asked = [*first["device_requests"], *second["device_requests"]]
    assert [request.device_ids for request in asked] == [["2"], ["5"]]
    assert all(request.capabilities == [["gpu"]] for request in asked)
    assert "CUDA_VISIBLE_DEVICES" not in first["environment"]
    assert checks["environment"]["CUDA_VISIBLE_DEVICES"] == ""
    assert checks["device_requests"] is None
    assert all(options["runtime"] == "runsc" for options in (checks, first, second))


def test_the_engine_s_own_runtime_is_the_default(tmp_path: Path) -> None:
    plain = DockerSandbox(1)._make_worker(tmp_path, None)
    assert plain.options()["runtime"] is None


def test_who_opens_one_names_the_gpus_and_a_job_may_count_them_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gpus(*opened: Any) -> Any:
        return getattr(open_sandbox("process", 2, None, *opened), "gpus", None)

    assert gpus((2, 5)) == (2, 5)
    assert gpus((2, 5), (0, 1)) == (0, 1)
    with pytest.raises(InputError, match="on the CPU alone: leave gpus out"):
        open_sandbox("in-process", 1, gpus=(0,))
    plan = AgentPlan("process", gpus=(2, 5))
    for seen, expected in (("0,1", (0, 1)), ("", (2, 5)), ("GPU-7f,GPU-9a", (2, 5))):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
        agent = open_planned(plan)
        assert (getattr(agent, "gpus", None), agent.workers) == (expected, 2)


def test_a_gpu_that_cannot_be_used_is_refused_in_one_line(kind: Any, tmp_path: Path) -> None:
    sandbox = kind(1, gpus=(0,))
    worker = sandbox._make_worker(tmp_path, 0)
    words = r"^GPU 0 was asked for, but the \w+ sandbox cannot use it: a b; .*, or leave gpus out$"
    with pytest.raises(SandboxError, match=words):
        sandbox._welcome(worker, Greeting(1, {}, "a\x1bb"))
    sandbox._welcome(worker, Greeting(1, {}))


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[int | None], WarmWorker]]:
    """Starts workers of a process sandbox, with a GPU or without."""
    ended: list[WarmWorker] = []
    with ProcessSandbox(0, scratch=tmp_path) as sandbox:

        def start(gpu: int | None) -> WarmWorker:
            worker = sandbox._make_worker(tmp_path / f"worker-{len(ended)}", gpu)
            ended.append(worker)
            worker.start()
            return worker

        yield start
        for worker in ended:
            worker.end()


def found_by(worker: WarmWorker, source: str, problem: Problem, device: str) -> str:
    """What a candidate finds while it is checked in a worker, in the jail of that device."""
    job = JobRequest(20.0, 512, check=check_request(source, problem, 0, False), device=device)
    reader = ReplyReader()
    header = open_reply(worker.run(job, reader.feed), reader, job.memory_mb)
    return str(header["error"]).rpartition("\n")[2]


def test_a_worker_sees_its_gpu_alone_and_says_why_it_cannot_use_it(
    started: Callable[[int | None], WarmWorker], problem: Problem, doing: Doing
) -> None:
    source = doing("found = os.environ['CUDA_VISIBLE_DEVICES'], os.environ['CUDA_DEVICE_ORDER']")
    plain, pinned = started(None), started(5)
    assert plain.warm().gpu_fault == ""
    assert "('', 'PCI_BUS_ID')" in found_by(plain, source, problem, "cpu")
    if torch.version.cuda is None:
        assert pinned.warm().gpu_fault == f"torch {torch.__version__} is not made for CUDA"
    assert "('5', 'PCI_BUS_ID')" in found_by(pinned, source, problem, "cpu")


@pytest.fixture
def layers(process_sandbox: ProcessSandbox) -> None:
    """The two that shut out drivers are there."""
    lacks = {limitation.name for limitation in process_sandbox.limitations()}
    if sys.platform != "linux" or lacks & {"file rules", "system-call filter"}:
        pytest.skip("this machine lacks a layer of the jail")


@pytest.mark.usefixtures("layers")
def test_a_jail_with_a_gpu_lets_a_driver_work_and_nothing_else(
    started: Callable[[int | None], WarmWorker], problem: Problem, doing: Doing
) -> None:
    body = """
    import array, fcntl, socket, termios
    def tried(act):
        try:
            act()
        except OSError as error:
            return type(error).__name__
        return "done"
    reading, writing = os.pipe()
    os.write(writing, b"1234")
    left, mine = array.array("i", [0]), os.sched_getaffinity(0)
    found = [
        tried(lambda: fcntl.ioctl(reading, termios.FIONREAD, left)), left[0],
        tried(lambda: os.memfd_create("named")), tried(lambda: os.sched_setaffinity(0, mine)),
        tried(socket.socket), tried(os.fork), tried(lambda: open("/etc/passwd")),
    ]
    """
    worker = started(None)
    worker.warm()
    denied = ["PermissionError"] * 3
    with_gpu = found_by(worker, doing(body), problem, "cuda")
    assert str(["done", 4, "done", "done", *denied]) in with_gpu
    closed = found_by(worker, doing(body), problem, "cpu")
    assert str(["OSError", 0, "PermissionError", "PermissionError", *denied]) in closed


THREADED = """
# A thread that began before the jail closed, as a driver's threads do.
import os, socket, sys, threading
from archwright.sandbox.inside.jail import confinement, driver, libraries

def tried(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"

def use():
    found.append([tried(lambda: open(sys.argv[2])), tried(socket.socket), tried(os.fork)])

closed, found = threading.Event(), []
early = threading.Thread(target=lambda: (closed.wait(), use()))
early.start()
paths = (*libraries.readable_paths(), *driver.readable_paths())
devices = (*driver.files(), "/dev/full")
cell = confinement.Cell(paths, sys.argv[1], 512, 100.0, 1 << 20, gpu=True, devices=devices)
missing = confinement.confine(cell)
closed.set()
early.join()
use()
late = threading.Thread(target=use)
late.start()
late.join()
name = f"/proc/self/task/{threading.get_native_id()}/comm"
opened = [tried(lambda path=path: os.open(path, os.O_RDWR)) for path in ("/dev/full", name)]
print(missing, found, opened)
"""


@pytest.mark.usefixtures("layers")
def test_a_driver_s_early_threads_are_bound_by_the_filter_alone(tmp_path: Path) -> None:
    """As docs/security.md says; and a driver names its threads, and opens its devices again."""
    secret = tmp_path / "secret"
    secret.write_text("a jail must not read this")
    command = [sys.executable, "-c", THREADED, str(tmp_path / "scratch"), str(secret)]
    (tmp_path / "scratch").mkdir()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    refused = ["PermissionError"] * 3
    found = [["done", *refused[1:]], refused, refused]
    assert done.stdout.strip() == f"[] {found} ['done', 'done']"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is seen in /proc")
def test_memory_that_no_layer_limits_is_watched(
    started: Callable[[int | None], WarmWorker], problem: Problem, doing: Doing
) -> None:
    worker = started(None)
    worker.warm()
    body = (
        "import time\nhoard = bytearray(%d << 20)\nhoard[::4096] = b'1' * (%d << 8)\ntime.sleep(9)"
    )
    with pytest.raises(Ended, match="it took more memory than 512 MB") as full:
        found_by(worker, doing(body % (2560, 2560)), problem, "cuda")
    assert full.value.status is Status.OUT_OF_MEMORY
    assert not full.value.lost
    source = doing("import mmap\nmmap.mmap(-1, 8 << 30)\nfound = 'addresses alone'")
    assert "addresses alone" in found_by(worker, source, problem, "cuda")


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_a_gpu_that_fails_later_is_no_fault_of_the_candidate_s(
    started: Callable[[int | None], WarmWorker], make_job: Jobs
) -> None:
    worker, reader = started(None), ReplyReader()
    worker.warm()
    job = JobRequest(20.0, 512, train=train_request(make_job()), device="cuda")
    end = worker.run(job, reader.feed)
    with pytest.raises(Ended, match="its GPU could not be used: ") as gone:
        open_reply(end, reader, 512)
    assert gone.value.lost
    assert ProcessSandbox(1)._is_worn(worker, end), "a new one tries the GPU again"


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_without_a_gpu_processes_refuse_it_and_cpu_tasks_train_beside(
    make_job: Jobs, tmp_path: Path
) -> None:
    with ProcessSandbox(1, scratch=tmp_path, gpus=(3,)) as sandbox:
        with pytest.raises(SandboxError, match="GPU 3 was asked for"):
            sandbox.limitations()  # as each run does at its start
        assert not sandbox._cpu_trainers[0].is_started
        assert sandbox.check(GOOD, make_job().problem).status is Status.OK
        outcome = sandbox.train(make_job(training=Training(device="cpu")))
        assert outcome.status is Status.OK, outcome.error
        assert sandbox._cpu_trainers[0].is_started
        with pytest.raises(SandboxError, match="GPU 3 was asked for"):
            sandbox.train(make_job())


def test_of_the_ways_out_a_gpu_opens_only_those_that_are_said(
    process_sandbox: ProcessSandbox, tmp_path: Path
) -> None:
    """No slot, so that no GPU is tried: the jail is the one that it would have."""
    with ProcessSandbox(0, scratch=tmp_path, gpus=(0,)) as sandbox:
        found = {limitation.name for limitation in sandbox.limitations()}
    beside = {limitation.name for limitation in process_sandbox.limitations()}
    assert found == beside | {limitation.name for limitation in WITH_A_GPU}


def test_checkers_are_started_when_they_are_needed(problem: Problem, tmp_path: Path) -> None:
    with ProcessSandbox(5, scratch=tmp_path) as sandbox:
        first, second = sandbox._checkers
        assert sandbox.check(GOOD, problem).status is Status.OK
        assert (first.is_started, second.is_started) == (True, False)
        with sandbox._check_turns.place() as place:
            assert place == 0
            assert sandbox.check(GOOD, problem).status is Status.OK
        assert second.is_started
        with ThreadPoolExecutor(4) as pool:
            reports = list(pool.map(lambda _: sandbox.check(GOOD, problem), range(8)))
        assert {report.status for report in reports} == {Status.OK}
    assert not second.is_started


def test_data_and_network_go_to_the_default_device(problem: Problem, sequences: Problem) -> None:
    """`meta` stands for a device that is not the CPU."""
    told = project(ProblemProjection, problem)
    with torch.device("meta"):
        model = build(GOOD, told)
        x = as_input([torch.zeros(4, 8, device="cpu")], told)
        out = run(model, x, told)
        mixer = build(MIXER, project(ProblemProjection, sequences))
    assert {p.device.type for p in (*model.parameters(), *mixer.parameters(), x, out)} == {"meta"}
    labels = [torch.zeros(4, dtype=torch.int64)]
    assert as_target(labels, ("",), told).device.type == "cpu"


@pytest.mark.docker
def test_what_the_driver_needs_open_the_container_holds(
    docker_settings: DockerSettings, tmp_path: Path
) -> None:
    """Of all ways out only processes are open, and those end with their container's trial."""
    with DockerSandbox(0, scratch=tmp_path, gpus=(0,), settings=docker_settings) as sandbox:
        assert {limitation.name for limitation in sandbox.limitations()} == {"processes"}


@pytest.mark.docker
@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_without_a_gpu_the_trial_is_refused_in_one_line(
    docker_settings: DockerSettings, make_job: Jobs, tmp_path: Path
) -> None:
    with DockerSandbox(1, scratch=tmp_path, gpus=(0,), settings=docker_settings) as sandbox:
        assert sandbox.check(GOOD, make_job().problem).status is Status.OK
        with pytest.raises(SandboxError, match="gpus"):
            sandbox.limitations()  # as each run does at its start
        with pytest.raises(SandboxError) as refused:
            sandbox.train(make_job())
    assert "gpus" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(torch.version.cuda is None, reason="this torch is not made for CUDA")
def test_a_warm_parent_leaves_the_driver_alone(
    started: Callable[[int | None], WarmWorker], problem: Problem, doing: Doing
) -> None:
    worker = started(None)
    worker.warm()
    source = doing("import torch\nfound = torch._C._cuda_isInBadFork()")
    assert "found: False" in found_by(worker, source, problem, "cpu")


def train_on_gpus(sandbox: WarmSandbox, make_job: Jobs, count: int) -> None:
    watched = GOOD.replace("return self", "assert x.is_cuda\n        return self")
    with sandbox, ThreadPoolExecutor(count) as pool:
        sandbox.limitations()
        jobs = [make_job(watched, steps=100, seed=seed) for seed in range(count)]
        for outcome in pool.map(sandbox.train, jobs):
            assert outcome.status is Status.OK, outcome.error
            assert outcome.curve[-1][1] < outcome.curve[0][1]


@pytest.mark.skipif(not has_gpu(), reason="this machine has no GPU")
def test_processes_train_on_every_gpu(make_job: Jobs, tmp_path: Path) -> None:
    gpus = tuple(range(torch.cuda.device_count()))
    train_on_gpus(ProcessSandbox(len(gpus), tmp_path, gpus=gpus), make_job, len(gpus))


@pytest.mark.docker
@pytest.mark.skipif(not has_gpu(), reason="this machine has no GPU")
def test_containers_train_on_every_gpu(
    docker_settings: DockerSettings, make_job: Jobs, tmp_path: Path
) -> None:
    gpus = tuple(range(torch.cuda.device_count()))
    sandbox = DockerSandbox(len(gpus), tmp_path, gpus=gpus, settings=docker_settings)
    train_on_gpus(sandbox, make_job, len(gpus))
