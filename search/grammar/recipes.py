"""Training recipes: drawing one, reading and writing it in a source."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from archwright.source.segments import Code

CHOICES: Final[Mapping[str, tuple[Any, ...]]] = {
    "learning_rate": (0.001, 0.002, 0.003, 0.005, 0.008),
    "weight_decay": (0.0, 0.01, 0.05, 0.1, 0.3),
    "batch_size": (16, 32, 64),
    "schedule": ("linear", "cosine", "warmup_cosine"),
    "optimizer": ("adamw", "rmsprop"),
}
"""Values that are worth a try, all within the bounds of a recipe."""
WEIGHTS: Final = (5, 4, 2, 2, 1)


def draw_recipe(rng: Random) -> str:
    """A `RECIPE = {…}` line with one or two keys."""
    keys = rng.choices(tuple(CHOICES), WEIGHTS, k=rng.choice((1, 2)))
    return write_recipe({k: rng.choice(CHOICES[k]) for k in sorted(set(keys))})


def write_recipe(recipe: Mapping[str, Any]) -> str:
    """The line that states a recipe."""
    items = ", ".join(f'"{k}": {_literal(v)}' for k, v in recipe.items())
    return f"RECIPE = {{{items}}}"


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def find_recipe(code: Code) -> tuple[ast.Assign, dict[str, Any]] | None:
    """The statement that sets RECIPE and its values; values that are no literals are left out."""
    for node in code.tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "RECIPE" for t in node.targets
        ):
            return node, _read(node.value)
    return None


def _read(node: ast.expr) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in zip(getattr(node, "keys", []), getattr(node, "values", []), strict=False):
        try:
            found[str(ast.literal_eval(key))] = ast.literal_eval(value)
        except (ValueError, TypeError):
            continue
    return found


def put_recipe(code: Code, recipe: Mapping[str, Any]) -> str:
    """The source with this recipe; an empty one takes the statement away."""
    line = write_recipe(recipe)
    found = find_recipe(code)
    if found is not None:
        node = found[0]
        change = code.put(node, line) if recipe else code.cut_statement(node, code.tree.body)
        return code.apply([change])
    if not recipe:
        return code.text
    imports = [n for n in code.tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    if imports:
        return code.apply([code.after(imports[-1], f"\n\n{line}")])
    return f"{code.text.rstrip()}\n\n\n{line}\n"
