"""Which sandbox is taken, why, and what is said where one is missing."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from archwright.cli import main
from archwright.core import InputError
from archwright.core.settings import SandboxName
from archwright.sandbox.docker.engine import DockerSettings
from archwright.sandbox.opening import CHOICES, SANDBOXES, available, look_at_docker, open_sandbox

ABSENT = DockerSettings(image="archwright-sandbox:there-is-none")


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The engine's socket is not there."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a program nor a socket of Docker's is found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")


@pytest.mark.docker
@pytest.mark.usefixtures("no_engine", "docker_settings")
def test_an_engine_that_is_down_is_to_be_started() -> None:
    state = look_at_docker(ABSENT)
    assert not state.ok
    assert "no Docker Engine answers" in state.detail
    assert "start it" in state.fix


@pytest.mark.usefixtures("no_docker")
def test_where_docker_is_missing_it_is_to_be_installed() -> None:
    state = look_at_docker(ABSENT)
    assert "not installed" in state.detail
    assert state.fix.startswith("install Docker Engine")
    sandbox = open_sandbox("auto", 1, ABSENT)
    assert sandbox.name == "process"
    assert sandbox.choice.startswith("auto took the process sandbox: docker is not installed")
    with pytest.raises(InputError, match="install Docker Engine; or use --sandbox process"):
        open_sandbox("docker", 1, ABSENT)
    with_gpu = open_sandbox("auto", 1, ABSENT, gpus=(0,))
    assert (with_gpu.name, with_gpu.choice) == ("process", sandbox.choice)
    with pytest.raises(InputError, match="install Docker Engine; or use --sandbox process"):
        open_sandbox("docker", 1, ABSENT, gpus=(0,))


@pytest.mark.docker
@pytest.mark.usefixtures("docker_settings")  # an engine that answers
def test_an_image_that_is_missing_is_to_be_built() -> None:
    state = look_at_docker(ABSENT)
    assert not state.ok
    assert f"has no image {ABSENT.image}" in state.detail
    assert "install" not in state.fix
    assert "sandbox build (--base IMAGE" in state.fix
    choice = open_sandbox("auto", 1, ABSENT).choice
    assert choice.startswith("auto took the process sandbox: the Docker Engine has no image")


@pytest.mark.usefixtures("no_docker")
def test_try_says_which_sandbox_it_took(spirals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", str(spirals / "baseline.py"), "--task", str(spirals)]) == 0
    assert "auto took the process sandbox: docker is not installed" in capsys.readouterr().err


def test_every_sandbox_is_a_line_and_only_those_that_isolate_are_offered() -> None:
    assert set(SANDBOXES) == {"process", "docker", "in-process"}
    assert CHOICES == ("auto", "docker", "process")
    assert set(CHOICES) == set(get_args(SandboxName)), "the settings offer the same"
    assert [found.name for found in available(ABSENT)] == ["process", "docker"]
    assert open_sandbox("in-process", 2).name == "in-process"
    with pytest.raises(InputError, match="'chroot'; use auto, docker or process"):
        open_sandbox("chroot", 1)
