"""What of `task.py` the jail needs: some functions, and all at its top level that they use."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib.metadata import packages_distributions
from typing import Final

IN_JAIL: Final = ("loss", "augment")
"""Functions of the task that run in the jail."""
_ALWAYS: Final = frozenset({"torch", "numpy", *sys.stdlib_module_names})


def sliced(source: str, names: Collection[str] = IN_JAIL) -> str:
    """The statements of a file that define `names`, and those that define what these use, and so
    on, in their order; empty where the file defines none of them, or is no Python.

    What `load` needs stays out, data above all: the jail holds no label that is scored.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return ""
    lines = source.splitlines()
    return "\n".join("\n".join(lines[_first(n) - 1 : n.end_lineno]) for n in _needed(body, names))


def slice_faults(source: str, packages: Sequence[str]) -> Iterator[str]:
    """What of a slice cannot run in a jail, one line each.

    Args:
        source: as `sliced` gives it.
        packages: what the task lets candidates import, as pip calls it.
    """
    allowed = {name.lower() for name in packages}
    modules = [module for node in ast.walk(ast.parse(source)) for module in _imported(node)]
    others = [module for module in modules if module not in _ALWAYS]
    # It reads what each installed package says of itself, which takes a second.
    known = packages_distributions() if others else {}
    for module in others:
        homes = {home.lower() for home in known.get(module, ())}
        if homes & allowed:
            continue
        fix = f'packages = ["{min(homes)}"] under [sandbox]' if homes else "its code in task.py"
        yield (
            f"task.py: {' and '.join(IN_JAIL)} run in the sandbox, where {module} is not "
            f"there; write {fix}, or do without"
        )


def defined(source: str) -> set[str]:
    """The names of the functions at the top level of a file; none where it is no Python."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return set()
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def _first(node: ast.stmt) -> int:
    """The line on which a statement begins, its decorators included."""
    return min((each.lineno for each in getattr(node, "decorator_list", ())), default=node.lineno)


def _needed(body: Sequence[ast.stmt], names: Collection[str]) -> list[ast.stmt]:
    binds = [_bound(node) for node in body]
    wanted, taken = set(names), set[int]()
    grows = any(set(names) & bound for bound in binds)
    while grows:
        more = {i for i, bound in enumerate(binds) if bound & wanted} - taken
        for place in more:
            wanted |= _used(body[place])
        taken |= more
        grows = bool(more)
    future = {
        i
        for i, node in enumerate(body)
        if taken and isinstance(node, ast.ImportFrom) and node.module == "__future__"
    }
    return [body[place] for place in sorted(taken | future)]


def _bound(node: ast.stmt) -> set[str]:
    """The names that a statement at the top level defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
            found.add(part.id)
        elif isinstance(part, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in part.names}
        elif isinstance(part, ast.FunctionDef | ast.ClassDef):
            found.add(part.name)
    return found


def _used(node: ast.stmt) -> set[str]:
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }


def _imported(node: ast.AST) -> Iterator[str]:
    """The packages that an import names."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." if node.level else (node.module or "").partition(".")[0]
