"""Closing the jail around this process, layer by layer, with whatever the platform offers."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import kernel, landlock, seccomp

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION: Final = 0x20080522
_OPEN_FILES, _OPEN_FILES_WITH_GPU = 256, 1024
_CPU_GRACE_SECONDS: Final = 5
_SHUT_OUT_PROGRAMS: Final = ("file rules", "system-call filter")


@dataclass(frozen=True, slots=True)
class Cell:
    """The measures of one jail.

    `memory_mb` is what may be allocated on top of the warm start; `readable` are files and
    folders, `scratch` is the one folder that may be written. With `gpu` memory is not limited here,
    the system-call filter lets the calls of its driver through, and `devices` are what that may
    open again. `contained` says that a container is around the jail: then the layers that shut out
    a driver, or a compiler where the job `compiles`, are left open whole, and the container holds
    what they held.
    """

    readable: tuple[str, ...]
    scratch: str
    memory_mb: int
    cpu_seconds: float
    file_bytes: int
    gpu: bool = False
    devices: tuple[str, ...] = ()
    contained: bool = False
    compiles: bool = False


def confine(cell: Cell) -> list[str]:
    """Close the jail. Returns a line for each layer that could not be had on this machine."""
    limit_resources(cell)
    layers: list[tuple[str, Callable[[], None]]] = [
        ("no new privileges", lambda: kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)),
        (
            "file rules",
            lambda: landlock.restrict_files(cell.readable, [cell.scratch], cell.devices),
        ),
        ("capabilities", _drop_capabilities),
        ("system-call filter", lambda: seccomp.filter_system_calls(cell.gpu)),
    ]
    if sys.platform != "linux":
        return [f"{name}: only Linux has it" for name, _ in layers]
    missing = []
    for name, apply in layers:
        if (cell.gpu or cell.compiles) and cell.contained and name in _SHUT_OUT_PROGRAMS:
            whom = "the GPU's driver" if cell.gpu else "the compiler"
            missing.append(f"{name}: left open for {whom}")
            continue
        try:
            apply()
        except OSError as error:
            missing.append(f"{name}: {error.strerror}")
    return missing


def limit_resources(cell: Cell) -> None:
    """Limits on memory, CPU time, file size and open files; no core dumps."""
    data, address_space = _used_bytes()
    allowance = cell.memory_mb << 20
    cpu_seconds = round(cell.cpu_seconds) + _CPU_GRACE_SECONDS
    if not cell.gpu:  # its driver maps more addresses than there is memory
        _limit(resource.RLIMIT_DATA, data + allowance)
        _limit(resource.RLIMIT_AS, address_space + allowance)
    _limit(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + _CPU_GRACE_SECONDS)
    _limit(resource.RLIMIT_FSIZE, cell.file_bytes)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES_WITH_GPU if cell.gpu else _OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "darwin":  # counts processes there, on Linux threads, too
        _limit(resource.RLIMIT_NPROC, 1)


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    ceiling = resource.getrlimit(what)[1]
    wanted = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft, wanted = min(soft, ceiling), min(wanted, ceiling)
    resource.setrlimit(what, (soft, wanted))


def _used_bytes() -> tuple[int, int]:
    """Private data and address space that this process holds already, where it can be read."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123 - the jail is about to close
            pages = [int(word) for word in file.read().split()]
    except OSError:
        return 1 << 30, 1 << 30
    return pages[5] * resource.getpagesize(), pages[0] * resource.getpagesize()


def _drop_capabilities() -> None:
    number = _CAPSET.get(platform.machine())
    if number is None:
        raise OSError(0, f"no system-call table for {platform.machine()}")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    kernel.system_call(number, header, (ctypes.c_uint32 * 6)())


def leave_network() -> bool:
    """Move this process, while it has one thread, to an empty network namespace."""
    if sys.platform != "linux":
        return False
    # Root needs no user namespace, and in one would lose its right to read other users' files.
    for flags in (_NEW_NETWORK, _NEW_USER | _NEW_NETWORK):
        try:
            kernel.unshare(flags)
        except OSError:
            continue
        return True
    return False


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose own parent dies."""
    if sys.platform != "linux":
        return False
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    return True


def volunteer() -> None:
    """Be the first that the kernel kills when memory runs out, before the parent."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def become(user: int) -> None:
    """Turn into the user and group of this number, for good; all capabilities go with it.

    Raises:
        OSError: this process may not change its user.
    """
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies."""
    if sys.platform == "linux":
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
