"""Annotations that can be left out of a function without any effect."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

_BUILTINS: Final = ("int", "float", "bool", "str", "bytes", "object", "tuple", "list", "dict")
_IMPORTED: Final = ("torch.Tensor", "torch.nn.Module", "torch.device", "torch.dtype", "typing.Any")
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
        return spell(node) in (*_BUILTINS, *_IMPORTED)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    name = spell(node.value)
    if name in _ANY_ARITY:
        dots = isinstance(parts[-1], ast.Constant) and parts[-1].value is ... and len(parts) == 2
        parts = parts[:1] if dots and name != "typing.Union" else parts
    elif _ARITY.get(name) != len(parts):
        return False
    return bool(parts) and all(_is_type(part, spell) for part in parts)
