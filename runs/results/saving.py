"""A report's page on disk, whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from archwright.core import RunError


def save_page(page: str, path: Path) -> None:
    """Write a page to `path`; what is there is replaced.

    Raises:
        RunError: the file cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_text(page, encoding="utf-8", errors="replace")
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise RunError(
            f"cannot write the report to {path} ({error.strerror}): name another file with "
            "`archwright report --html FILE`"
        ) from error
