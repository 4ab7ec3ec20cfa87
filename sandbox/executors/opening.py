"""Where trials run, by name: this machine, or a Ray cluster."""

from __future__ import annotations

from archwright.core.settings import RunSettings
from archwright.sandbox import Sandbox
from archwright.sandbox.docker.engine import DockerSettings
from archwright.sandbox.executors import Launcher
from archwright.sandbox.executors.messages import AgentPlan
from archwright.sandbox.opening import open_sandbox

LOCAL = "local"


def open_executor(settings: RunSettings) -> Sandbox:
    """What a run's trials run in, not yet entered.

    Raises:
        InputError: it does not exist here; the message names the fix.
    """
    docker = DockerSettings.of(settings)
    if settings.on == LOCAL:
        return open_sandbox(settings.sandbox, settings.workers, docker)
    from archwright.sandbox.executors.remote import RemoteSandbox

    plan = AgentPlan(
        sandbox=settings.sandbox,
        image=docker.image,
        runtime=docker.runtime,
        slots=settings.node_workers,
        gpu_share=settings.gpu_share,
        cache_mb=settings.node_cache_mb,
    )
    return RemoteSandbox(_launcher(settings), plan, settings.workers)


def check_executor(settings: RunSettings) -> None:
    """Whether what the settings name can be reached from here at all; nothing is started.

    Raises:
        InputError: it cannot; the message names the fix.
    """
    if settings.on != LOCAL:
        _launcher(settings)


def _launcher(settings: RunSettings) -> Launcher:
    from archwright.sandbox.executors.ray_agents import RayAgents

    address = None if settings.on == "ray" else settings.on
    return RayAgents(address, settings.node_workers, bool(settings.gpus))
