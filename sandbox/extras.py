"""What a task asks for beside torch and numpy: packages of this environment, by their files."""

from __future__ import annotations

import functools
from pathlib import Path

from archwright.core import InputError
from archwright.sandbox.inside import libraries


@functools.cache
def package_paths(names: tuple[str, ...]) -> tuple[Path, ...]:
    """Top-level files and folders, here, of packages and of all that they require.

    Raises:
        InputError: one is not installed.
    """
    for name in names:
        if not libraries.is_installed(name):
            raise InputError(f"the task asks for package {name!r}: pip install {name}")
    return tuple(sorted(path for path in set(libraries.package_paths(names)) if path.exists()))
