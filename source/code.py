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
import builtins
import gc
import importlib
import symtable
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
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
        plain = source.removeprefix("\ufeff")  # a byte order mark, as editors on Windows write it
        return cast(ast.Module | ast.Expression, ast.parse(plain, mode=mode))


def symbols(source: str) -> symtable.SymbolTable:
    """The names of a source by scope. Raises as `parse`."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return symtable.symtable(source.removeprefix("\ufeff"), "", "exec")


@lru_cache(maxsize=256)
def tree_of(source: str) -> ast.Module:
    """The tree of a source that was perhaps parsed before: nobody changes it. Raises as `parse`."""
    return parse(source)


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
        text = text.removeprefix("\ufeff")
        self.text = text
        self._bytes = text.encode()
        try:
            self.tree = tree_of(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = getattr(error, "lineno", None)
            where = f" on line {line}" if line else ""
            reason = getattr(error, "msg", None) or "it cannot be parsed"
            raise SourceError(f"the source is not valid Python{where}: {reason}") from None
        self._lines = [0]
        for line_bytes in self._bytes.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line_bytes))

    @cached_property
    def calls(self) -> list[ast.Call]:
        """All calls, in the order of the text."""
        return calls(self.tree)

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


def walk(tree: ast.AST) -> list[ast.AST]:
    """All nodes of a tree level by level, as `ast.walk` gives them, in half its time: a search
    reads thousands of sources."""
    found = [tree]
    for node in found:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found.extend([item for item in value if isinstance(item, ast.AST)])
    return found


def alike(one: object, other: object) -> bool:
    """Whether two trees are the same but for where their nodes stand in the text."""
    if isinstance(one, ast.AST):
        return type(one) is type(other) and all(
            alike(getattr(one, name, None), getattr(other, name, None)) for name in one._fields
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and one == other


def calls(tree: ast.AST) -> list[ast.Call]:
    """All calls in a tree, in the order of the text."""
    found = [n for n in walk(tree) if isinstance(n, ast.Call)]
    return sorted(found, key=lambda n: (n.lineno, n.col_offset, -(n.end_col_offset or 0)))


def names(tree: ast.AST) -> set[str]:
    """All plain names that a tree reads or writes."""
    return {n.id for n in walk(tree) if isinstance(n, ast.Name)}


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
        code.put(n, new) for n in walk(code.tree) if isinstance(n, ast.Name) and n.id == old
    ]
    return code.apply(changes)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONTRACT_NAMES: Final = frozenset({"Model", "Mixer", "RECIPE", "COMPLEXITY"})
BUILTINS: Final = frozenset(dir(builtins))

# Whoever uses one of these sees names as data, so that no name may change at all.
REFLECTION_NAMES: Final = _words(
    "locals globals vars eval exec compile dir inspect sys importlib pickle operator jit fx"
    " __import__ __class__ __doc__ __annotations__"
)
REFLECTION_ATTRIBUTES: Final = _words(
    "__dict__ __name__ __qualname__ __class__ __doc__ __code__ __annotations__ __module__"
    " __globals__ __closure__ jit fx"
)
# Whoever uses one of these sees attribute names.
ATTRIBUTE_NAMES: Final = _words(
    "named_parameters named_modules named_children named_buffers state_dict load_state_dict"
    " _modules _parameters _buffers __getattr__ __setattr__ __getattribute__ __delattr__"
    " get_submodule get_parameter get_buffer"
)
TAKES_ATTRIBUTE_NAME: Final = {
    **dict.fromkeys(("getattr", "setattr", "hasattr", "delattr"), 1),
    **dict.fromkeys(("add_module", "register_module", "register_buffer", "register_parameter"), 0),
}
# What `torch.nn.Module` itself calls or stores, private names apart; a test asks torch.
MODULE_ATTRIBUTES: Final = _words(
    "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda"
    " double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter"
    " get_submodule half ipu load_state_dict modules mtia named_buffers named_children"
    " named_modules named_parameters parameters register_backward_hook register_buffer"
    " register_forward_hook register_forward_pre_hook register_full_backward_hook"
    " register_full_backward_pre_hook register_load_state_dict_post_hook"
    " register_load_state_dict_pre_hook register_module register_parameter"
    " register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state"
    " set_submodule share_memory state_dict to to_empty train training type xpu zero_grad"
)


# --- imports --------------------------------------------------------------------------------------

ImportNode = ast.Import | ast.ImportFrom

_STANDARD: Final = ("math", "typing", "collections", "collections.abc", "functools", "itertools")
_SAFE_MODULES: Final = frozenset({"torch", "torch.nn", "torch.nn.functional", *_STANDARD})
_SAFE_MEMBERS: Final = frozenset({"torch.nn", "torch.nn.functional", "torch.Tensor"})


def leading_imports(body: Sequence[ast.stmt]) -> list[ImportNode]:
    """The imports at the top of a file, before anything else is done."""
    found: list[ImportNode] = []
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            found.append(statement)
        elif not is_idle(statement):
            break
    return found


def bound_paths(statement: ImportNode) -> list[tuple[str, str]]:
    """What an import binds, one (name, full path) for each alias."""
    if isinstance(statement, ast.Import):
        tops = [(a, a.name.partition(".")[0]) for a in statement.names]
        return [(a.asname or top, a.name if a.asname else top) for a, top in tops]
    base = "." * statement.level + (statement.module or "")
    return [(a.asname or a.name, f"{base}.{a.name}") for a in statement.names]


def telling_imports(
    statements: Sequence[ImportNode], paths: Mapping[str, str], used: Set[str]
) -> list[str]:
    """The imports that could fail, or whose names are not spelled out where they are used.

    Args:
        statements: the leading imports.
        paths: the full path for each name that is spelled out.
        used: the names of `paths` that the file uses.
    """
    lines: set[str] = set()
    for statement in statements:
        for (name, path), alias in zip(bound_paths(statement), statement.names, strict=True):
            module = alias.name if isinstance(statement, ast.Import) else statement.module or "."
            if paths.get(name) != path:
                lines.add(ast.unparse(statement))
            elif module not in _SAFE_MODULES and module != "__future__":
                lines.add(f"import {module} {path}")
            elif isinstance(statement, ast.ImportFrom) and name not in used and not _exists(path):
                lines.add(f"import {path}")
    return sorted(lines)


def keeps_keywords(path: str) -> bool:
    """Whether the keywords of a call of `path` are known to stay with torch."""
    if path.startswith("torch.nn."):
        return not path.startswith("torch.nn.utils.")
    return path.startswith("torch.") and path.count(".") == 1


def _exists(path: str) -> bool:
    module, _, member = path.rpartition(".")
    if module in (*_STANDARD, "__future__"):
        return hasattr(importlib.import_module(module), member)
    return path in _SAFE_MEMBERS


# --- annotations ----------------------------------------------------------------------------------

_BUILTIN_TYPES: Final = ("int", "float", "bool", "str", "bytes", "object", "tuple", "list", "dict")
_IMPORTED_TYPES: Final = (
    "torch.Tensor",
    "torch.nn.Module",
    "torch.device",
    "torch.dtype",
    "typing.Any",
)
_ARITY: Final = {
    **dict.fromkeys(("typing.Optional", "typing.List", "typing.Set", "typing.Sequence"), 1),
    **dict.fromkeys(("collections.abc.Sequence", "list", "set"), 1),
    **dict.fromkeys(("typing.Dict", "dict"), 2),
}
_ANY_ARITY: Final = frozenset({"tuple", "typing.Tuple", "typing.Union"})


def is_harmless(annotation: ast.expr, spell: Callable[[ast.expr], str]) -> bool:
    """Whether evaluating `annotation` is known to succeed and to do nothing.

    A program with a bad annotation fails where the same program without it runs, so that what is
    not known to be harmless must count.

    Args:
        annotation: the expression.
        spell: gives a builtin's name or an import's full path for a name, and "" for any other.
    """
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return True
    return _is_type(annotation, spell)


def _is_type(node: ast.expr, spell: Callable[[ast.expr], str]) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    if isinstance(node, ast.BinOp):
        sides = not isinstance(node.left, ast.Constant), isinstance(node.op, ast.BitOr)
        return all(sides) and _is_type(node.left, spell) and _is_type(node.right, spell)
    if not isinstance(node, ast.Subscript):
        return spell(node) in (*_BUILTIN_TYPES, *_IMPORTED_TYPES)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    name = spell(node.value)
    if name in _ANY_ARITY:
        dots = isinstance(parts[-1], ast.Constant) and parts[-1].value is ... and len(parts) == 2
        parts = parts[:1] if dots and name != "typing.Union" else parts
    elif _ARITY.get(name) != len(parts):
        return False
    return bool(parts) and all(_is_type(part, spell) for part in parts)
