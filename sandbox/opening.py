"""Sandboxes by name: which there are, which one is taken, what each can do on this machine."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from archwright.core import ArchwrightError, InputError, SandboxError
from archwright.sandbox import Sandbox
from archwright.sandbox.docker.engine import BUILD, DockerSettings, Engine

START: Final = "install Docker Engine, start it, then: archwright sandbox build"


class Availability(NamedTuple):
    """Whether a kind of sandbox works on this machine."""

    name: str
    ok: bool
    detail: str
    fix: str


@dataclass(frozen=True, slots=True)
class SandboxKind:
    """Where a kind of sandbox is defined, and how it is tried.

    It is imported when one is first made. A class that isolates takes `choice` and `gpus` as well.
    """

    module: str
    class_name: str
    try_out: Callable[[DockerSettings, tuple[int, ...]], Availability] | None = None
    """None where it isolates nothing: such a one is not offered to users."""

    def make(self, workers: int, **settings: Any) -> Sandbox:
        """One, not yet entered."""
        made = getattr(
            importlib.import_module(f"archwright.sandbox.{self.module}"), self.class_name
        )
        return cast(Sandbox, made(workers, **settings))


def open_sandbox(
    kind: str,
    workers: int,
    docker: DockerSettings | None = None,
    gpus: tuple[int, ...] = (),
    process_gpus: tuple[int, ...] | None = None,
) -> Sandbox:
    """The sandbox of that kind, not yet entered, for `workers` trainings at a time.

    `auto` is docker where the engine answers and the image is there, else process; the sandbox's
    `choice` says which and why.

    Args:
        gpus: those that train, by the host's index; without any, the CPU does.
        process_gpus: the same as processes here count them, where that differs.

    Raises:
        InputError: it does not exist here; the message names the fix.
    """
    if kind != "auto" and kind not in SANDBOXES:
        raise InputError(
            f"no sandbox is called {kind!r}; use {', '.join(CHOICES[:-1])} or {CHOICES[-1]}"
        )
    if workers < 1:
        raise InputError(f"{workers} workers cannot train anything; give at least 1")
    docker = docker or DockerSettings()
    if kind in SANDBOXES and SANDBOXES[kind].try_out is None:
        if gpus:
            raise InputError(f"the {kind} sandbox trains on the CPU alone: leave gpus out")
        return SANDBOXES[kind].make(workers)
    in_processes = gpus if process_gpus is None else process_gpus
    if kind == "process":
        return SANDBOXES[kind].make(workers, gpus=in_processes)
    state = look_at_docker(docker)
    if not state.ok and kind == "docker":
        raise InputError(f"{state.detail}; or use --sandbox process")
    taken = "docker" if state.ok else "process"
    choice = f"auto took the {taken} sandbox: {state.detail}" if kind == "auto" else ""
    given = {"settings": docker, "gpus": gpus} if state.ok else {"gpus": in_processes}
    return SANDBOXES[taken].make(workers, choice=choice, **given)


def look_at_docker(settings: DockerSettings) -> Availability:
    """Whether the engine answers and has the image; no container is started."""
    with Engine() as engine:
        try:
            version = engine.version()
        except SandboxError as error:
            return Availability("docker", False, str(error), START)
        try:
            mounted = engine.mounts_site_packages(settings.image)
        except (InputError, SandboxError) as error:
            return Availability("docker", False, str(error), BUILD)
    torch = "torch mounted from this environment, read-only" if mounted else "torch in the image"
    detail = f"Docker Engine {version} has image {settings.image}, {torch}"
    return Availability("docker", True, detail, "")


def available(
    docker: DockerSettings | None = None, gpus: tuple[int, ...] = ()
) -> list[Availability]:
    """Each kind of sandbox that is offered, tried on this machine, with these GPUs."""
    settings = docker or DockerSettings()
    return [kind.try_out(settings, gpus) for kind in SANDBOXES.values() if kind.try_out]


def _try_process(settings: DockerSettings, gpus: tuple[int, ...]) -> Availability:
    from archwright.sandbox.process import find_machine_limitations

    del settings
    fix = "see the reason; `python -c 'import torch'` must work"
    try:
        limitations = find_machine_limitations(gpus)
    except SandboxError as error:
        return Availability("process", False, str(error), fix)
    weak = ", ".join(limitation.name for limitation in limitations)
    detail = (
        f"works, but does not prevent: {weak}"
        if limitations
        else "works, and withstood every probe"
    )
    return Availability("process", True, detail, "")


def _try_docker(settings: DockerSettings, gpus: tuple[int, ...]) -> Availability:
    state = look_at_docker(settings)
    if not state.ok:
        return state
    from archwright.sandbox.docker.sandbox import find_container_limitations

    try:
        limitations = find_container_limitations(settings, gpus)
    except ArchwrightError as error:
        return Availability("docker", False, str(error), "see the reason; or use --sandbox process")
    weak = ", ".join(limitation.name for limitation in limitations)
    held = f"does not prevent: {weak}" if limitations else "withstood every probe"
    return Availability("docker", True, f"{state.detail}; {held}", "")


SANDBOXES: Final[Mapping[str, SandboxKind]] = {
    "process": SandboxKind("process", "ProcessSandbox", _try_process),
    "docker": SandboxKind("docker.sandbox", "DockerSandbox", _try_docker),
    "in-process": SandboxKind("in_process", "InProcessSandbox"),
}
"""Every sandbox there is: one line each."""

CHOICES: Final = ("auto", *sorted(name for name, kind in SANDBOXES.items() if kind.try_out))
"""What `--sandbox` and the setting `sandbox` take."""
