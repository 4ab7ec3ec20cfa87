"""`archwright stop`: end a run cleanly from another terminal."""

from __future__ import annotations

import argparse
import time
from typing import Final

from archwright.cli.choosing import add_run_arguments, chosen_run
from archwright.cli.output import emit, say
from archwright.runs.journal import Journal
from archwright.runs.results.observing import observe
from archwright.runs.results.snapshot import Snapshot
from archwright.runs.results.summary import next_steps
from archwright.runs.results.wording import duration_text
from archwright.runs.workspace.control import is_held, request_stop
from archwright.runs.workspace.paths import RunPaths

POLL_SECONDS: Final = 0.25
REMINDER_SECONDS: Final = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `archwright stop`."""
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the run to stop and wait until it has. A run that is not going on is left as it is."""
    paths = chosen_run(args)
    if is_held(paths):
        request_stop(paths)
        _wait(paths)
    with Journal.open(paths) as journal:
        snapshot = observe(journal)
    (step, *_) = next_steps(snapshot, args.workspace)
    document = {"run": snapshot.run, "state": snapshot.state, "next": step[1]}
    emit(args, document, lambda: _print(snapshot, step))
    return 0


def _wait(paths: RunPaths) -> None:
    started = spoken = time.monotonic()
    say(f"asked {paths.name} to stop; waiting for it to put its work down")
    while is_held(paths):
        time.sleep(POLL_SECONDS)
        if time.monotonic() - spoken >= REMINDER_SECONDS:
            spoken = time.monotonic()
            say(f"still waiting after {duration_text(spoken - started)}; Ctrl-C leaves it to it")


def _print(snapshot: Snapshot, step: tuple[str, str]) -> None:
    print(f"run {snapshot.run} is {snapshot.state}; {step[0]}: {step[1]}")
