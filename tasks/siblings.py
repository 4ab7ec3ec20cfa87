"""Files beside a baseline that it imports from, put into it: a candidate is one file."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from archwright.tasks.source import read_text

FUTURE = "from __future__ import annotations\n"


def with_siblings(source: str, folder: Path) -> tuple[str, list[str]]:
    """A baseline's source in which `from NAME import …`, where NAME.py lies beside it, is replaced
    by that file's own statements; and what cannot be put in, one line each.

    Args:
        source: text of `baseline.py`.
        folder: where it lies.
    """
    try:
        return _Joined(folder).join("baseline", source)
    except (SyntaxError, ValueError):
        return source, []  # said elsewhere


class _Joined:
    """One baseline, and the files that are in it already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: dict[str, str] = {}
        """The file that each name at the top level comes from."""
        self._done = {"baseline"}
        self._faults: list[str] = []

    def join(self, name: str, source: str) -> tuple[str, list[str]]:
        text = self._text(name, source)
        changed = self._done != {"baseline"}
        future = changed and "from __future__ import annotations" in text
        if future:
            text = FUTURE + text.replace(FUTURE, "")
        return (text if changed and not self._faults else source), self._faults

    def _text(self, name: str, source: str) -> str:
        tree, lines = ast.parse(source), source.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        for node in tree.body:
            self._take(name, node)
        for node in reversed(tree.body):
            place = slice(node.lineno - 1, node.end_lineno)
            sibling = self._sibling(node)
            if sibling is not None and isinstance(node, ast.ImportFrom):
                lines[place] = [self._body(sibling), *_other_names(node)]
            elif name != "baseline" and _is_program(node):
                lines[place] = []
        known = {id(node) for node in tree.body if self._sibling(node) is not None}
        for part in ast.walk(tree):
            wrong = None if id(part) in known else self._named(part)
            if wrong is not None:
                way = "" if wrong == "task" else f"write `from {wrong} import NAME` at the top, or "
                self._faults.append(
                    f"{name}.py line {getattr(part, 'lineno', 1)}: it imports {wrong}, a file "
                    f"beside it; a candidate is one file: {way}put what it needs into baseline.py"
                )
        return "".join(lines)

    def _body(self, name: str) -> str:
        if name in self._done:
            return ""
        self._done.add(name)
        source, faults = read_text(self._folder / f"{name}.py")
        self._faults += faults
        return self._text(name, source)

    def _take(self, file: str, node: ast.stmt) -> None:
        """Note a definition; two files that define the same name cannot be one."""
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            return
        for name in names:
            other = self._taken.setdefault(name, file)
            if other != file:
                self._faults.append(
                    f"{file}.py line {node.lineno}: {name} is defined in {other}.py, too; "
                    "a candidate is one file: give one of them another name"
                )

    def _sibling(self, node: ast.AST) -> str | None:
        """The file that an import can be replaced by: any but the task's own code."""
        if not isinstance(node, ast.ImportFrom) or not node.module or "." in node.module:
            return None
        return self._beside(node.module) if node.module != "task" else None

    def _named(self, node: ast.AST) -> str | None:
        """A file beside that is imported in a way that cannot be put in."""
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module else [alias.name for alias in node.names]
        return next((n for n in map(self._beside, names) if n is not None), None)

    def _beside(self, name: str) -> str | None:
        first = name.partition(".")[0]
        there = (self._folder / f"{first}.py").exists() or (
            self._folder / first / "__init__.py"
        ).exists()
        return first if there and first not in sys.stdlib_module_names else None


def _other_names(node: ast.ImportFrom) -> list[str]:
    """Names that an import gives to what it takes."""
    renamed = (alias for alias in node.names if alias.asname not in (None, alias.name))
    return [f"{alias.asname} = {alias.name}\n" for alias in renamed]


def _is_program(node: ast.stmt) -> bool:
    """Whether it is what a file does only when it is run, or its docstring."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
