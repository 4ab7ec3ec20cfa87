"""What a command prints: one JSON document on stdout, or text for a person."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def say(line: str) -> None:
    """Print a line that is not the result: progress, notices, hints (stderr)."""
    print(line, file=sys.stderr, flush=True)


def emit(as_json: bool, document: Any, render: Callable[[], object]) -> None:
    """Print a command's result: `document` as JSON where asked, else whatever `render` prints."""
    if as_json:
        print(json.dumps(document, indent=2, sort_keys=False, ensure_ascii=False), flush=True)
    else:
        render()
