"""The Docker Engine, spoken to through the `docker` package.

`DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of `~/.docker/config.json` and its TLS keys
all hold, as they do for the command line; an `ssh://` engine needs `pip install 'docker[ssh]'`. The
command line itself is never called, nor need it be installed. What the SDK cannot do is to build
with BuildKit: images are built by the engine's classic builder, which is all that ours need.

Only containers that carry Archwright's label, of this user on this machine, are ever removed.
"""

from __future__ import annotations

import functools
import getpass
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, Self

from archwright.core import InputError, SandboxError
from archwright.core.settings import IMAGE, SandboxSettings
from archwright.sandbox.pool.scratch import is_abandoned

if TYPE_CHECKING:
    from docker import DockerClient

MOUNTED_LABEL: Final = "archwright.site-packages"
"""A label of the image: `mount` where torch comes from the host, `image` where it is inside."""

BUILD: Final = "make it: archwright sandbox build (--base IMAGE takes another base)"

OWNER_LABEL, SCRATCH_LABEL = "archwright.owner", "archwright.scratch"
ANSWER_SECONDS: Final = 10.0
_REMOVE_SECONDS: Final = 20.0
_SOCKET: Final = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """How containers are made."""

    image: str = IMAGE
    """The image; `archwright sandbox build` makes it."""
    runtime: str = ""
    """The engine's runtime, such as runc or runsc (gVisor); empty for the engine's default."""
    cpus: float = 1.0
    """Cores that a container may use."""

    @classmethod
    def of(cls, settings: SandboxSettings) -> Self:
        """As a run's settings have it."""
        return cls(settings.image, settings.runtime)


class Engine:
    """The engine that the environment names. It is first spoken to when it is first asked.

    It may take `answer_seconds` to answer where nothing else is said.
    """

    def __init__(self, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.answer_seconds = answer_seconds
        self._clients: dict[float, DockerClient] = {}
        self._lock = Lock()

    def client(self, seconds: float | None = None) -> DockerClient:
        """Docker's own client, which waits for an answer at most that long.

        Raises:
            OSError: nobody listens at the engine's socket.
            docker.errors.DockerException: the engine does not answer.
        """
        import docker

        seconds = self.answer_seconds if seconds is None else seconds
        with self._lock:  # containers begin side by side, and a second client would never be closed
            if seconds not in self._clients:
                _knock()
                self._clients[seconds] = docker.from_env(timeout=seconds)  # type: ignore[arg-type]
            return self._clients[seconds]

    def __enter__(self) -> Self:
        """There is nothing to open before it is asked."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open to it."""
        while self._clients:
            self._clients.popitem()[1].close()

    def version(self) -> str:
        """The engine's version.

        Raises:
            SandboxError: it does not answer.
        """
        try:
            with answering("version", self.answer_seconds):
                return str(self.client().version()["Version"])
        except SandboxError as error:
            if _is_missing():
                raise SandboxError("docker is not installed; install Docker Engine") from error
            raise SandboxError(f"no Docker Engine answers ({error}); start it") from error

    def mounts_site_packages(self, image: str) -> bool:
        """Whether an image of Archwright's expects torch from the host.

        Raises:
            InputError: there is no such image, or it is none of Archwright's.
            SandboxError: the engine does not answer.
        """
        from docker.errors import ImageNotFound

        with answering("image", self.answer_seconds):
            try:
                label = self.client().images.get(image).labels.get(MOUNTED_LABEL)
            except ImageNotFound as error:
                raise InputError(f"the Docker Engine has no image {image}; {BUILD}") from error
        if label not in ("mount", "image"):
            raise InputError(f"image {image} was not made by Archwright; {BUILD}")
        return bool(label == "mount")

    def containers(self, label: str = "", name: str = "") -> list[tuple[str, str]]:
        """Name and scratch folder of this user's Archwright containers, running or not."""
        labels = [f"{OWNER_LABEL}={owner()}", *([label] if label else [])]
        filters = {"label": labels, **({"name": f"^{name}$"} if name else {})}
        with answering("ps", self.answer_seconds):
            found = self.client().api.containers(all=True, filters=filters)
        return [(c["Names"][0].lstrip("/"), c["Labels"].get(SCRATCH_LABEL, "")) for c in found]

    def remove(self, name: str) -> None:
        """Kill and remove a container, and check that it is gone.

        Raises:
            SandboxError: it is still there.
        """
        deadline = time.monotonic() + _REMOVE_SECONDS
        while self.containers(name=name):
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"container {name} could not be removed: docker rm --force {name}"
                )
            self.kill(name)

    def kill(self, name: str) -> None:
        """Kill and remove a container, which may not be there (yet, or any more)."""
        with suppress(SandboxError), answering("rm", _REMOVE_SECONDS):
            self.client(_REMOVE_SECONDS).api.remove_container(name, v=True, force=True)

    def remove_leftovers(self) -> list[str]:
        """Remove this user's containers whose orchestrator is dead. Returns their names."""
        left = [name for name, folder in self.containers() if is_abandoned(Path(folder))]
        for name in left:
            self.remove(name)
        return left


@contextmanager
def answering(what: str, seconds: float) -> Iterator[None]:
    """Turn what Docker's client raises into one line.

    Raises:
        SandboxError: no engine, no answer in time, or it refused; the message says why.
    """
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, OSError) as error:  # requests raises errors of the latter kind
        raise SandboxError(_reason(what, seconds, error)) from error


def _reason(what: str, seconds: float, error: BaseException) -> str:
    from docker.errors import APIError
    from requests.exceptions import Timeout

    if isinstance(error, APIError) and error.explanation:
        return f"docker {what}: {error.explanation.strip().splitlines()[-1]}"
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, (TimeoutError, Timeout)):
            return f"the Docker Engine does not answer within {seconds:g} s"
        if isinstance(found, OSError) and found.strerror:
            return f"docker {what}: {found.strerror}"
        found = found.__cause__ or found.__context__
    return f"docker {what}: {str(error).strip().splitlines()[-1]}"


def _knock() -> None:
    """See that somebody listens at the engine's socket; where nobody does, the SDK leaks one."""
    from docker import ContextAPI
    from docker.utils import kwargs_from_env

    url = (kwargs_from_env() or ContextAPI.kwargs_from_context()).get("base_url") or _SOCKET
    kind, _, path = str(url).partition("://")
    if kind.endswith("unix"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(ANSWER_SECONDS)
            door.connect(path)


def is_engine_here() -> bool:
    """Whether the environment names no engine on another machine."""
    return os.environ.get("DOCKER_HOST", "unix:").startswith("unix:")


def _is_missing() -> bool:
    """Whether the engine would be on this machine, and nothing of Docker's is here."""
    return is_engine_here() and not (shutil.which("docker") or shutil.which("dockerd"))


@functools.cache
def owner() -> str:
    """This user on this machine, as the label of a container names them."""
    return f"{getpass.getuser()}-{os.getuid()}@{socket.gethostname()}"
