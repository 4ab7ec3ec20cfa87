"""The recipe that a candidate's file states, read without running it.

Statements at the top of the file are followed as Python would: literals, names, arithmetic,
`dict(…)`, `{**BASE}`, `A = RECIPE = {…}`, `RECIPE["x"] = …`, `RECIPE.update(…)`, `RECIPE |= …`,
`if` and `for`, fields of simple classes. What is not followed and could change the recipe is an
error that names its line; a recipe is never passed over in silence.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, Final

from archwright.core import SourceError
from archwright.source.code import walk
from archwright.source.evaluation import FAULTS, FUNCTIONS, Evaluator, Fields, Unfollowed, stored

NAME: Final = "RECIPE"
_EXAMPLE: Final = "RECIPE = {'learning_rate': 0.003}"


def recipe_changes(tree: ast.Module) -> dict[str, Any] | None:
    """What the file's `RECIPE` says, or None where there is none.

    Raises:
        SourceError: it cannot be read, or is not a dictionary with names for keys; one line.
    """
    _check_assigned_once(tree)
    nodes = walk(tree)
    reader = _RecipeEvaluator(any(_names_recipe(node) for node in nodes))
    reader.run(tree.body)
    if NAME not in reader.names:
        _check_near_misses(tree, nodes, reader)
        return None
    changes = reader.names[NAME]
    if isinstance(changes, Fields):
        changes = changes.fields
    if not isinstance(changes, dict) or not all(isinstance(key, str) for key in changes):
        raise _fault(recipe_statements(tree)[0], "is not a dictionary with names for keys")
    return changes


def recipe_statements(tree: ast.Module) -> list[ast.stmt]:
    """The statements at the top of the file that set or change `RECIPE`."""
    return [statement for statement in tree.body if _touches(statement)]


def plain_assignments(tree: ast.Module) -> list[ast.Assign | ast.AnnAssign]:
    """The statements `RECIPE = …` at the top of the file."""
    found: list[ast.Assign | ast.AnnAssign] = []
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = _targets(statement)
            if len(targets) == 1 and is_recipe(targets[0]):
                found.append(statement)
    return found


def _fault(node: ast.AST, said: str) -> SourceError:
    line = getattr(node, "lineno", 1)
    return SourceError(f"line {line}: {NAME} {said}; write a literal dict, such as {_EXAMPLE}")


def is_recipe(node: ast.AST) -> bool:
    """Whether a node is the name of the recipe."""
    return isinstance(node, ast.Name) and node.id == NAME


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _check_assigned_once(tree: ast.Module) -> None:
    found = plain_assignments(tree)
    for statement in found[1:]:
        value = statement.value
        if value is None or not any(map(is_recipe, walk(value))):
            raise SourceError(f"line {statement.lineno}: {NAME} is assigned twice; keep one")


def _check_near_misses(tree: ast.Module, nodes: Sequence[ast.AST], reader: Evaluator) -> None:
    """A recipe where it is not looked for is said, not left out."""
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                inside = isinstance(item, (ast.Assign, ast.AnnAssign)) and _targets(item)
                if inside and any(map(is_recipe, inside)):
                    raise _fault(item, f"stands in class {node.name}, not at the top of the file")
        if isinstance(node, ast.Constant) and node.value == NAME:
            raise _fault(node, "is set by its name as a text")
        if isinstance(node, ast.Attribute) and node.attr == NAME:
            raise _fault(node, "is an attribute, not a name at the top of the file")
    for statement in tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and NAME in stored(statement):
            raise _fault(statement, "is imported")
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for target in _targets(statement):
                name = target.id if isinstance(target, ast.Name) else ""
                if name.upper() == NAME and isinstance(reader.names.get(name), dict):
                    raise _fault(statement, f"is spelled {name}")
    for node in nodes:
        if is_recipe(node) and not isinstance(getattr(node, "ctx", None), ast.Load):
            raise _fault(node, "is set where it is not read")


def _names_recipe(node: ast.AST) -> bool:
    return is_recipe(node) or (isinstance(node, ast.Global) and NAME in node.names)


def _touches(statement: ast.stmt) -> bool:
    """Whether a statement could set or change the recipe when the file is run."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):  # its own names are others
        inner = [n for n in walk(statement) if not isinstance(n, ast.Name)]
        return any(map(_changes, inner))
    return any(_changes(node) for node in walk(statement))


def _changes(node: ast.AST) -> bool:
    if is_recipe(node):
        return not isinstance(getattr(node, "ctx", None), ast.Load)
    if isinstance(node, ast.Global):
        return NAME in node.names
    if isinstance(node, ast.Subscript):
        return is_recipe(node.value) and not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and is_recipe(node.func.value):
            return node.func.attr not in ("get", "items", "keys", "values", "copy")
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        return name not in FUNCTIONS and any(map(is_recipe, given))
    return False


class _RecipeEvaluator(Evaluator):
    """A reader that passes over what it cannot follow, unless that could change the recipe: one
    that nothing in the file names cannot be changed."""

    def __init__(self, is_named: bool) -> None:
        super().__init__()
        self._is_named = is_named

    def run(self, body: Sequence[ast.stmt]) -> None:
        """Follow statements; one that is not followed makes what it sets unknown."""
        for statement in body:
            try:
                if isinstance(statement, ast.ClassDef) and self._touches(statement):
                    raise Unfollowed(
                        f"stands in class {statement.name}, not at the top of the file"
                    )
                self.follow(statement)
            except FAULTS as error:
                if self._touches(statement) or self._holds_recipe(statement):
                    said = str(error) or "is set in a way that is not read"
                    raise _fault(statement, said) from None
                for name in stored(statement):
                    self.names.pop(name, None)

    def _touches(self, statement: ast.stmt) -> bool:
        return self._is_named and _touches(statement)

    def _holds_recipe(self, statement: ast.stmt) -> bool:
        """Whether it changes the recipe's own dictionary under another name."""
        recipe = self.names.get(NAME)
        if recipe is None or isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            return False
        other = {n for n, v in self.names.items() if v is recipe and n != NAME}
        return any(isinstance(n, ast.Name) and n.id in other for n in walk(statement))
