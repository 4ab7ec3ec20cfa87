"""Parses Python, one source at a time: the only place that calls `ast.parse`.

CPython 3.11 counts the depth of all syntax trees that are being built in one variable. Building one
is C code that another thread cannot interrupt, unless the garbage collector runs in the middle and
calls a finaliser written in Python; if that other thread parses, too, the count is wrong and the
parse fails with "SystemError: AST constructor recursion depth mismatch". Other libraries parse and
know nothing of a lock, so the collector rests while a source is parsed. The list of warnings to
ignore is one for all threads as well.
"""

from __future__ import annotations

import ast
import gc
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, cast, overload

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
    with _ONE_AT_A_TIME, warnings.catch_warnings(), _no_collection():
        warnings.simplefilter("ignore")
        return cast(ast.Module | ast.Expression, ast.parse(source, mode=mode))


@contextmanager
def _no_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
