"""What a command prints: one JSON document on stdout, or text for a person."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def say(line: str) -> None:
    """Print a line that is not the result: progress, notices, hints (stderr)."""
    print(line, file=sys.stderr, flush=True)


def write_page(write: Callable[[], Path], asked: bool = False) -> tuple[Path | None, str]:
    """Write the page of a result: its path, None where there is none, and the line that says so.

    Raises:
        RunError: it was asked for and cannot be written. One that was not asked for need not be:
            what is only read needs no place to write to, and no result is lost with its page.
    """
    # The errors are loaded by whoever can have one; help needs none.
    from archwright.core import RunError

    try:
        page = write().resolve()
    except RunError as error:
        if asked:
            raise
        return None, str(error)
    return page, f"page: {page}"


def emit(as_json: bool, document: Any, render: Callable[[], object]) -> None:
    """Print a command's result: `document` as JSON where asked, else whatever `render` prints."""
    if as_json:
        print(json.dumps(document, indent=2, sort_keys=False, ensure_ascii=False), flush=True)
    else:
        render()
