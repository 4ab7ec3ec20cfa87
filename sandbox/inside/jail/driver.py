"""The GPU's driver: whether it can be used here, and how it gets along with a jail.

A process that has spoken to the driver cannot fork children that do. So warm parents leave it
alone, and each child begins it for itself, before it closes its jail and while only trusted code
has run. Its threads begin then, too. What it opens later is little, and stays within reach.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from .confinement import die_with

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
FAULT_LIMIT: Final = 200
"""Characters of a reason."""
_NODES: Final = "/dev/nvidia"
_LIBRARIES: Final = ("libcuda*.so*", "libnvidia*.so*")


@contextmanager
def hidden() -> Iterator[None]:
    """Hide the GPU from this process meanwhile.

    Torch's optimizers ask whether there is one. As a worker's environment has it they ask without
    the driver (PYTORCH_NVML_BASED_CUDA_CHECK), and where nothing is to be seen they ask nobody.
    """
    seen = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = ""
    try:
        yield
    finally:
        if seen is None:
            del os.environ[VISIBLE]
        else:
            os.environ[VISIBLE] = seen


def is_given() -> bool:
    """Whether this worker has a GPU: no other is left one to see."""
    return os.environ.get(VISIBLE) != ""


def begin(share: float = 1.0) -> None:
    """Begin the driver in this process, for good; torch is to take no more of the GPU's memory
    than this share, beside what the driver takes for itself.

    Raises:
        RuntimeError: the GPU cannot be used; the message is torch's own, or says what is missing.
    """
    import torch

    if torch.version.cuda is None:
        raise RuntimeError(f"torch {torch.__version__} is not made for CUDA")
    if not list(Path("/dev").glob("nvidia[0-9]*")):
        raise RuntimeError("no NVIDIA device is here")
    if share < 1:
        torch.cuda.set_per_process_memory_fraction(share)
    torch.zeros(1, device="cuda").item()


def find_fault() -> str:
    """Why children of this process cannot use the GPU, as one of them finds; empty if they can."""
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with(parent)
        fault = "it did not come up"
        try:
            begin()
            fault = ""
        except BaseException as error:  # noqa: BLE001 - torch and the driver may raise anything
            fault = first_line(error)
        finally:
            os.write(writing, fault.encode()[:FAULT_LIMIT])
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as said:  # noqa: PTH123 - a pipe
        fault = said.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return fault if code == 0 else f"the driver ended its process (exit code {code})"


def first_line(error: BaseException) -> str:
    """What an error says, without the lines of advice below it."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:;, ") if lines else type(error).__name__


def files() -> tuple[str, ...]:
    """What the driver, begun in this process, may open again: the device files that it has open,
    and those by which it names its threads."""
    found = set[str]()
    for entry in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):  # that of the folder itself is gone
            found.add(str(entry.readlink()))
    return (*sorted(name for name in found if name.startswith(_NODES)), "/proc/self/task")


def readable_paths() -> tuple[str, ...]:
    """What the driver, begun in this process, may load or look up later: the libraries beside its
    first one, and what the kernel says of this process."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    mapped = {line.split(maxsplit=5)[5] for line in maps if len(line.split(maxsplit=5)) > 5}
    folders = {Path(path).parent for path in mapped if Path(path).name.startswith("libcuda.so")}
    libraries = (path for folder in folders for name in _LIBRARIES for path in folder.glob(name))
    return ("/proc/self", *sorted(map(str, libraries)))
