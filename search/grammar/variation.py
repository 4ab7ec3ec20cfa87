"""What may stand for what: activations, norms and training recipes, and putting one in the place of
another.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any, Final

from archwright.core import Problem, SourceError
from archwright.source.code import Change, SourceCode, callee, code_of
from archwright.source.recipe import recipe_changes, recipe_statements

ACTIVATIONS: Final[Mapping[str, str]] = {
    "ReLU": "relu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "ELU": "elu",
    "LeakyReLU": "leaky_relu",
    "Hardswish": "hardswish",
}
"""Activation layers and the functions that do the same."""
FUNCTIONS: Final = {function: layer for layer, function in ACTIVATIONS.items()}

NORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "BatchNorm2d": ("GroupNorm", "InstanceNorm2d"),
    "InstanceNorm2d": ("GroupNorm", "BatchNorm2d"),
    "BatchNorm1d": ("GroupNorm",),
    "GroupNorm": (),
    "LayerNorm": ("RMSNorm",),
    "RMSNorm": ("LayerNorm",),
}
"""Norm layers and what can stand in their place whatever the shape is."""


def activation_sites(code: SourceCode) -> dict[str, list[ast.Call]]:
    """Calls of activations, as layers and as functions, by the layer's name."""
    found: dict[str, list[ast.Call]] = {}
    for call in code.calls:
        name = callee(call)
        name = FUNCTIONS.get(name, name) if _is_function(call) else name
        if name in ACTIVATIONS and isinstance(call.func, ast.Attribute):
            found.setdefault(name, []).append(call)
    return found


def _is_function(call: ast.Call) -> bool:
    """Whether a call is `F.relu(x)` or `torch.relu(x)`; `x.relu()` is left alone."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    module = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return module in {"F", "functional", "torch"} and bool(call.args)


def put_activation(code: SourceCode, call: ast.Call, new: str) -> list[Change]:
    """The changes that make an activation's call one of `new` (a layer's name)."""
    assert isinstance(call.func, ast.Attribute)
    if callee(call) in ACTIVATIONS:
        return [code.put(call, f"{code.segment(call.func.value)}.{new}()")]
    owner = code.segment(call.func.value)
    owner = "nn.functional" if owner == "torch" and new != "ReLU" else owner
    return [code.put(call, f"{owner}.{ACTIVATIONS[new]}({code.segment(call.args[0])})")]


def norm_sites(code: SourceCode) -> dict[str, list[ast.Call]]:
    """Calls of norm layers with a width, by name."""
    found: dict[str, list[ast.Call]] = {}
    for call in code.calls:
        name = callee(call)
        if name in NORMS and isinstance(call.func, ast.Attribute) and _norm_width(call):
            found.setdefault(name, []).append(call)
    return found


def norm_choices(code: SourceCode, name: str) -> tuple[str, ...]:
    """What may stand in a norm's place in this source."""
    if name == "GroupNorm":
        images = any(callee(c) == "Conv2d" for c in code.calls)
        return ("BatchNorm2d",) if images else ("BatchNorm1d",)
    return NORMS[name]


def _norm_width(call: ast.Call) -> ast.expr | None:
    place = 1 if callee(call) == "GroupNorm" else 0
    if len(call.args) > place:
        return call.args[place]
    named = {"num_features", "num_channels", "normalized_shape"}
    return next((k.value for k in call.keywords if k.arg in named), None)


def put_norm(code: SourceCode, call: ast.Call, new: str) -> Change:
    """The change that makes a norm's call one of `new`, over the same width."""
    assert isinstance(call.func, ast.Attribute)
    width = _norm_width(call)
    assert width is not None
    text = code.segment(width)
    arguments = {"GroupNorm": f"1, {text}", "InstanceNorm2d": f"{text}, affine=True"}
    return code.put(call, f"{code.segment(call.func.value)}.{new}({arguments.get(new, text)})")


def replace_activations(source: str, new: str) -> str:
    """`source` with every GELU made an activation of `new`."""
    code = code_of(source)
    found = activation_sites(code).get("GELU", [])
    return code.apply([c for call in found for c in put_activation(code, call, new)])


def replace_norms(source: str, new: Mapping[str, str]) -> str:
    """`source` with every norm that is a key of `new` made a norm of its value."""
    code = code_of(source)
    found = norm_sites(code)
    return code.apply([put_norm(code, c, new[n]) for n in found if n in new for c in found[n]])


@lru_cache(maxsize=1024)
def restyle(source: str, activation: str, norms: tuple[tuple[str, str], ...]) -> str:
    """Both, for a part of a file: the blocks of the library come again and again."""
    return replace_norms(replace_activations(source, activation), dict(norms))


# --- recipes --------------------------------------------------------------------------------------

RECIPE_CHOICES: Final[Mapping[str, tuple[Any, ...]]] = {
    "learning_rate": (0.001, 0.002, 0.003, 0.005, 0.008),
    "weight_decay": (0.0, 0.01, 0.05, 0.1, 0.3),
    "batch_size": (16, 32, 64),
    "schedule": ("linear", "cosine", "warmup_cosine"),
    "optimizer": ("adamw", "rmsprop"),
}
"""Values that are worth a try, all within the bounds of a recipe."""
_RECIPE_WEIGHTS: Final = {
    "learning_rate": 5, "weight_decay": 4, "batch_size": 2, "schedule": 2, "optimizer": 1,
}  # fmt: skip
_LARGE_OUTPUT: Final = 1 << 20
"""Numbers of one prediction from which on memory decides the batch size: it is the task's."""


def recipe_weights(problem: Problem) -> dict[str, int]:
    """The keys of a recipe that are worth a try, and how often each is taken."""
    fixed = {"batch_size"} if math.prod(problem.output_shape) > _LARGE_OUTPUT else set()
    return {key: weight for key, weight in _RECIPE_WEIGHTS.items() if key not in fixed}


def draw_recipe(problem: Problem, rng: Random) -> str:
    """A `RECIPE = {…}` line with one or two keys."""
    weights = recipe_weights(problem)
    keys = rng.choices(tuple(weights), tuple(weights.values()), k=rng.choice((1, 2)))
    return write_recipe({k: rng.choice(RECIPE_CHOICES[k]) for k in sorted(set(keys))})


def write_recipe(recipe: Mapping[str, Any]) -> str:
    """The line that states a recipe."""
    items = ", ".join(f'"{k}": {_literal(v)}' for k, v in recipe.items())
    return f"RECIPE = {{{items}}}"


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def find_recipe(code: SourceCode) -> tuple[list[ast.stmt], dict[str, Any]] | None:
    """The statements that set RECIPE and its values; None where there are none, or none read."""
    try:
        changes = recipe_changes(code.tree)
    except SourceError:
        return None
    return None if changes is None else (recipe_statements(code.tree), changes)


def put_recipe(code: SourceCode, recipe: Mapping[str, Any]) -> str:
    """The source with this recipe; an empty one takes the statement away."""
    line = write_recipe(recipe)
    found = find_recipe(code)
    if found is not None:
        first, *others = found[0]
        body = code.tree.body
        changes = [code.cut_statement(node, body) for node in others]
        changes.append(code.put(first, line) if recipe else code.cut_statement(first, body))
        return code.apply(changes)
    if not recipe:
        return code.text
    imports = [n for n in code.tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    if imports:
        return code.apply([code.after(imports[-1], f"\n\n{line}")])
    return f"{code.text.rstrip()}\n\n\n{line}\n"
