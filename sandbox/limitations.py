"""What a jail does not prevent on this machine: tried from inside one, and put into words."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from archwright.core import Limitation
from archwright.sandbox.contract import ProbeReply, ProbeRequest

_MEMORY_MB: Final = 256

_LINUX: Final = "run on Linux 6.12 or later, with Landlock and seccomp switched on"
_MEANING: Final[Mapping[str, tuple[str, str]]] = {
    "read": ("candidate code can read files of this user", _LINUX),
    "write": ("candidate code can write outside its scratch folder", _LINUX),
    "network": ("candidate code can reach the network", _LINUX),
    "processes": ("candidate code can start processes, which are killed with its trial", _LINUX),
    "signals": ("candidate code can send signals to other processes", _LINUX),
    "memory": ("the memory limit of a trial is not enforced", "run on Linux"),
}
WAYS: Final = tuple(_MEANING)
"""Names of the ways out that are tried, whichever layer closes them."""

ORPHANS: Final = Limitation(
    "orphans", "a process that leaves its trial's group can outlive it", "run on Linux"
)

_CONTAINER: Final = "use --sandbox docker"
WITH_A_GPU: Final = (
    Limitation(
        "GPU driver",
        "candidate code can call the GPU's driver, which is a part of the kernel and knows of all "
        "GPUs of this machine",
        _CONTAINER,
    ),
    Limitation(
        "GPU memory",
        "the memory of a GPU is not limited, and may still hold what an earlier trial left there",
        "keep other work off the GPUs that a run is given",
    ),
    Limitation(
        "memory",
        "the memory of a trial on a GPU is looked at four times a second and not limited by the "
        "kernel: for a moment it can take more",
        _CONTAINER,
    ),
)
"""What a process that trains on a GPU does not hold."""


def find_limitations(run: Callable[[ProbeRequest], ProbeReply], folder: Path) -> list[Limitation]:
    """Try to break out of a throw-away jail.

    Args:
        run: does a probe in a jail (`inside.jail.probing.probe`); gives its reply.
        folder: a folder of the host's, outside of every jail.
    """
    canary = folder / "canary"
    canary.write_text("a jail must not read this")
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        reply = run(ProbeRequest(str(canary), port, _MEMORY_MB))
    ways = (Limitation(name, *_MEANING[name]) for name in reply.open)
    return [*ways, *map(_missing_layer, reply.missing)]


def _missing_layer(line: str) -> Limitation:
    name, _, reason = line.partition(": ")
    return Limitation(name, f"this layer of the jail could not be had: {reason}", _LINUX)
