"""A small problem of each kind, its data, and the sandboxes under test."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sandbox_candidates import GOOD

from archwright.core import Backbone, Problem, Recipe, SandboxError, TrialJob
from archwright.core.settings import RunSettings
from archwright.sandbox import Sandbox
from archwright.sandbox.docker import image
from archwright.sandbox.docker.engine import DockerSettings, Engine
from archwright.sandbox.docker.sandbox import DockerSandbox
from archwright.sandbox.executors.bridge import Bridge
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.executors.remote import RemoteSandbox
from archwright.sandbox.executors.slurm.agents import SlurmAgents
from archwright.sandbox.executors.slurm.fake import write_fake_slurm
from archwright.sandbox.in_process import InProcessSandbox
from archwright.sandbox.process import ProcessSandbox


@pytest.fixture(scope="session")
def problem() -> Problem:
    """Three classes from eight numbers."""
    return Problem("Model", (8,), (3,), "cross_entropy", max_params=10_000)


@pytest.fixture(scope="session")
def sequences() -> Problem:
    """The next of five tokens, twelve positions, causal."""
    return Problem(
        "Mixer", (12,), (12, 5), "cross_entropy", 10_000,
        vocabulary=5, causal=True, backbone=Backbone(width=8, layers=2),
    )  # fmt: skip


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of `problem`, with two splits to predict."""
    folder = tmp_path_factory.mktemp("data")
    draw = np.random.default_rng(0)
    for split, samples in (("train", 200), ("validation", 90), ("test", 33)):
        x = draw.normal(size=(samples, 8)).astype(np.float32)
        np.save(folder / f"{split}_x.npy", x)
        if split == "train":
            np.save(folder / f"{split}_y.npy", x[:, :3].argmax(1))
    return folder


@pytest.fixture(scope="session")
def token_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of `sequences`; every other label is not scored."""
    folder = tmp_path_factory.mktemp("tokens")
    tokens = np.random.default_rng(1).integers(5, size=(64, 13))
    labels = tokens[:, 1:].copy()
    labels[:, ::2] = -1
    np.save(folder / "train_x.npy", tokens[:, :-1])
    np.save(folder / "train_y.npy", labels)
    np.save(folder / "validation_x.npy", tokens[:10, :-1])
    return folder


@pytest.fixture(scope="session")
def make_job(problem: Problem, data: Path) -> Callable[..., TrialJob]:
    """A short training of a source on `problem`; any field can be given."""

    def make(source: str = GOOD, **fields: object) -> TrialJob:
        given = {
            "problem": problem, "recipe": Recipe(), "steps": 30, "seed": 0, "data": data,
            "seconds_limit": 60.0, **fields,
        }  # fmt: skip
        return TrialJob(source=source, **given)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def process_sandbox() -> Iterator[ProcessSandbox]:
    """One for all tests that leave it whole."""
    os.environ["ARCHWRIGHT_TEST_SECRET"] = "s3cret"
    with ProcessSandbox(workers=2) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The engine of this machine, if there is one."""
    with Engine() as found:
        yield found


@pytest.fixture(scope="session")
def docker_settings(engine: Engine) -> DockerSettings:
    """An image to make containers from, built here: torch is mounted from this environment.

    Without an engine or a base image the test is skipped, unless ARCHWRIGHT_REQUIRE_DOCKER is set.
    """
    settings = DockerSettings(image="archwright-sandbox:test")
    try:
        engine.version()
        base = _local_base(engine)
        image.build(image.ImageSpec(settings.image, base, mount_site_packages=True))
    except SandboxError as error:
        if os.environ.get("ARCHWRIGHT_REQUIRE_DOCKER"):
            pytest.fail(f"the Docker tests must run, but {error}")
        pytest.skip(f"no container can be made here: {error}")
    return settings


def _local_base(engine: Engine) -> str:
    """A base image that is here already: a test downloads nothing."""
    bases = ("archwright-base:bookworm", image.PYTHON)
    for base in bases:
        if engine.client().images.list(base):
            return base
    raise SandboxError(f"no base image is here; docker pull {bases[1]}")


@pytest.fixture(scope="session")
def docker_sandbox(docker_settings: DockerSettings) -> Iterator[DockerSandbox]:
    """One for all tests that leave it whole."""
    with DockerSandbox(workers=1, settings=docker_settings) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def agents_sandbox() -> Iterator[RemoteSandbox]:
    """A node on this machine, across a bridge, for all tests that leave it whole."""
    with RemoteSandbox(Bridge("local", slots=2), AgentPlan("process"), workers=2) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def slurm_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteSandbox]:
    """A job of a Slurm that is none, for all tests that leave it whole."""
    folder = tmp_path_factory.mktemp("run")
    commands = str(write_fake_slurm(folder / "commands"))
    launcher = SlurmAgents(RunSettings(on="slurm", job_cpus=2), folder / "jobs", commands)
    with RemoteSandbox(launcher, AgentPlan("process"), workers=2) as sandbox:
        yield sandbox


DOCKER = pytest.param("docker", marks=pytest.mark.docker)


def _sandbox(request: pytest.FixtureRequest) -> Sandbox:
    found: Sandbox = request.getfixturevalue(f"{request.param}_sandbox")
    return found


@pytest.fixture(params=["process", DOCKER, "in_process", "agents", "slurm"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Every sandbox there is, by name: add a name, inherit the suite."""
    return InProcessSandbox(workers=2) if request.param == "in_process" else _sandbox(request)


@pytest.fixture(params=["process", DOCKER])
def jail(request: pytest.FixtureRequest) -> Sandbox:
    """Every sandbox that isolates."""
    return _sandbox(request)


@pytest.fixture(scope="session")
def doing() -> Callable[[str], str]:
    """Source of a candidate that runs `body` while it is built, and raises what `body` finds."""

    def make(body: str) -> str:
        return (
            "import os, sys\nfrom torch import nn\n"
            "class Model(nn.Module):\n"
            "    def __init__(self, i, o):\n"
            "        found = None\n"
            + textwrap.indent(textwrap.dedent(body), " " * 8)
            + "\n        raise RuntimeError(f'found: {found}')\n"
        )

    return make
