"""What an exporter complains of, in one line that names the operation."""

from __future__ import annotations

import re
from typing import Final

from ...contract import clean

_LIMIT: Final = 300
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_OPERATION: Final = re.compile(r"(?:OpOverload\(op='|torch\.ops\.|<)?\b(aten[.:]+\w+(?:\.\w+)?)")


def blamed(error: BaseException) -> str:
    """The operation that an exporter could not take, and the last cause in its own words."""
    causes = [error]
    while (deeper := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(deeper)
    for cause in reversed(causes):
        found = _OPERATION.search(str(cause))
        if found:
            return clean(f"operation {found[1].replace('::', '.')}: {_first_line(cause)}", _LIMIT)
    return clean(f"{type(causes[-1]).__name__}: {_first_line(causes[-1])}", _LIMIT)


def _first_line(error: BaseException) -> str:
    text = _COLOUR.sub("", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"
