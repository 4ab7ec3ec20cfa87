"""Sandboxes by name."""

from __future__ import annotations

from typing import Final, NamedTuple

from archwright.core import ArchwrightError, InputError, SandboxError
from archwright.core.settings import Kind
from archwright.sandbox import Sandbox
from archwright.sandbox.docker.engine import (
    BUILD,
    DockerSettings,
    engine_version,
    mounts_site_packages,
)

START: Final = "install Docker Engine, start it, then: archwright sandbox build"


class Availability(NamedTuple):
    """Whether a kind of sandbox works on this machine."""

    name: str
    ok: bool
    detail: str
    fix: str


def open_sandbox(kind: Kind, workers: int, docker: DockerSettings | None = None) -> Sandbox:
    """The sandbox of that kind, not yet entered, for `workers` trainings at a time.

    `auto` is docker where the engine answers and the image is there, else process; the sandbox's
    `choice` says which and why. GPUs are given to containers alone.

    Raises:
        InputError: it does not exist here; the message names the fix.
    """
    if kind not in ("auto", "process", "docker"):
        raise InputError(f"no sandbox is called {kind!r}; use auto, process or docker")
    if workers < 1:
        raise InputError(f"{workers} workers cannot train anything; give at least 1")
    docker = docker or DockerSettings()
    if kind == "process":
        if docker.gpus:
            raise InputError(
                "gpus are given to containers alone: use --sandbox docker, or leave gpus out"
            )
        return _make(kind, workers, "", docker)
    state = look_at_docker(docker)
    if not state.ok and (kind == "docker" or docker.gpus):
        other = "leave gpus out" if docker.gpus else "use --sandbox process"
        raise InputError(f"{state.detail}; or {other}")
    taken: Kind = "docker" if state.ok else "process"
    choice = f"auto took the {taken} sandbox: {state.detail}" if kind == "auto" else ""
    return _make(taken, workers, choice, docker)


def _make(kind: Kind, workers: int, choice: str, docker: DockerSettings) -> Sandbox:
    if kind == "docker":
        from archwright.sandbox.docker.sandbox import DockerSandbox

        return DockerSandbox(workers, choice=choice, settings=docker)
    from archwright.sandbox.process import ProcessSandbox

    return ProcessSandbox(workers, choice=choice)


def look_at_docker(settings: DockerSettings) -> Availability:
    """Whether the engine answers and has the image; no container is started."""
    try:
        version = engine_version()
    except SandboxError as error:
        return Availability("docker", False, str(error), START)
    try:
        mounted = mounts_site_packages(settings.image)
    except InputError as error:
        return Availability("docker", False, str(error), BUILD)
    torch = "torch mounted from this environment, read-only" if mounted else "torch in the image"
    detail = f"Docker Engine {version} has image {settings.image}, {torch}"
    return Availability("docker", True, detail, "")


def available(docker: DockerSettings | None = None) -> list[Availability]:
    """Each kind of sandbox, tried on this machine."""
    return [_try_process(), _try_docker(docker or DockerSettings())]


def _try_process() -> Availability:
    from archwright.sandbox.process import find_machine_limitations

    fix = "see the line's reason; `python -c 'import torch'` must work"
    try:
        limitations = find_machine_limitations()
    except SandboxError as error:
        return Availability("process", False, str(error), fix)
    weak = ", ".join(limitation.name for limitation in limitations)
    detail = (
        f"works, but does not hold: {weak}" if limitations else "works, and every probe of it held"
    )
    return Availability("process", True, detail, "")


def _try_docker(settings: DockerSettings) -> Availability:
    state = look_at_docker(settings)
    if not state.ok:
        return state
    from archwright.sandbox.docker.sandbox import find_container_limitations

    try:
        limitations = find_container_limitations(settings)
    except ArchwrightError as error:
        return Availability("docker", False, str(error), "see the reason; or use --sandbox process")
    weak = ", ".join(limitation.name for limitation in limitations)
    held = f"does not hold: {weak}" if limitations else "every probe of it held"
    return Availability("docker", True, f"{state.detail}; {held}", "")
