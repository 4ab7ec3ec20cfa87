"""What tests share: a task that trains in moments, and workspaces."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from postgresql_server import Server, start_server

# Tests run side by side, a core each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes is the machine's affair.
settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")


MANY = 1000
HEAVY = ("torch._dynamo", "sklearn.gaussian_process", "sklearn.ensemble", "scipy.stats")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the garbage collector look through less, and less often: torch, its compiler and the rest
    are loaded in one process, and none of that ever goes."""
    if len(session.items) < MANY:
        return
    for name in HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first; tests of containers share one engine, and so one process."""
    for item in items:
        if item.get_closest_marker("docker"):
            item.add_marker(pytest.mark.xdist_group("docker"))
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("xdist_group", "slow"))))


TASK_TOML = """\
name = "spirals"
summary = "Tell two interleaved spirals apart."
metric = "accuracy"
direction = "maximize"
unit = "%"
rungs = [15, 45]
input_shape = [2]
output_shape = [2]
contract = "Define class Model(nn.Module) with __init__(self, input_shape, output_shape)."

[limits]
max_params = 20000

[recipe]
learning_rate = 0.01
batch_size = 16
"""

TASK_PY = """\
import numpy as np

SIZES = {"train": 96, "validation": 200, "test": 200}


def load(split, seed):
    offset = {"train": 1 + seed, "validation": 7001, "test": 7002}[split]
    rng = np.random.default_rng(offset)
    y = rng.integers(0, 2, SIZES[split])
    turn = rng.uniform(0.2, 1.0, SIZES[split])
    angle = 6.0 * turn + np.pi * y
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=1)
    x = x + rng.normal(0.0, 0.08, x.shape)
    return x.astype(np.float32), y.astype(np.int64)
"""

BASELINE_PY = '''\
"""A linear model in two layers: no width helps it."""

import torch.nn as nn


class Model(nn.Module):
    def __init__(self, input_shape, output_shape):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(input_shape[0], 16),
            nn.Linear(16, output_shape[0]),
        )

    def forward(self, x):
        return self.layers(x)
'''


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder that workspaces share."""
    folder = tmp_path / "lab"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def make_task() -> Callable[[Path], Path]:
    """Makes a task folder whose trials take moments."""

    def make(folder: Path) -> Path:
        folder.mkdir()
        (folder / "task.toml").write_text(TASK_TOML)
        (folder / "task.py").write_text(TASK_PY)
        (folder / "baseline.py").write_text(BASELINE_PY)
        return folder

    return make


@pytest.fixture
def spirals(tmp_path: Path, make_task: Callable[[Path], Path]) -> Path:
    """A task folder whose trials take moments."""
    return make_task(tmp_path / "spirals")


@pytest.fixture(scope="session")
def make_workspace() -> Callable[[Path], Path]:
    """Makes a git repository without any commit, whose runs take the process sandbox: containers
    would make every test's run slow that is about something else."""

    def make(folder: Path) -> Path:
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        (folder / "archwright.toml").write_text('[run]\nsandbox = "process"\n')
        with (folder / ".git/info/exclude").open("a") as excluded:
            excluded.write("archwright.toml\n")
        return folder

    return make


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server."""
    server = start_server()
    yield server
    server.remove()


@pytest.fixture
def workspace(tmp_path: Path, make_workspace: Callable[[Path], Path]) -> Path:
    """An empty workspace."""
    return make_workspace(tmp_path / "workspace")
