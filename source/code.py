"""Python source as text with its syntax tree: parsed, searched, and edited by the places of its
nodes, so that all else stays as it was written.

`parse` is the only place that calls `ast.parse`. CPython 3.11 counts the depth of all syntax trees
that are being built in one variable. Building one is C code that another thread cannot interrupt,
unless the garbage collector runs in the middle and calls a finaliser written in Python; if that
other thread parses, too, the count is wrong and the parse fails with "SystemError: AST constructor
recursion depth mismatch". Other libraries parse and know nothing of a lock, so the collector rests
while a source is parsed. The list of warnings to ignore is one for all threads as well.
"""

from __future__ import annotations

import ast
import gc
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, cast, overload

from archwright.core import SourceError

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


@dataclass(frozen=True, slots=True)
class Change:
    """Replace what stands from byte `start` to byte `end` (UTF-8) by `text`."""

    start: int
    end: int
    text: str


class SourceCode:
    """Source text with its syntax tree and the way from a node to its place in the text."""

    def __init__(self, text: str) -> None:
        """Parse `text`.

        Raises:
            SourceError: it is not Python; the message names the line.
        """
        self.text = text
        self._bytes = text.encode()
        try:
            self.tree = parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            where = f" on line {line}" if line else ""
            reason = getattr(error, "msg", None) or "it cannot be parsed"
            raise SourceError(f"the source is not valid Python{where}: {reason}") from None
        self._lines = [0]
        for line_bytes in self._bytes.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line_bytes))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """First and last byte of a node; a decorated definition starts at its decorator."""
        first = (getattr(node, "decorator_list", None) or [node])[0]
        start = self._lines[first.lineno - 1] + first.col_offset
        if first is not node:
            start -= 1
        return start, self._lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def segment(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    def indent(self, node: ast.AST) -> str:
        """The white space that starts the node's first line."""
        line = self._bytes[self._lines[node.lineno - 1] :]  # type: ignore[attr-defined]
        return line[: len(line) - len(line.lstrip(b" \t"))].decode()

    def replaced(self, node: ast.AST, parts: Mapping[ast.expr, str]) -> str:
        """The text of a node with some nodes inside it replaced."""
        offset = self.span(node)[0]
        out, end = b"", offset
        for part in sorted(parts, key=self.span):
            start, stop = self.span(part)
            out += self._bytes[end:start] + parts[part].encode()
            end = stop
        return (out + self._bytes[end : self.span(node)[1]]).decode()

    def put(self, node: ast.AST, text: str) -> Change:
        """The change that replaces a node."""
        return Change(*self.span(node), text)

    def after(self, node: ast.AST, text: str) -> Change:
        """The change that writes `text` right behind a node."""
        return Change(self.span(node)[1], self.span(node)[1], text)

    def cut_item(self, node: ast.AST, siblings: list[ast.expr]) -> Change:
        """The change that removes one of several comma-separated nodes, with its comma."""
        place = siblings.index(node)  # type: ignore[arg-type]
        start, end = self.span(node)
        if place + 1 < len(siblings):
            return Change(start, self.span(siblings[place + 1])[0], "")
        if place > 0:
            return Change(self.span(siblings[place - 1])[1], end, "")
        return Change(start, end, "")

    def cut_statement(self, node: ast.stmt, body: list[ast.stmt]) -> Change:
        """The change that removes a statement with its lines; the last one becomes `pass`."""
        start, end = self.span(node)
        if len(body) == 1:
            return Change(start, end, "pass")
        line_start = self._bytes.rfind(b"\n", 0, start) + 1
        line_end = self._bytes.find(b"\n", end)
        return Change(line_start, len(self._bytes) if line_end < 0 else line_end + 1, "")

    def apply(self, changes: Iterable[Change]) -> str:
        """The text with all `changes` made; of changes that overlap the outer one is kept."""
        kept: list[Change] = []
        for change in sorted(changes, key=lambda c: (c.start, -c.end)):
            if not kept or change.start >= kept[-1].end:
                kept.append(change)
        out = self._bytes
        for change in reversed(kept):
            out = out[: change.start] + change.text.encode() + out[change.end :]
        return out.decode()


@lru_cache(maxsize=256)
def code_of(text: str) -> SourceCode:
    """A source that was perhaps read before: nobody changes its tree.

    Raises:
        SourceError: it is not Python; the message names the line.
    """
    return SourceCode(text)


def classes(tree: ast.AST) -> dict[str, ast.ClassDef]:
    """The classes that a module defines at its top level, by name."""
    body: list[ast.stmt] = getattr(tree, "body", [])
    return {n.name: n for n in body if isinstance(n, ast.ClassDef)}


def method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    """A method of a class by name."""
    return next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == name), None)


def callee(node: ast.AST) -> str:
    """The last name of what a call calls: `nn.Conv2d(…)` and `Conv2d(…)` give "Conv2d"."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """All calls in a tree, in the order of the text."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    yield from sorted(found, key=lambda n: (n.lineno, n.col_offset, -(n.end_col_offset or 0)))


def names(tree: ast.AST) -> set[str]:
    """All plain names that a tree reads or writes."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


def is_idle(statement: ast.stmt) -> bool:
    """A statement without effect: `pass`, a docstring, a bare string."""
    if isinstance(statement, ast.Pass):
        return True
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def free_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or `name` with a number behind it where it is taken."""
    if name not in set(taken):
        return name
    number = 2
    while f"{name}{number}" in set(taken):
        number += 1
    return f"{name}{number}"


def rename_class(code: SourceCode, old: str, new: str) -> str:
    """`code` with a class and all that names it renamed."""
    node = classes(code.tree)[old]
    start = code.span(node)[0] + code.segment(node).index(f"class {old}") + len("class ")
    changes = [Change(start, start + len(old.encode()), new)]
    changes += [
        code.put(n, new) for n in ast.walk(code.tree) if isinstance(n, ast.Name) and n.id == old
    ]
    return code.apply(changes)
