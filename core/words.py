"""What a person wrote, read; and the words of what is said of it in more than one folder."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from archwright.core.errors import InputError


def nearest(
    word: str,
    known: Collection[str],
    form: str = "{}",
    others: str = "it takes",
    cutoff: float = 0.6,
) -> str:
    """The one of `known` that was probably meant, or after `others` all of them, each written as
    `form`. `cutoff` is how alike, of 1, they must be."""
    if close := get_close_matches(word, known, n=1, cutoff=cutoff):
        return f"did you mean {form.format(close[0])}?"
    return f"{others} {', '.join(map(form.format, known)) or 'none'}"


def parse_toml(text: str) -> dict[str, Any]:
    """A document of TOML.

    Raises:
        InputError: it is none; the message goes on after the file's name.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError("is not valid TOML: its brackets are nested too deeply") from None
    except ValueError as error:
        fault = str(error)
        if "integer string conversion" in fault:  # Python's own guard, which has no line.
            fault = "a number has thousands of digits"
        raise InputError(f"is not valid TOML: {fault}") from None
