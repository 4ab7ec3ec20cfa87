"""Containers: how they are closed off, killed, replaced, and cleaned up after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from sandbox_candidates import GOOD

from archwright.cli import main
from archwright.core import InputError, Problem, SandboxError, Status, Stopped, TrialJob
from archwright.sandbox.docker.engine import (
    OWNER_LABEL,
    SCRATCH_LABEL,
    DockerSettings,
    Engine,
    owner,
)
from archwright.sandbox.docker.sandbox import DockerSandbox
from archwright.sandbox.opening import available, open_sandbox
from archwright.sandbox.pool.scratch import Scratch

pytestmark = pytest.mark.docker

Jobs = Callable[..., TrialJob]
FOREVER = "import time\nwhile True:\n    time.sleep(0.01)\n"


def containers_in(folder: Path) -> list[str]:
    """Names of the containers whose scratch folder lies in `folder`."""
    with Engine() as engine:
        return [name for name, scratch in engine.containers() if folder in Path(scratch).parents]


def wait_until_busy(folder: Path, count: int) -> None:
    """Wait until `count` containers under `folder` run two processes each: a parent and a job."""
    while sum(processes_in(name) == 2 for name in containers_in(folder)) < count:
        threading.Event().wait(0.1)


def processes_in(name: str) -> int:
    """How many processes a container runs; none where it does not run."""
    with Engine() as engine, suppress(APIError):
        return len(engine.client().api.top(name, "-eo pid")["Processes"])
    return 0


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """All that the engine knows of a container."""
    found: dict[str, Any] = engine.client().api.inspect_container(name)
    return found


def test_a_container_is_closed_off(docker_sandbox: DockerSandbox, engine: Engine) -> None:
    worker = docker_sandbox._checkers[0]
    worker.warm()
    found = inspect(engine, worker.name)  # type: ignore[attr-defined]
    host, labels = found["HostConfig"], found["Config"]["Labels"]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert sorted(c.removeprefix("CAP_") for c in host["CapAdd"]) == ["KILL", "SETGID", "SETUID"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Memory"] == host["MemorySwap"] > 0
    assert host["PidsLimit"] == 256
    assert host["NanoCpus"] == 1_000_000_000
    assert host["IpcMode"] == "none"
    assert not host["Privileged"]
    assert list(host["Tmpfs"]) == ["/scratch"]
    assert all(mount["RW"] is False for mount in found["Mounts"])
    assert labels["archwright"] == "1"
    assert labels["archwright.pid"] == str(os.getpid())


def test_nothing_that_holds_labels_is_mounted(
    docker_sandbox: DockerSandbox, engine: Engine
) -> None:
    worker = docker_sandbox._checkers[0]
    worker.warm()
    found = inspect(engine, worker.name)  # type: ignore[attr-defined]
    targets = {mount["Destination"] for mount in found["Mounts"]}
    assert "/site/torch" in targets
    assert not [t for t in targets if "sklearn" in t or t == "/site" or "archwright/" in t]


def test_the_candidate_is_a_user_of_its_own_each_time(
    docker_sandbox: DockerSandbox, problem: Problem, doing: Callable[[str], str]
) -> None:
    body = "found = os.getuid(), os.geteuid(), os.getgid(), os.getgroups()"
    first, second = (docker_sandbox.check(doing(body), problem).error for _ in range(2))
    users = [int(e.partition("found: (")[2].partition(",")[0]) for e in (first, second)]
    assert users[1] == users[0] + 1
    assert users[0] >= 20_000
    assert f"({users[0]}, {users[0]}, {users[0]}, [])" in first


def test_stop_frees_every_caller_and_leaves_no_container(
    docker_settings: DockerSettings, make_job: Jobs, tmp_path: Path
) -> None:
    with (
        DockerSandbox(1, scratch=tmp_path, settings=docker_settings) as sandbox,
        ThreadPoolExecutor(2) as pool,
    ):
        futures = [pool.submit(sandbox.train, make_job(FOREVER)) for _ in range(2)]
        wait_until_busy(tmp_path, 1)
        assert len(containers_in(tmp_path)) == 2
        sandbox.stop()
        assert containers_in(tmp_path) == []
        wait(futures)
        assert all(isinstance(future.exception(), Stopped) for future in futures)
        with pytest.raises(Stopped):
            sandbox.train(make_job())
    assert list(tmp_path.glob("run-*")) == []


def test_a_container_that_is_killed_is_replaced(
    docker_settings: DockerSettings, engine: Engine, make_job: Jobs, tmp_path: Path
) -> None:
    with (
        DockerSandbox(1, scratch=tmp_path, settings=docker_settings) as sandbox,
        ThreadPoolExecutor(1) as pool,
    ):
        worker = sandbox._trainers[0]
        future = pool.submit(sandbox.train, make_job(FOREVER))
        wait_until_busy(tmp_path, 1)
        first = worker.name  # type: ignore[attr-defined]
        engine.kill(first)
        assert future.result().status is Status.KILLED
        assert sandbox.train(make_job()).status is Status.OK
        assert first not in containers_in(tmp_path)
        clean = worker.name  # type: ignore[attr-defined]
        left = "import os\nos.makedirs('a/b')\nopen('a/b/c', 'w')\n" + GOOD
        assert sandbox.train(make_job(left)).status is Status.OK
        assert worker.name != clean  # type: ignore[attr-defined]  # what cannot be removed costs it


def test_a_job_that_asks_for_more_memory_gets_a_larger_container(
    docker_settings: DockerSettings, engine: Engine, make_job: Jobs, tmp_path: Path
) -> None:
    with DockerSandbox(1, scratch=tmp_path, settings=docker_settings) as sandbox:
        assert sandbox.train(make_job(memory_mb=2500)).status is Status.OK
        name = sandbox._trainers[0].name  # type: ignore[attr-defined]
        limit = inspect(engine, name)["HostConfig"]["Memory"]
        assert limit > 2500 << 20


ORCHESTRATOR = """
import sys, threading
from pathlib import Path
from archwright.core import Problem, Recipe, TrialJob
from archwright.sandbox.docker.sandbox import DockerSandbox
from archwright.sandbox.docker.engine import DockerSettings

problem = Problem("Model", (8,), (3,), "cross_entropy", 10_000)
job = TrialJob({source!r}, problem, Recipe(), 10, 0, Path(sys.argv[2]))
settings = DockerSettings(image={image!r})
with DockerSandbox(1, scratch=Path(sys.argv[1]), settings=settings) as sandbox:
    sandbox.train(job)
"""


def test_the_death_of_the_orchestrator_ends_its_containers(
    docker_settings: DockerSettings, data: Path, tmp_path: Path
) -> None:
    script = ORCHESTRATOR.format(source=FOREVER, image=docker_settings.image)
    command = [sys.executable, "-c", script, str(tmp_path), str(data)]
    with subprocess.Popen(command) as orchestrator:
        wait_until_busy(tmp_path, 1)
        orchestrator.send_signal(signal.SIGKILL)
    while containers_in(tmp_path):  # by the end of its input alone; nobody removes it
        threading.Event().wait(0.1)
    Scratch(tmp_path).remove()
    assert list(tmp_path.glob("run-*")) == []


def _names(engine: Engine) -> set[str]:
    return {c["Names"][0].lstrip("/") for c in engine.client().api.containers(all=True)}


def test_leftovers_are_removed_and_nothing_else(
    docker_settings: DockerSettings, engine: Engine, tmp_path: Path
) -> None:
    living = Scratch(tmp_path)
    given = {
        "left": (owner(), tmp_path / "run-gone"),
        "living": (owner(), living.path),
        "other": ("someone-9@elsewhere", tmp_path / "run-gone"),
    }
    names = {key: f"archwright-test-{key}-{os.getpid()}" for key in given}
    try:
        for key, (user, scratch) in given.items():
            engine.client().containers.create(
                docker_settings.image,
                "true",
                name=names[key],
                labels={OWNER_LABEL: user, SCRATCH_LABEL: str(scratch)},
                network_mode="none",
            )
        engine.remove_leftovers()
        there = _names(engine)
        while names["left"] in there:  # another run on this machine may be removing it as well
            threading.Event().wait(0.1)
            there = _names(engine)
        assert {names["living"], names["other"]} <= there
    finally:
        living.remove()
        for name in names.values():
            engine.kill(name)


def test_the_image_is_built_from_the_command_line(
    docker_settings: DockerSettings,
    engine: Engine,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    # from itself: the one base that is here for sure
    image = ["--image", "archwright-sandbox:test-command"]
    base = ["--base", docker_settings.image]
    assert main(["sandbox", "build", *base, *image, "--mount-site-packages", "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["image"], said["torch"]) == (image[1], "mounted")
    assert said["id"].startswith("sha256:")
    assert main(["sandbox", "build", *image, "--wheels", str(tmp_path / "none")]) == 2
    assert "pip download torch" in capfd.readouterr().err
    assert main(["sandbox", "build", *image, "--base", str(tmp_path)]) == 2
    assert "could not be built" in capfd.readouterr().err
    engine.client().images.remove(image[1])


def test_auto_takes_docker_and_says_so(docker_settings: DockerSettings) -> None:
    sandbox = open_sandbox("auto", 1, docker_settings)
    assert sandbox.name == "docker"
    assert docker_settings.image in sandbox.choice
    found = next(a for a in available(docker_settings) if a.name == "docker")
    assert found.ok
    assert "mounted from this environment" in found.detail
    assert "withstood every probe" in found.detail


def test_an_image_of_someone_else_is_refused(docker_settings: DockerSettings) -> None:
    del docker_settings  # an engine that answers
    with pytest.raises(InputError, match="sandbox build"):
        open_sandbox("docker", 1, DockerSettings(image="archwright-base:bookworm"))


def test_an_unknown_runtime_is_the_sandboxes_error(
    docker_settings: DockerSettings, problem: Problem, tmp_path: Path
) -> None:
    settings = DockerSettings(docker_settings.image, runtime="there-is-none")
    with (
        DockerSandbox(1, scratch=tmp_path, settings=settings) as sandbox,
        pytest.raises(SandboxError, match="there-is-none"),
    ):
        sandbox.check(GOOD, problem)
