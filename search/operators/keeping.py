"""Modules that answer as wide as they are asked, as far as their source tells."""

from __future__ import annotations

import ast
from typing import Final

from archwright.search.grammar.variation import ACTIVATIONS, NORMS
from archwright.source.code import callee, method, walk

KEEPING: Final = frozenset(
    {*ACTIVATIONS, *NORMS, "Dropout", "Dropout2d", "Identity", "MaxPool2d", "AvgPool2d"}
)
"""Layers after which features are as wide as before."""
SAME_SHAPE: Final = frozenset({"contiguous", "sigmoid", "tanh", "relu", "transpose", "clone"})
"""Methods of a tensor; what is transposed once is transposed back."""


def keeps_width(node: ast.ClassDef, init: ast.FunctionDef, width: str) -> bool:
    """Whether what a module answers has the `width` that its constructor is given, as far as its
    source tells: it adds to its input, or ends in a layer that is made so wide."""
    forward = method(node, "forward")
    if forward is None or len(forward.args.args) < 2:
        return False
    made, bound = _assigned(init, ast.Attribute), _assigned(forward, ast.Name)

    def is_wide(value: ast.expr, passed: frozenset[str] = frozenset()) -> bool:
        match value:
            case ast.Name(id=name) if name in bound and name not in passed:
                return is_wide(bound[name], passed | {name})
            case ast.Name(id=name):
                return name == given
            case ast.BinOp(left=left, right=right):
                return is_wide(left, passed) or is_wide(right, passed)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                return name in made and _makes(made[name], width)
            case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in SAME_SHAPE:
                return is_wide(inner, passed)
        return False

    given = forward.args.args[1].arg
    answers = [n.value for n in walk(forward) if isinstance(n, ast.Return) and n.value is not None]
    return bool(answers) and all(map(is_wide, answers))


def _assigned(
    function: ast.FunctionDef, kind: type[ast.Attribute] | type[ast.Name]
) -> dict[str, ast.expr]:
    """What attributes, or names, are set to last."""
    return {
        target.attr if isinstance(target, ast.Attribute) else target.id: statement.value
        for statement in walk(function)
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, kind)
    }


def _makes(call: ast.expr, width: str) -> bool:
    """Whether a layer's outputs, or those of the last of several, are so wide."""
    if not isinstance(call, ast.Call):
        return False
    if callee(call) == "Sequential" and call.args:
        known = [a for a in call.args if callee(a) not in KEEPING]
        return bool(known) and _makes(known[-1], width)
    named = {k.arg: k.value for k in call.keywords}
    out = call.args[1:2] or [named[k] for k in ("out_features", "out_channels") if k in named]
    if callee(call) in NORMS:
        out = call.args[:1]
    return bool(out) and isinstance(out[0], ast.Name) and out[0].id == width
