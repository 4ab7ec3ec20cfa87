"""Bounded arithmetic for the interpreter: numbers, short lists, and tensors known by their size."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_ITEMS: Final = 1_000


class Unknown(Exception):  # noqa: N818
    """Something that the interpreter does not follow."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as far as counting goes: how many numbers it holds."""

    size: int


BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "range": lambda *a: list(range(*a)[:MAX_ITEMS]),
    "len": len,
    "max": max,
    "min": min,
    "int": int,
    "float": float,
    "bool": bool,
    "round": round,
    "abs": abs,
    "sum": sum,
    "tuple": list,
    "list": list,
    "reversed": lambda a: list(reversed(a)),
    "zip": lambda *a, **_: list(zip(*a, strict=False)),
    "enumerate": lambda a: list(enumerate(a)),
    "prod": math.prod,
    "gcd": math.gcd,
    "sqrt": math.sqrt,
    "ceil": math.ceil,
    "floor": math.floor,
    "log2": math.log2,
}


def combine(op: ast.operator, left: Any, right: Any) -> Any:
    """`left op right`.

    Raises:
        Unknown: the result could be large, or the operands are none that are followed.
    """
    for part in (left, right):
        if isinstance(part, Tensor):
            return part
        if isinstance(part, str) or (isinstance(part, int) and part.bit_length() > 64):
            raise Unknown
    if isinstance(left, list) != isinstance(right, list):
        items, times = (left, right) if isinstance(left, list) else (right, left)
        if not isinstance(times, int) or len(items) * times > MAX_ITEMS:
            raise Unknown
    if isinstance(op, ast.Pow):
        if not (abs(left) <= 1024 and abs(right) <= 6):
            raise Unknown
        return left**right
    return BINARY[type(op)](left, right)
