"""Parses Python, one source at a time: the only place that calls `ast.parse`.

CPython 3.11 counts the depth of all syntax trees that are being built in one variable, so that two
threads that parse at once can fail with "SystemError: AST constructor recursion depth mismatch".
The list of warnings to ignore is one for all threads as well. Other libraries parse, too, and know
nothing of the lock here: what fails for that reason is simply parsed again.
"""

from __future__ import annotations

import ast
import threading
import time
import warnings
from typing import Final, Literal, cast, overload

TRIES: Final = 8
PAUSE_SECONDS: Final = 0.002
_ONE_AT_A_TIME: Final = threading.RLock()


@overload
def parse(source: str, mode: Literal["exec"] = "exec") -> ast.Module: ...
@overload
def parse(source: str, mode: Literal["eval"]) -> ast.Expression: ...
def parse(source: str, mode: Literal["exec", "eval"] = "exec") -> ast.Module | ast.Expression:
    """The syntax tree of a source; what Python warns of in it goes unsaid. Nothing is executed.

    Raises:
        SyntaxError: it is not Python.
        ValueError, RecursionError, MemoryError: it cannot be parsed.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(TRIES - 1):
            try:
                return _parse(source, mode)
            except SystemError:
                time.sleep(PAUSE_SECONDS)
        return _parse(source, mode)


def _parse(source: str, mode: str) -> ast.Module | ast.Expression:
    return cast(ast.Module | ast.Expression, ast.parse(source, mode=mode))
