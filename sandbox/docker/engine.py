"""The Docker Engine, asked through its own command line: contexts, remote engines, logins all hold.

Only containers that carry Archwright's label, of this user on this machine, are ever removed.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from archwright.core import InputError, SandboxError
from archwright.core.settings import IMAGE, SandboxSettings
from archwright.sandbox.scratch import is_abandoned

MOUNTED_LABEL: Final = "archwright.site-packages"
"""A label of the image: `mount` where torch comes from the host, `image` where it is inside."""

BUILD: Final = "make it: archwright sandbox build (--base IMAGE takes another base)"

OWNER_LABEL, SCRATCH_LABEL = "archwright.owner", "archwright.scratch"
_ANSWER_SECONDS: Final = 10.0
_REMOVE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """How containers are made."""

    image: str = IMAGE
    """The image; `archwright sandbox build` makes it."""
    runtime: str = ""
    """The engine's runtime, such as runc or runsc (gVisor); empty for the engine's default."""
    gpus: tuple[int, ...] = ()
    """Accelerators by index, shared out among the training slots; none unless asked for."""
    cpus: float = 1.0
    """Cores that a container may use."""

    @classmethod
    def of(cls, settings: SandboxSettings) -> Self:
        """As a run's settings have it."""
        return cls(settings.image, settings.runtime, settings.gpus)


def ask(*words: str, seconds: float = _ANSWER_SECONDS) -> str:
    """What `docker WORDS` prints.

    Raises:
        SandboxError: there is no docker, no answer in time, or it refused; the message says why.
    """
    try:
        done = subprocess.run(
            ["docker", *words], capture_output=True, text=True, errors="replace", timeout=seconds
        )
    except FileNotFoundError:
        raise SandboxError("docker is not installed; install Docker Engine") from None
    except subprocess.TimeoutExpired:
        raise SandboxError(f"the Docker Engine does not answer within {seconds:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SandboxError(f"docker {words[0]}: {lines[-1].strip()}")
    return done.stdout.strip()


def engine_version() -> str:
    """The engine's version.

    Raises:
        SandboxError: it does not answer.
    """
    try:
        return ask("version", "--format", "{{.Server.Version}}")
    except SandboxError as error:
        if "not installed" in str(error):
            raise
        raise SandboxError(f"no Docker Engine answers ({error}); start it") from error


def mounts_site_packages(image: str) -> bool:
    """Whether an image of Archwright's expects torch from the host.

    Raises:
        InputError: there is no such image, or it is none of Archwright's.
    """
    template = f'{{{{index .Config.Labels "{MOUNTED_LABEL}"}}}}'
    try:
        label = ask("image", "inspect", "--format", template, image)
    except SandboxError as error:
        raise InputError(f"the Docker Engine has no image {image}; {BUILD}") from error
    if label not in ("mount", "image"):
        raise InputError(f"image {image} was not made by Archwright; {BUILD}")
    return label == "mount"


def owner() -> str:
    """This user on this machine, as the label of a container names them."""
    return f"{getpass.getuser()}-{os.getuid()}@{socket.gethostname()}"


def containers(*filters: str) -> list[tuple[str, str]]:
    """Name and scratch folder of this user's Archwright containers, running or not."""
    given = [word for filter_ in filters for word in ("--filter", filter_)]
    own = ("--filter", f"label={OWNER_LABEL}={owner()}")
    shape = f'{{{{.Names}}}}\t{{{{.Label "{SCRATCH_LABEL}"}}}}'
    lines = ask("ps", "--all", *own, *given, "--format", shape).splitlines()
    return [(name, folder) for name, _, folder in (line.partition("\t") for line in lines)]


def remove(name: str) -> None:
    """Kill and remove a container, and check that it is gone.

    Raises:
        SandboxError: it is still there.
    """
    deadline = time.monotonic() + _REMOVE_SECONDS
    while containers(f"name=^{name}$"):
        if time.monotonic() > deadline:
            raise SandboxError(f"container {name} could not be removed: docker rm --force {name}")
        kill(name)


def kill(name: str) -> None:
    """Kill and remove a container, which may not be there (yet, or any more)."""
    with suppress(SandboxError):
        ask("rm", "--force", "--volumes", name, seconds=_REMOVE_SECONDS)


def remove_leftovers() -> list[str]:
    """Remove this user's containers whose orchestrator is dead. Returns their names."""
    left = [name for name, folder in containers() if is_abandoned(Path(folder))]
    for name in left:
        remove(name)
    return left
