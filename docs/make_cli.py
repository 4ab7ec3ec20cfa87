"""Writes docs/cli.md from the commands' own help. `make docs` runs it, and a test compares."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

from archwright.cli import COMMANDS, Parser

PAGE = Path(__file__).parent / "cli.md"
WIDTH_COLUMNS = 88
INTRODUCTION = """\
# The command line

Written by `make docs` from what the commands say of themselves.

Every command that prints a result takes `--json`: one JSON document on stdout, all else on stderr.
A mistake in the input is one line on stderr that names the fix, and exit code 2; Ctrl-C is 130.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page."""
    os.environ["COLUMNS"] = str(WIDTH_COLUMNS)
    blocks = [block for name in COMMANDS for block in _blocks(_parser(name), "##")]
    return "\n".join([INTRODUCTION, *blocks])


def _parser(name: str) -> Parser:
    module, summary = COMMANDS[name]
    parser = Parser(prog=f"archwright {name}", description=summary)
    importlib.import_module(f"archwright.cli.{module}").add_arguments(parser)
    return parser


def _blocks(parser: argparse.ArgumentParser, heading: str) -> Iterator[str]:
    yield f"{heading} {parser.prog}\n\n```text\n{parser.format_help()}```\n"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _blocks(child, heading + "#")


if __name__ == "__main__":
    main()
