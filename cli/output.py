"""What a command prints: one JSON document on stdout, or text for a person."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any


def say(line: str) -> None:
    """Print a line that is not the result: progress, notices, hints (stderr)."""
    print(line, file=sys.stderr, flush=True)


def emit(args: argparse.Namespace, document: Any, render: Callable[[], None]) -> None:
    """Print a command's result: `document` as JSON with `--json`, else whatever `render` prints."""
    if args.json:
        print(json.dumps(document, indent=2, sort_keys=False, ensure_ascii=False), flush=True)
    else:
        render()
