"""The command line. A command's module is imported only when that command is chosen."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from archwright import __version__
from archwright.core import ArchwrightError, InputError

# name: (module under archwright.cli, one line of help)
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("workspace", "make a workspace: a git repository where discoveries land"),
    "run": ("run", "discover architectures for a task"),
    "resume": ("resume", "carry on a run that was stopped or killed"),
    "stop": ("stop", "stop a run cleanly"),
    "runs": ("runs", "list the runs of a workspace"),
    "status": ("status", "look at a run, also while it goes on"),
    "try": ("try_", "check and train one architecture file exactly as a run would"),
    "fingerprint": ("fingerprint", "a file's fingerprint, and what it already matches"),
    "verify": ("verify", "verify a run's top candidates"),
    "report": ("report", "what a run found, and what it cost"),
    "pareto": ("pareto", "a run's candidates that nothing beats in all objectives"),
    "review": ("review", "list the winners; accept or reject them"),
    "task": ("task", "list, show, check or scaffold tasks"),
    "knowledge": ("knowledge", "what has been learned"),
    "paper": ("paper", "read papers; reproduce and improve what they claim"),
    "decision": ("decision", "architecture decision records"),
    "prompts": ("prompts", "what is sent to a model"),
    "bench": ("bench", "measure the search, the dedup and the framework itself"),
    "sandbox": ("sandbox", "build the image that containers are made from"),
    "doctor": ("doctor", "what this machine can do, and the fix for what it cannot"),
}

INTERRUPTED: Final = 130


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, raised rather than printed."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="archwright", description="Discovers neural architectures overnight.")
    parser.add_argument("--version", action="version", version=f"archwright {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    chosen = next((w for w in words if not w.startswith("-")), None)
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            loaded = importlib.import_module(f"archwright.cli.{module}")
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.run)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if words is None else list(words)
    try:
        args = _parse(words)
        code: int = args.run(args)
    except ArchwrightError as error:
        return _fail(" ".join(str(error).split()), "--json" in words)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return code


def _fail(line: str, as_json: bool) -> int:
    print(f"archwright: {line}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": line}))
    return 2
