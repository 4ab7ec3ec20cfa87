"""From the words that were typed to the command that they call, with its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cyclopts import App, CycloptsError, Group, Parameter, UnusedCliTokensError

from archwright.cli import BENCHES, COMMANDS, SUMMARY

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions


_NOTHING: Final = (None, "", '""', "None", "()", "False", "0")
"""Defaults that say nothing of what is done."""


class PlainHelp:
    """Help as aligned lines, the same on a terminal, in a pipe and in the docs."""

    def render_usage(self, console: Console, options: ConsoleOptions, usage: object) -> None:
        """Print how the command is typed."""
        del options
        console.print(f"Usage: {usage}", markup=False, highlight=False)

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print one group of options, arguments or commands."""
        del options
        from rich.table import Table
        from rich.text import Text

        if not panel.entries:
            return
        table = Table.grid(padding=(0, 2, 0, 0))
        for entry in panel.entries:
            names = ", ".join(entry.display_labels_with_metavar)
            said = f"{getattr(entry.description, 'primary_renderable', entry.description) or ''}"
            said = " ".join(said.split()) + _default_of(names, entry.default, said)
            if entry.required and names.startswith("-"):
                said += " Required."
            table.add_row("", Text(names, no_wrap=True), Text(said))
        console.print(Text(f"{panel.title}:"), table, Text(), sep="\n")


def _default_of(names: str, default: str | None, said: str) -> str:
    """What holds where an option is left out, unless that is nothing or is said already."""
    # How many workers there are is the machine's affair.
    if default in _NOTHING or "default" in said.lower() or names.startswith("--workers"):
        return ""
    plain = default.strip("(',)\"").removesuffix(".0")
    return f" Default: {plain}."


def open_app() -> App:
    """All commands and benches; a module is imported when its command is chosen."""
    app = App(
        name="archwright",
        help=SUMMARY,
        version_flags=(),
        help_format="plaintext",
        help_formatter=PlainHelp(),
        # Last, after the groups of settings.
        group_parameters=Group("Options", sort_key=9),
        # As everywhere, the last word on an option is the one that counts.
        default_parameter=Parameter(
            negative=(), show_default=True, show_choices=False, allow_repeating=True
        ),
    )
    groups = {"": app}
    for order, (name, (place, summary)) in enumerate(_all_commands()):
        above, _, last = name.rpartition(" ")
        if place:
            groups[above].command(place, name=last, help=summary, sort_key=order)
        else:
            groups[name] = App(name=last, help=summary, sort_key=order, version_flags=())
            groups[above].command(groups[name])
    return app


def _all_commands() -> Iterator[tuple[str, tuple[str, str]]]:
    for name, (place, summary) in COMMANDS.items():
        yield name, (f"archwright.cli.{place}" if place else "", summary)
    for name, (place, summary) in BENCHES.items():
        yield f"bench {name}", (f"archwright.benchmarks.{place}", summary)


def read(words: Sequence[str]) -> partial[Any]:
    """The command that the words call.

    Raises:
        InputError: they call none, or what it is given does not fit.
    """
    from archwright.core import InputError
    from archwright.core.settings import RunSettings, option_name

    for word in words:
        if not word.isascii() and any("\ud800" <= letter <= "\udfff" for letter in word):
            raise InputError(f"{word!a} is not UTF-8: type it, or name the file, in UTF-8")
    app = open_app()
    try:
        command, bound, _ = app.parse_args(list(words), print_error=False, exit_on_error=False)
    except CycloptsError as error:
        chain = " ".join(["archwright", *(error.command_chain or ())])
        # Which commands there are is a matter of the help.
        fault = str(error).partition(" Available commands:")[0]
        if isinstance(error, UnusedCliTokensError):
            fault = f"Unexpected argument: {' '.join(error.unused_tokens or ())}."
        raise InputError(f"{fault} See `{chain} --help`") from None
    except InputError as error:
        # What was typed is told by its option; a range is that of the setting, wherever it stands.
        name, _, fault = str(error).partition(" ")
        own = name in RunSettings.model_fields and fault.startswith("must be of type")
        raise InputError(f"--{option_name(name)} {fault}" if own else str(error)) from None
    if getattr(command, "__func__", None) is App.help_print and not {"-h", "--help"} & set(words):
        typed = " ".join(words)
        names = [name for name, _ in _all_commands() if name.startswith(f"{typed} ")]
        actions = ", ".join(name.rpartition(" ")[2] for name in names)
        raise InputError(f"{typed} takes one of {actions}; see `archwright {typed} --help`")
    return partial(command, *bound.args, **bound.kwargs)
