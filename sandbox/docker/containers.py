"""A warm parent in a container: how it is closed off, started, and seen gone."""

from __future__ import annotations

import functools
import math
import os
import secrets
import shutil
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final, cast

from archwright.core import SandboxError
from archwright.sandbox.docker.engine import (
    OWNER_LABEL,
    SCRATCH_LABEL,
    DockerSettings,
    Engine,
    answering,
    owner,
)
from archwright.sandbox.forkserver import worker_environment
from archwright.sandbox.inside import LOADER, frames
from archwright.sandbox.pool.worker import END_SECONDS, START_SECONDS, WarmWorker

FIRST_USER: Final = 20_000
"""User id of a container's first trial; the next one has the next, so no two ever share one."""

WARM_MEMORY_MB: Final = 768
"""What the preloaded parent and the page cache may take, on top of a trial's own memory."""

SCRATCH_MB: Final = 192
_PROCESSES: Final = 256
_CODE, _DATA, _SITE, _SCRATCH = "/archwright", "/data", "/site", "/scratch"
_COMMAND: Final = f"{LOADER}from walled.inside.jail import worker; worker.main()"
_FRAME: Final = struct.Struct("!BxxxI")  # of which stream, how many bytes
_STDERR: Final = 2


@dataclass(frozen=True, slots=True)
class Supplies:
    """What is mounted, read-only, into a container: `target: source`, and its memory limit."""

    site: Mapping[str, Path]
    folders: tuple[str, ...]
    memory_mb: int
    compiles: bool = False
    """Whether jobs compile: then what lies in the scratch folder may be executed."""


class Attachment:
    """A channel to the standard streams of a container, which `begin` makes and starts.

    It begins at once, in a thread of its own. What the container says on standard error goes to
    `log`. Where it could not begin, what reads meets the end, and `failure` says why.
    """

    def __init__(self, begin: Callable[[], socket.socket], log: Path) -> None:
        starter = ThreadPoolExecutor(1, thread_name_prefix="container")
        self.begun: Future[socket.socket] = starter.submit(begin)
        starter.shutdown(wait=False)
        self._log = log
        self._kind = self._left = 0
        self._header = b""

    @property
    def failure(self) -> str:
        """Why there is no container; empty where there is one, or none yet."""
        error = self.begun.exception() if self.begun.done() else None
        return "" if error is None else str(error)

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        stream = self.begun.result()
        stream.settimeout(None)
        stream.sendall(data)

    def receive(self, count: int, deadline: float) -> bytes:
        """Up to `count` bytes of standard output, none at the end."""
        try:
            while self._kind == _STDERR or not self._left:
                if not self._left:
                    header = self._receive_header(deadline)
                    if not header:
                        return b""
                    self._kind, self._left = _FRAME.unpack(header)
                elif not self._log_some(deadline):
                    return b""
            part = self._receive_some(min(count, self._left), deadline)
        except TimeoutError:
            raise
        except (SandboxError, OSError):  # it never began, or was cut off
            return b""
        self._left -= len(part)
        return part

    def _log_some(self, deadline: float) -> bytes:
        part = self._receive_some(self._left, deadline)
        self._left -= len(part)
        with self._log.open("ab") as log:
            log.write(part)
        return part

    def _receive_header(self, deadline: float) -> bytes:
        """What tells the next frame, or none where the stream ends; a part of it is kept."""
        while len(self._header) < _FRAME.size:
            part = self._receive_some(_FRAME.size - len(self._header), deadline)
            if not part:
                return b""
            self._header += part
        header, self._header = self._header, b""
        return header

    def _receive_some(self, count: int, deadline: float) -> bytes:
        stream = self.begun.result(max(0.0, deadline - time.monotonic()))
        stream.settimeout(max(1e-3, deadline - time.monotonic()))
        return stream.recv(count)

    def hang_up(self) -> None:
        """Shut the stream, if there is one yet: the engine closes the container's input."""
        if self.begun.done() and not self.failure:
            with suppress(OSError):
                self.begun.result().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the socket."""
        if self.begun.done() and not self.failure:
            self.begun.result().close()


class ContainerWorker(WarmWorker):
    """One container with a warm parent as its process 1.

    The channel is the container's attached standard input and output. When the orchestrator dies,
    the engine closes that input, the parent meets its end and ends; with process 1 the kernel ends
    all that is in the container, and the engine removes it.
    """

    def __init__(
        self,
        folder: Path,
        code: Path,
        settings: DockerSettings,
        supplies: Supplies,
        engine: Engine,
        gpu: int | None = None,
    ) -> None:
        super().__init__(folder, gpu)
        self.supplies = supplies
        self.jobs_done = 0
        self.data = folder.with_name(f"{folder.name}-data")
        """The folder of the host's that the container sees, read-only, as its data."""
        self.name = ""
        self._code, self._settings, self._engine = code, settings, engine
        self._attachment: Attachment | None = None
        self._unwanted = Event()
        self._staged: object = None

    def _launch(self) -> Attachment:
        self.data.mkdir(mode=0o755, exist_ok=True)
        self.jobs_done, self._unwanted = 0, Event()
        self.name = f"archwright-{os.getpid()}-{secrets.token_hex(6)}"
        begin = functools.partial(self._begin, self.name, self._unwanted)
        self._attachment = Attachment(begin, self.folder / "log")
        return self._attachment

    def _begin(self, name: str, unwanted: Event) -> socket.socket:
        """Make the container, attach to it, and start it, unless it is no longer wanted."""
        with answering("run", START_SECONDS), ExitStack() as undoing:
            client = self._engine.client(START_SECONDS)
            container = client.containers.create(self._settings.image, **self.options())
            undoing.callback(self._engine.kill, name)
            streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            attached = container.attach_socket(params=streams)
            stream = cast(socket.socket, attached)
            if isinstance(attached, socket.SocketIO):  # or it dies with the response
                inside = cast(Any, attached)
                stream = socket.socket(fileno=inside._sock.detach())
                inside._response = None  # it refers to this, and to all open connections
            undoing.callback(stream.close)
            if unwanted.is_set():
                raise SandboxError("it was ended before it began")
            container.start()
            undoing.pop_all()
        return stream

    def options(self) -> dict[str, Any]:
        """What the SDK is asked for, beside the image."""
        from docker.types import DeviceRequest, LogConfig

        gpu = [] if self.gpu is None else [str(self.gpu)]
        hidden = {} if gpu else {"CUDA_VISIBLE_DEVICES": ""}
        site = {"PYTHONPATH": _SITE} if self.supplies.site else {}
        mounts = {self._code: _CODE, self.data: _DATA}
        mounts |= {path: f"{_SITE}/{name}" for name, path in self.supplies.site.items()}
        binds = [f"{source}:{target}:ro" for source, target in mounts.items()]
        python = "/opt/archwright/bin/python"
        return {
            "name": self.name,
            "command": [python, "-s", "-P", "-c", _COMMAND, _CODE, _SCRATCH, str(FIRST_USER)],
            "stdin_open": True,
            "auto_remove": True,
            "hostname": "sandbox",
            "labels": {
                "archwright": "1",
                OWNER_LABEL: owner(),
                SCRATCH_LABEL: str(self.folder.parent),
                "archwright.pid": str(os.getpid()),
            },
            "log_config": LogConfig(type="none"),
            "volumes": [*binds, *(f"{path}:{path}:ro" for path in self.supplies.folders)],
            "environment": {**worker_environment(_SCRATCH), **site, **hidden},
            "device_requests": [DeviceRequest(device_ids=gpu, capabilities=[["gpu"]])]
            if gpu
            else None,
            **closing_options(self.supplies.memory_mb, self._settings, self.supplies.compiles),
        }

    def _note_job(self, pid: int) -> None:
        del pid  # a number of the container's own; its end is the container's
        self.jobs_done += 1

    def stage(self, files: Sequence[Path]) -> str:
        """Put files where the container sees them, and nothing else. Returns the folder there."""
        stats = [file.stat() for file in files]
        wanted = [
            (str(f), s.st_ino, s.st_mtime_ns, s.st_size) for f, s in zip(files, stats, strict=True)
        ]
        if wanted != self._staged:
            self._staged = None
            for old in self.data.iterdir():
                old.unlink()
            for file, stat in zip(files, stats, strict=True):
                _put(file, self.data / file.name, readable=bool(stat.st_mode & 0o004))
            self._staged = wanted
        return _DATA

    def _bury(self, patience_seconds: float) -> None:
        if (attachment := self._attachment) is None:
            return
        self._unwanted.set()
        with suppress(SandboxError, TimeoutError):  # what is still being made cannot be killed yet
            attachment.begun.result(2 * END_SECONDS)
            if patience_seconds:
                with answering("wait", patience_seconds):
                    api = self._engine.client().api
                    api.wait(self.name, timeout=math.ceil(patience_seconds), condition="removed")
        self._engine.remove(self.name)

    def _last_words(self) -> str:
        """What the engine says, or else what the container said last."""
        log = self.folder / "log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        refusal = self._attachment.failure if self._attachment else ""
        last = refusal or (lines[-1] if lines else "its container was killed from outside")
        if self.gpu is not None and ("gpu" in last or "nvidia" in last):
            last += "; the engine needs NVIDIA's Container Toolkit, or leave gpus out"
        return last[:300]

    def _logs(self) -> Iterable[Path]:
        return (self.folder / "log",)


def _put(file: Path, target: Path, readable: bool) -> None:
    """Link a file that everyone may read, which costs nothing however large it is; else copy it."""
    if readable:
        with suppress(OSError):  # on another file system
            target.hardlink_to(file.resolve())
            return
    shutil.copyfile(file, target)
    target.chmod(0o644)


def closing_options(
    memory_mb: int, settings: DockerSettings, compiles: bool = False
) -> dict[str, Any]:
    """The options that close a container off.

    The parent is the container's root with three capabilities, the ones that it takes to give each
    trial a user of its own and to kill it; the trial has none.
    """
    from docker.types import Ulimit

    memory = f"{memory_mb + WARM_MEMORY_MB + SCRATCH_MB}m"
    execute, inodes = ("exec", 16384) if compiles else ("noexec", 4096)
    scratch = f"rw,nosuid,nodev,{execute},mode=0755,size={SCRATCH_MB}m,nr_inodes={inodes}"
    most = {"core": 0, "nofile": 1024, "fsize": frames.BODY_LIMIT_BYTES}
    return {
        "network_mode": "none",
        "read_only": True,
        "ipc_mode": "none",
        "user": "0:0",
        "tmpfs": {_SCRATCH: scratch},
        "working_dir": _SCRATCH,
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": round(settings.cpus * 1e9),
        "pids_limit": _PROCESSES,
        "cap_drop": ["ALL"],
        "cap_add": ["SETUID", "SETGID", "KILL"],
        "security_opt": ["no-new-privileges"],
        "ulimits": [Ulimit(name=name, soft=most[name], hard=most[name]) for name in most],
        "runtime": settings.runtime or None,
    }


def readable_inside(site: Mapping[str, Path], folders: Iterable[str]) -> list[str]:
    """Where a container has what was mounted."""
    return [*(f"{_SITE}/{name}" for name in site), *folders]
