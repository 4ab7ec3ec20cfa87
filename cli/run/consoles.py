"""Where a command writes for a person: the result to stdout, the progress of a run to stderr."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from io import TextIOWrapper

from rich.console import Console, RenderableType

from archwright.cli.output import say
from archwright.cli.run.live import watch
from archwright.cli.run.plain import follow
from archwright.runs.results.snapshot import Snapshot


def show(renderable: RenderableType) -> None:
    """Print a result on stdout. Lines that must be copied whole are not cut at the width."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A title may hold letters that the terminal's encoding lacks; that is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    Console(highlight=False).print(renderable, crop=False)


def attend(
    take: Callable[[], Snapshot],
    stop: threading.Event,
    plain: bool = False,
    keep: bool = False,
) -> None:
    """Show a run on stderr until `stop` is set: live on a terminal, as lines elsewhere.

    The live view goes when it ends, for a report to take its place, unless it is to `keep`.
    """
    console = Console(stderr=True, highlight=False)
    if plain or not console.is_terminal or console.is_dumb_terminal:
        follow(take, stop, say)
    else:
        watch(take, stop, console, keep)
