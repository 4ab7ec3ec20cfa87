"""Writes what follows from the code: docs/cli.md from the commands' own help, and the keywords of
`archwright.discover` from the settings. `make docs` runs it, and a test compares.
"""

from __future__ import annotations

import io
import re
import types
from keyword import iskeyword
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from rich.console import Console

from archwright.cli import BENCHES, COMMANDS
from archwright.cli.reading import open_app
from archwright.core.groups.group import keywords
from archwright.core.settings import GROUPS, RunSettings

PAGE = Path(__file__).parent / "cli.md"
KEYWORDS = Path(__file__).parents[1] / "archwright" / "keywords.py"
WIDTH_COLUMNS = 96
INTRODUCTION = """\
# The command line

Written by `make docs` from what the commands say of themselves.

Every command that prints a result takes `--json`: one JSON document on stdout, all else on stderr.
A mistake in the input is one line on stderr that names the fix, and exit code 2; Ctrl-C or SIGTERM
is 130.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    KEYWORDS.write_text(keyword_module(), encoding="utf-8")


def page() -> str:
    """The whole page, whatever the width and the colours of the terminal."""
    names = [*COMMANDS, *(f"bench {name}" for name in BENCHES)]
    # A group stands before its own, wherever the registry has them.
    names.sort(key=lambda name: [*COMMANDS].index(name.split()[0]))
    blocks = [f"##{'#' * name.count(' ')} archwright {name}\n\n{_help(name)}" for name in names]
    return "\n".join([INTRODUCTION, *blocks])


def _help(name: str) -> str:
    console = Console(
        file=io.StringIO(), width=WIDTH_COLUMNS, color_system=None, force_terminal=False
    )
    open_app().help_print(name.split(), console=console)
    assert isinstance(console.file, io.StringIO)
    text = re.sub(r"[ \t]+$", "", console.file.getvalue(), flags=re.MULTILINE)
    return f"```text\n{text.strip()}\n```\n"


# --- keywords ------------------------------------------------------------------------------------


def keyword_module() -> str:
    """The source of `archwright/keywords.py`."""
    lines = [
        '"""The settings of a run as keywords of `archwright.discover`.',
        "",
        "Written by `make docs` from archwright/core/settings.py: change a setting there.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Sequence",
        "from typing import Literal, TypedDict",
        "",
        "",
        "class Keywords(TypedDict, total=False):",
        '    """Each of them may be left out, or None."""',
        "",
    ]
    for key, name in (pair for group in GROUPS for pair in keywords(group)):
        # The one that is an object as well has a place of its own in the signature, and what is a
        # word of Python's own (`or`) can be no keyword.
        if name != "backend" and not iskeyword(key):
            lines.append(f"    {key}: {_spelled(RunSettings.model_fields[name].annotation)} | None")
    return "\n".join(lines) + "\n"


def _spelled(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return (
            f"Literal[{', '.join(repr(word).replace(chr(39), chr(34)) for word in get_args(kind))}]"
        )
    if get_origin(kind) is tuple:
        (inner, _) = get_args(kind)
        inner = get_args(inner)[0] if get_args(inner) else inner
        return f"Sequence[{inner.__name__}]" if inner is not str else "str | Sequence[str]"
    if isinstance(kind, types.UnionType) or get_args(kind):
        return " | ".join(_spelled(k) for k in get_args(kind) if k is not type(None))
    return str(kind.__name__)


if __name__ == "__main__":
    main()
