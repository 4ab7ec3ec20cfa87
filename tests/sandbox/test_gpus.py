"""GPUs by index: what is asked of the engine, what is refused, what a jail leaves open.

Only the last test needs a GPU; it is skipped where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sandbox_candidates import GOOD, MIXER

from archwright.core import InputError, Problem, SandboxError, Status, TrialJob
from archwright.sandbox.contract import Greeting, ProblemProjection, project
from archwright.sandbox.docker.containers import ContainerWorker
from archwright.sandbox.docker.engine import DockerSettings
from archwright.sandbox.docker.sandbox import DockerSandbox
from archwright.sandbox.inside.model.building import build, run
from archwright.sandbox.inside.training.data import as_input, as_target
from archwright.sandbox.opening import open_sandbox

Jobs = Callable[..., TrialJob]
TWO = DockerSettings(gpus=(2, 5), runtime="runsc")


def has_gpu() -> bool:
    return torch.cuda.is_available()


def workers_of(settings: DockerSettings, folder: Path) -> list[ContainerWorker]:
    sandbox = DockerSandbox(3, settings=settings)
    return [sandbox._make_worker(folder, slot) for slot in (None, 0, 1, 2)]


def test_training_slots_share_the_gpus_and_checks_get_none(tmp_path: Path) -> None:
    assert [w.gpu for w in workers_of(TWO, tmp_path)] == [None, 2, 5, 2]
    assert [w.gpu for w in workers_of(DockerSettings(), tmp_path)] == [None] * 4


def test_the_engine_is_asked_for_one_gpu_and_the_runtime(tmp_path: Path) -> None:
    checks, first, second, _ = (w.options() for w in workers_of(TWO, tmp_path))
    asked = [*first["device_requests"], *second["device_requests"]]
    assert [request.device_ids for request in asked] == [["2"], ["5"]]
    assert all(request.capabilities == [["gpu"]] for request in asked)
    assert "CUDA_VISIBLE_DEVICES" not in first["environment"]
    assert checks["environment"]["CUDA_VISIBLE_DEVICES"] == ""
    assert checks["device_requests"] is None
    assert all(options["runtime"] == "runsc" for options in (checks, first, second))


def test_the_engine_s_own_runtime_is_the_default(tmp_path: Path) -> None:
    plain = workers_of(DockerSettings(), tmp_path)
    assert [worker.options()["runtime"] for worker in plain] == [None] * 4


def test_processes_get_no_gpu() -> None:
    with pytest.raises(InputError, match="use --sandbox docker, or leave gpus out"):
        open_sandbox("process", 1, DockerSettings(gpus=(0,)))


def test_a_torch_without_cuda_is_refused_in_one_line(tmp_path: Path) -> None:
    sandbox = DockerSandbox(1, settings=DockerSettings(gpus=(0,)))
    worker = sandbox._make_worker(tmp_path, 0)
    with pytest.raises(SandboxError, match=r"GPU 0 was asked for.*or leave gpus out"):
        sandbox._welcome(worker, Greeting(1, {}, gpu=False))
    sandbox._welcome(worker, Greeting(1, {}, gpu=True))
    sandbox._welcome(sandbox._make_worker(tmp_path, None), Greeting(1, {}, gpu=False))


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
    settings = DockerSettings(docker_settings.image, gpus=(0,))
    with DockerSandbox(0, scratch=tmp_path, settings=settings) as sandbox:
        assert {limitation.name for limitation in sandbox.limitations()} == {"processes"}


@pytest.mark.docker
@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_without_a_gpu_the_trial_is_refused_in_one_line(
    docker_settings: DockerSettings, make_job: Jobs, tmp_path: Path
) -> None:
    settings = DockerSettings(docker_settings.image, gpus=(0,))
    with DockerSandbox(1, scratch=tmp_path, settings=settings) as sandbox:
        assert sandbox.check(GOOD, make_job().problem).status is Status.OK
        with pytest.raises(SandboxError, match="gpus"):
            sandbox.limitations()  # as each run does at its start
        with pytest.raises(SandboxError) as refused:
            sandbox.train(make_job())
    assert "gpus" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.docker
@pytest.mark.skipif(not has_gpu(), reason="this machine has no GPU")
def test_a_trial_trains_on_the_gpu(
    docker_settings: DockerSettings, make_job: Jobs, tmp_path: Path
) -> None:
    settings = DockerSettings(docker_settings.image, gpus=(0,))
    watched = GOOD.replace("return self", "assert x.is_cuda\n        return self")
    with DockerSandbox(1, scratch=tmp_path, settings=settings) as sandbox:
        outcome = sandbox.train(make_job(watched, steps=100))
    assert outcome.status is Status.OK, outcome.error
    assert outcome.curve[-1][1] < outcome.curve[0][1]
