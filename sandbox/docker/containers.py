"""A warm parent in a container: how it is closed off, started, and seen gone."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from archwright.core import SandboxError
from archwright.sandbox.docker import engine
from archwright.sandbox.docker.engine import DockerSettings
from archwright.sandbox.forkserver import worker_environment
from archwright.sandbox.inside import frames
from archwright.sandbox.warm import END_SECONDS, WarmWorker

FIRST_USER: Final = 20_000
"""User id of a container's first trial; the next one has the next, so no two ever share one."""

WARM_MEMORY_MB: Final = 768
"""What the preloaded parent and the page cache may take, on top of a trial's own memory."""

SCRATCH_MB: Final = 192
_PROCESSES: Final = 256
_CODE, _DATA, _SITE, _SCRATCH = "/archwright", "/data", "/site", "/scratch"
_HINTS: Final = ("See 'docker", "Run 'docker")
_COMMAND: Final = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from inside import worker; worker.main()"
)


@dataclass(frozen=True, slots=True)
class Supplies:
    """What is mounted, read-only, into a container: `target: source`, and its memory limit."""

    site: Mapping[str, Path]
    folders: tuple[str, ...]
    memory_mb: int


class ContainerWorker(WarmWorker):
    """One container with a warm parent as its process 1.

    The channel is the attached standard input and output of `docker run`. When that client dies,
    or the orchestrator does, the parent meets the end of its input and ends; with process 1 the
    kernel ends all that is in the container, and the engine removes it.
    """

    def __init__(
        self,
        folder: Path,
        code: Path,
        settings: DockerSettings,
        supplies: Supplies,
        gpu: int | None = None,
    ) -> None:
        super().__init__(folder)
        self.supplies = supplies
        self.gpu = gpu
        """The accelerator, by the host's index, that it has to itself as its first."""
        self.jobs_done = 0
        self.data = folder.with_name(f"{folder.name}-data")
        """The folder of the host's that the container sees, read-only, as its data."""
        self.name = ""
        self._code, self._settings = code, settings
        self._client: subprocess.Popen[bytes] | None = None
        self._staged: object = None

    def _launch(self) -> tuple[IO[bytes], IO[bytes]]:
        self.data.mkdir(mode=0o755, exist_ok=True)
        self.jobs_done = 0
        self.name = f"archwright-{os.getpid()}-{secrets.token_hex(6)}"
        with (self.folder / "log").open("wb") as log:
            client = subprocess.Popen(
                ["docker", "run", *self._options(), self._settings.image, *self._command()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is the orchestrator's to answer
            )
        self._client = client
        if client.stdin is None or client.stdout is None:
            raise SandboxError("docker run has no pipes")
        return client.stdin, client.stdout

    def _options(self) -> Iterator[str]:
        scratch = self.folder.parent
        yield from ("--interactive", "--rm", "--pull=never", "--log-driver=none")
        yield from (f"--name={self.name}", "--label=archwright=1", "--hostname=sandbox")
        yield f"--label={engine.OWNER_LABEL}={engine.owner()}"
        yield f"--label={engine.SCRATCH_LABEL}={scratch}"
        yield f"--label=archwright.pid={os.getpid()}"
        yield from closing_options(self.supplies.memory_mb, self._settings)
        yield from (f"--volume={self._code}:{_CODE}:ro", f"--volume={self.data}:{_DATA}:ro")
        for name, path in self.supplies.site.items():
            yield f"--volume={path}:{_SITE}/{name}:ro"
        for folder in self.supplies.folders:
            yield f"--volume={folder}:{folder}:ro"
        if self.supplies.site:
            yield f"--env=PYTHONPATH={_SITE}"
        for name, value in worker_environment(_SCRATCH).items():
            yield f"--env={name}={value}"
        yield "--env=CUDA_VISIBLE_DEVICES=" if self.gpu is None else f"--gpus=device={self.gpu}"

    def _command(self) -> tuple[str, ...]:
        python = "/opt/archwright/bin/python"
        return python, "-s", "-P", "-c", _COMMAND, _CODE, _SCRATCH, str(FIRST_USER)

    def _note_job(self, pid: int) -> None:
        del pid  # a number of the container's own; its end is the container's
        self.jobs_done += 1

    def stage(self, source: Path, names: Iterable[str]) -> str:
        """Put arrays where the container sees them, and nothing else. Returns the folder there."""
        files = [source / f"{name}.npy" for name in names]
        stats = [file.stat() for file in files]
        wanted = [
            (str(f), s.st_ino, s.st_mtime_ns, s.st_size) for f, s in zip(files, stats, strict=True)
        ]
        if wanted != self._staged:
            self._staged = None
            for old in self.data.iterdir():
                old.unlink()
            for file in files:
                copy = self.data / file.name
                shutil.copyfile(file, copy)
                copy.chmod(0o644)
            self._staged = wanted
        return _DATA

    def _bury(self, patience_seconds: float) -> None:
        client = self._client
        if client is None:
            return
        with suppress(subprocess.TimeoutExpired):
            client.wait(patience_seconds)
        deadline = time.monotonic() + 2 * END_SECONDS
        while client.poll() is None:  # a container that is still being made cannot be killed yet
            engine.kill(self.name)
            if time.monotonic() > deadline:
                client.kill()
            with suppress(subprocess.TimeoutExpired):
                client.wait(0.1)
        engine.remove(self.name)

    def _last_words(self) -> str:
        """What docker says last but for where it says more."""
        log = self.folder / "log"
        lines = log.read_text(errors="replace").split("\n") if log.exists() else []
        said = [line for line in lines if line.strip() and not line.startswith(_HINTS)]
        last = said[-1].strip()[:300] if said else "its container was killed from outside"
        if self.gpu is not None and ("gpu" in last or "nvidia" in last):
            last += "; the engine needs NVIDIA's Container Toolkit, or leave gpus out"
        return last

    def _logs(self) -> Iterable[Path]:
        return (self.folder / "log",)


def closing_options(memory_mb: int, settings: DockerSettings) -> Iterator[str]:
    """The options of `docker run` that close a container off.

    The parent is the container's root with three capabilities, the ones that it takes to give each
    trial a user of its own and to kill it; the trial has none.
    """
    memory = f"{memory_mb + WARM_MEMORY_MB + SCRATCH_MB}m"
    yield from ("--network=none", "--read-only", "--ipc=none", "--user=0:0")
    options = f"rw,nosuid,nodev,noexec,mode=0755,size={SCRATCH_MB}m,nr_inodes=4096"
    yield from (f"--tmpfs={_SCRATCH}:{options}", f"--workdir={_SCRATCH}")
    yield from (f"--memory={memory}", f"--memory-swap={memory}", f"--cpus={settings.cpus:g}")
    yield from (f"--pids-limit={_PROCESSES}", "--cap-drop=ALL")
    yield from ("--cap-add=SETUID", "--cap-add=SETGID", "--cap-add=KILL")
    yield from (
        "--security-opt=no-new-privileges",
        "--ulimit=core=0:0",
        "--ulimit=nofile=1024:1024",
    )
    yield f"--ulimit=fsize={frames.REPLY_LIMIT_BYTES}:{frames.REPLY_LIMIT_BYTES}"
    if settings.runtime:
        yield f"--runtime={settings.runtime}"


def readable_inside(site: Mapping[str, Path], folders: Iterable[str]) -> list[str]:
    """Where a container has what was mounted."""
    return [*(f"{_SITE}/{name}" for name in site), *folders]
