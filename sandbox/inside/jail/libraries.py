"""Which files a candidate may read: the standard library, torch, numpy and what they import.

Nothing else that is installed: other packages hold data sets whose labels are scored.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final

_INSIDE: Final = Path(__file__).resolve().parents[1]
ROOTS: Final = ("torch", "numpy")
_HIDDEN: Final = {"pydoc_data", "site-packages", "dist-packages", "test", "idlelib", "ensurepip"}
_SYSTEM: Final = (
    "/etc/ld.so.cache",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/sys/devices/system/cpu",
    "/proc/cpuinfo",
    "/proc/meminfo",
)


def readable_paths() -> tuple[str, ...]:
    """Absolute paths: files, and folders that are readable with all below."""
    paths = {*_standard_library(), *package_paths(ROOTS), *_mapped_files(), *map(Path, _SYSTEM)}
    paths |= {_INSIDE, _INSIDE.with_name("contract.py")}
    return tuple(sorted(str(path) for path in paths))


def _standard_library() -> Iterator[Path]:
    """Each entry of the library's folder: hiding one below an allowed folder is not possible."""
    for name in ("stdlib", "platstdlib"):
        folder = Path(sysconfig.get_path(name))
        if folder == Path(sys.prefix) and sys.prefix != sys.base_prefix:
            continue
        if (folder / "os.py").exists():
            yield from (entry for entry in folder.iterdir() if entry.name not in _HIDDEN)


def package_paths(names: Iterable[str]) -> Iterator[Path]:
    """Top-level files and folders of installed packages and of all that they require."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if not is_installed(name):
            continue
        found = importlib.metadata.distribution(name)
        tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "/")}
        yield from (Path(str(found.locate_file(top))) for top in tops if top != "__pycache__")
        waiting += [
            re.split(r"[^\w.-]", line, maxsplit=1)[0]
            for line in found.requires or ()
            if "extra ==" not in line
        ]


def is_installed(name: str) -> bool:
    """Whether a package of that name is installed in this environment."""
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class UnreadableFinder:
    """Finds nothing, and says of a package that may not be read that it is not there: a program
    that tries to import one goes on without it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Look where Python will look next.

        Raises:
            ModuleNotFoundError: the file that it will find may not be read.
        """
        spec = None if "." in name else PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None:
            return
        try:
            os.close(os.open(spec.origin, os.O_RDONLY))
        except PermissionError:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name) from None
        except OSError:
            return


def _mapped_files() -> Iterator[Path]:
    """Shared libraries of the system that this process has loaded; links to them resolve."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return
    for line in maps.read_text().splitlines():
        path = line.split(maxsplit=5)[5:]
        if path and path[0].startswith("/") and ".so" in path[0]:
            yield Path(path[0])
