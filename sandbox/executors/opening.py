"""Where trials run, by name: this machine, a Ray cluster, or jobs of Slurm."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Final

from archwright.core import InputError
from archwright.core.settings import RunSettings
from archwright.sandbox import Sandbox
from archwright.sandbox.docker.engine import DockerSettings, is_engine_here
from archwright.sandbox.executors import Launcher
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.machine import has_gpu_driver
from archwright.sandbox.opening import open_sandbox

LOCAL = "local"


def open_executor(settings: RunSettings, jobs: Path, kind: str = "") -> Sandbox:
    """What a run's trials run in, not yet entered.

    Args:
        jobs: the run's folder for what jobs write.
        kind: of the machine that it trained on before, which a cluster is asked for again.

    Raises:
        InputError: it does not exist here; the message names the fix.
    """
    docker = DockerSettings.of(settings)
    if settings.on == LOCAL:
        return open_sandbox(settings.sandbox, settings.workers, docker, settings.gpus)
    from archwright.sandbox.executors.remote import RemoteSandbox

    plan = AgentPlan(
        sandbox=settings.sandbox,
        image=docker.image,
        runtime=docker.runtime,
        slots=settings.node_workers,
        gpu_share=settings.gpu_share,
        cache_mb=settings.node_cache_mb,
    )
    launcher = _launcher(settings, jobs)
    if settings.on != "slurm":
        return RemoteSandbox(launcher, plan, settings.workers, kind)
    patience = 60 * settings.queue_minutes
    return RemoteSandbox(launcher, plan, settings.workers, kind, patience, patience)


MOST_LOCAL: Final = 512
"""Workers of one machine: each is a process with torch in it."""


def check_executor(settings: RunSettings) -> None:
    """Whether what the settings name can be reached from here at all; nothing is started.

    Raises:
        InputError: it cannot; the message names the fix.
    """
    if settings.on != LOCAL:
        _launcher(settings, Path())
    elif settings.gpus and is_engine_here() and not has_gpu_driver():
        raise InputError(
            f"GPU {settings.gpus[0]} was asked for, but this machine has no driver of one "
            "(nvidia-smi lists what there is): leave gpus out"
        )
    elif settings.workers > MOST_LOCAL:
        raise InputError(
            f"workers {settings.workers} is more than one machine bears; give it one for each of "
            f"its {os.cpu_count()} cores, or nodes to spread over (--on)"
        )


def _launcher(settings: RunSettings, jobs: Path) -> Launcher:
    if settings.on == "slurm":
        from archwright.sandbox.executors.slurm.agents import SlurmAgents

        return SlurmAgents(settings, jobs)
    if importlib.util.find_spec("ray") is None:
        raise InputError(
            "ray is not installed: pip install 'archwright[ray]'; or leave --on out to train on "
            "this machine"
        )
    from archwright.sandbox.executors.bridge import Bridge

    address = None if settings.on == "ray" else settings.on
    return Bridge(
        "ray", address=address, slots=settings.node_workers, wants_gpus=bool(settings.gpus)
    )
