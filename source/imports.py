"""What a file's leading imports bind, and which of them matter to what the file does."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping, Sequence, Set
from typing import Final

from archwright.source.scopes import is_idle

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
