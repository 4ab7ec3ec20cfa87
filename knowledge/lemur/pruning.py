"""Leaves out of a file what its network does not need, by what refers to what."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable

_TRAINING = frozenset({"train_setup", "learn"})
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Assignment = ast.Assign | ast.AnnAssign
Importing = ast.Import | ast.ImportFrom


def strip(tree: ast.Module, net: ast.ClassDef) -> None:
    """Leave out docstrings, the training methods, and what runs when the file is loaded."""
    net.body = [s for s in net.body if getattr(s, "name", "") not in _TRAINING]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | Definition):
            node.body = [s for s in node.body if not _is_text(s)] or [ast.Pass()]
    tree.body = [s for s in tree.body if not isinstance(s, ast.Expr) and not _is_main(s)]


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def prune(tree: ast.Module, net: ast.ClassDef) -> None:
    """Leave out definitions, assignments, imports and methods of `net` that are not reached from
    its constructor, its special methods and its `forward`."""
    waiting: dict[str, list[ast.stmt]] = defaultdict(list)
    reached: set[int] = set()
    for statement in tree.body:
        for name in _provides(statement):
            waiting[name].append(statement)
    for method in net.body:
        if isinstance(method, ast.FunctionDef) and not _is_root(method.name):
            waiting["." + method.name].append(method)
    open_ends: list[ast.AST] = [net]
    open_ends += [s for s in tree.body if s is not net and not _provides(s)]
    names: set[str] = set()
    while open_ends:
        node = open_ends.pop()
        reached.add(id(node))
        nodes = _own_parts(node) if node is net else [node]
        for name in _asked_for(nodes) - names:
            names.add(name)
            open_ends += [s for s in waiting[name] if id(s) not in reached]
    net.body = [s for s in net.body if _stays(s, reached)]
    tree.body = [s for s in tree.body if id(s) in reached]
    for statement in tree.body:
        if isinstance(statement, Importing):
            statement.names = [a for a in statement.names if _always(a) or _bound(a) in names]


def _own_parts(net: ast.ClassDef) -> list[ast.AST]:
    """What of a class is needed whatever is called."""
    body = [s for s in net.body if not isinstance(s, ast.FunctionDef) or _is_root(s.name)]
    return [*body, *net.bases, *net.decorator_list, *(k.value for k in net.keywords)]


def _stays(statement: ast.stmt, reached: set[int]) -> bool:
    return (
        not isinstance(statement, ast.FunctionDef)
        or _is_root(statement.name)
        or id(statement) in reached
    )


def _is_root(name: str) -> bool:
    return name == "forward" or name.startswith("__")


def _provides(statement: ast.stmt) -> list[str]:
    """Names that a top-level statement binds; none where it does anything else, too."""
    if isinstance(statement, Definition):
        return [statement.name]
    if isinstance(statement, Importing):
        return [] if any(map(_always, statement.names)) else [_bound(a) for a in statement.names]
    if isinstance(statement, Assignment):
        nodes = ast.walk(statement)
        return [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return []


def _always(alias: ast.alias) -> bool:
    return alias.name in ("*", "annotations")


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _asked_for(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that are read, and attributes with a dot before them."""
    found: set[str] = set()
    for top in nodes:
        for node in ast.walk(top):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add("." + node.attr)
    return found
