"""Applies a unified diff to a source, as models write them: line numbers are often wrong.

A hunk is placed by its lines: where the removed and unchanged lines stand in the source exactly,
at the place nearest to where the last hunk ended. Numbers in hunk headers are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HUNK = re.compile(r"^@@.*$", re.MULTILINE)


class DiffError(ValueError):
    """A diff that cannot be applied; the message says which hunk and why."""


def apply_diff(source: str, diff: str) -> str:
    """`source` with the hunks of a unified diff applied in their order.

    Raises:
        DiffError: there is no hunk, or one that fits nowhere or changes nothing.
    """
    hunks = _HUNK.split(diff)[1:]
    if not hunks:
        raise DiffError("the diff has no hunk; each begins with a line of @@")
    lines, start = source.splitlines(), 0
    for number, hunk in enumerate(hunks, start=1):
        old, new = _sides(hunk)
        if old == new:
            raise DiffError(f"hunk {number} of the diff changes nothing")
        if not old and lines:
            raise DiffError(f"hunk {number} of the diff has no unchanged line to place it by")
        at = _place(lines, old, start)
        if at is None:
            raise DiffError(f"hunk {number} of the diff fits nowhere: {_misfit(lines, old)}")
        lines[at : at + len(old)] = new
        start = at + len(new)
    return "\n".join(lines) + "\n"


def _sides(hunk: str) -> tuple[list[str], list[str]]:
    """The lines of a hunk before and after. An empty line stands for an unchanged one."""
    old: list[str] = []
    new: list[str] = []
    for line in hunk.strip("\n").splitlines():
        if line.startswith(("---", "+++", "\\", "*** ", "diff --git ", "index ")):
            continue
        if not line.startswith("+"):
            old.append(line[1:])
        if not line.startswith("-"):
            new.append(line[1:])
    return old, new


def _misfit(lines: Sequence[str], old: Sequence[str]) -> str:
    """What is wrong with a hunk that stands nowhere, in words."""
    bare = {line.rstrip() for line in lines}
    unknown = next((line for line in old if line.rstrip() not in bare), None)
    if unknown is None:
        return "its lines do not follow each other in the source"
    return f"its line {unknown!r} is not in the source"


def _place(lines: Sequence[str], old: Sequence[str], start: int) -> int | None:
    """Where `old` stands in `lines`, not counting white space at line ends: after `start` first."""
    bare = [line.rstrip() for line in lines]
    wanted = [line.rstrip() for line in old]
    places = [
        at for at in range(len(bare) - len(wanted) + 1) if bare[at : at + len(wanted)] == wanted
    ]
    return min(places, key=lambda at: (at < start, abs(at - start)), default=None)
