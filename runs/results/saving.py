"""A report's page on disk, whole or not at all."""

from __future__ import annotations

from pathlib import Path

from archwright.core import RunError
from archwright.core.files import write_whole


def save_page(page: str, path: Path) -> None:
    """Write a page to `path`; what is there is replaced.

    Raises:
        RunError: the file cannot be written.
    """
    try:
        write_whole(path, page)
    except OSError as error:
        raise RunError(
            f"cannot write the report to {path} ({error.strerror}): name another file with "
            "`archwright report --html FILE`"
        ) from error
