"""Words of messages that more than one folder writes."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


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
