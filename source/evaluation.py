"""Simple statements and expressions computed as Python would, without running a file.

Numbers, texts, tuples, lists and dictionaries, a few functions of the standard library, `if`, `for`
and classes that hold values: what a settings block is written with. All of it is bounded.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from archwright.source.code import walk
from archwright.source.values import BINARY, COMPARE, MAX_ITEMS

_MAX_ROUNDS: Final = 100

_BINARY: Final = {**BINARY, ast.BitOr: operator.or_}
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    **COMPARE,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "dict": dict, "list": list, "tuple": tuple, "int": int, "float": float, "str": str,
    "bool": bool, "round": round, "min": min, "max": max, "abs": abs, "len": len, "sum": sum,
    "zip": lambda *a: list(zip(*a, strict=False)), "copy": lambda a: a.copy(),
    "deepcopy": lambda a: a.copy(), "MappingProxyType": dict, "OrderedDict": dict,
    "sqrt": math.sqrt, "log": math.log, "log2": math.log2, "exp": math.exp, "pow": math.pow,
    "asdict": lambda a: dict(a.fields), "vars": lambda a: dict(a.fields), "print": lambda *_: None,
}  # fmt: skip
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    dict: frozenset({"update", "setdefault", "pop", "get", "copy", "items", "keys", "values"}),
    list: frozenset({"copy", "index", "count"}),
    tuple: frozenset({"index", "count"}),
    str: frozenset({"lower", "upper", "strip", "replace"}),
}
_MODULES: Final = frozenset({"math", "types", "copy", "dataclasses", "collections", "builtins"})
_CONSTANTS: Final = {"math.pi": math.pi, "math.e": math.e}


class Unfollowed(Exception):  # noqa: N818
    """An expression or statement that is not followed."""


class Fields:
    """A class, or an instance of one, known by the values in its body."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields


class Evaluator:
    """The values of names, as far as the statements that set them are followed."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "candidate"}

    def follow(self, statement: ast.stmt) -> None:
        """Do what a statement does.

        Raises:
            Unfollowed, and what Python raises: it is none that is followed.
        """
        match statement:
            case ast.Assign(targets=targets, value=value):
                found = self.value(value)
                for target in targets:
                    self._store(target, found)
            case ast.AnnAssign(target=target, value=value):
                if value is not None:
                    self._store(target, self.value(value))
            case ast.AugAssign(target=target, op=op, value=value):
                self._augment(target, op, self.value(value))
            case ast.Expr(value=value):
                self.value(value)
            case ast.Delete(targets=targets):
                for target in targets:
                    self._delete(target)
            case ast.If(test=test, body=body, orelse=orelse):
                self._each(body if self.value(test) else orelse)
            case ast.For(target=target, iter=items, body=body, orelse=[]):
                rounds = list(self.value(items))
                if len(rounds) > _MAX_ROUNDS:
                    raise Unfollowed
                for item in rounds:
                    self._store(target, item)
                    self._each(body)
            case ast.ClassDef(name=name):
                self.names[name] = self._class(statement)
            case ast.Pass() | ast.Import() | ast.ImportFrom():
                for name in stored(statement):
                    self.names.pop(name, None)
            case _:
                raise Unfollowed

    def _each(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self.follow(statement)

    def _class(self, node: ast.ClassDef) -> Fields:
        inner, fields = Evaluator(), {}
        inner.names = dict(self.names)
        for item in node.body:
            if isinstance(item, (ast.Assign, ast.AnnAssign)) and item.value is not None:
                targets = item.targets if isinstance(item, ast.Assign) else [item.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        try:
                            fields[target.id] = inner.names[target.id] = inner.value(item.value)
                        except FAULTS:
                            continue
        return Fields(fields)

    def _store(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part, item in zip(parts, value, strict=True):
                    self._store(part, item)
            case ast.Subscript(value=owner, slice=key):
                self.value(owner)[self.value(key)] = value
            case _:
                raise Unfollowed

    def _augment(self, target: ast.expr, op: ast.operator, value: Any) -> None:
        old = self.value(target)
        if isinstance(old, dict) and isinstance(op, ast.BitOr):
            old.update(value)
        else:
            self._store(target, _combine(op, old, value))

    def _delete(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                del self.names[name]
            case ast.Subscript(value=owner, slice=key):
                del self.value(owner)[self.value(key)]
            case _:
                raise Unfollowed

    def value(self, node: ast.expr) -> Any:
        """The value of an expression.

        Raises:
            Unfollowed: it is none that is followed.
        """
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                if name not in self.names:
                    raise Unfollowed(f"depends on {name}, which is not known here")
                return self.names[name]
            case ast.NamedExpr(target=target, value=value):
                found = self.value(value)
                self._store(target, found)
                return found
            case ast.Dict(keys=keys, values=values):
                return dict(self._pairs(keys, values))
            case ast.List(elts=parts):
                return [self.value(part) for part in parts]
            case ast.Tuple(elts=parts):
                return tuple(self.value(part) for part in parts)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return _UNARY[type(op)](self.value(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return _combine(op, self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=values):
                return self._either(op, values)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return _COMPARE[type(op)](self.value(left), self.value(right))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.value(test) else orelse)
            case ast.Subscript(value=owner, slice=key):
                return self.value(owner)[self.value(key)]
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
        raise Unfollowed

    def _pairs(
        self, keys: Sequence[ast.expr | None], values: Sequence[ast.expr]
    ) -> Iterator[tuple[Any, Any]]:
        for key, value in zip(keys, values, strict=True):
            found = self.value(value)
            if key is None:
                yield from dict(found).items()
            else:
                yield self.value(key), found

    def _either(self, op: ast.boolop, values: Sequence[ast.expr]) -> Any:
        found: Any = None
        for value in values:
            found = self.value(value)
            if bool(found) is isinstance(op, ast.Or):
                break
        return found

    def _attribute(self, node: ast.Attribute) -> Any:
        if (path := ast.unparse(node)) in _CONSTANTS:
            return _CONSTANTS[path]
        owner = self.value(node.value)
        if isinstance(owner, Fields) and node.attr in owner.fields:
            return owner.fields[node.attr]
        if isinstance(owner, Fields) and node.attr == "__dict__":
            return dict(owner.fields)
        raise Unfollowed

    def _call(self, node: ast.Call) -> Any:
        positional: list[Any] = []
        for argument in node.args:
            starred = isinstance(argument, ast.Starred)
            found = self.value(argument.value if isinstance(argument, ast.Starred) else argument)
            positional += list(found) if starred else [found]
        keys = [None if k.arg is None else ast.Constant(k.arg) for k in node.keywords]
        named = dict(self._pairs(keys, [keyword.value for keyword in node.keywords]))
        return self._function(node.func)(*positional, **named)

    def _function(self, node: ast.expr) -> Callable[..., Any]:
        match node:
            case ast.Name(id=name):
                made = self.names.get(name)
                if isinstance(made, Fields):
                    return lambda **fields: Fields({**made.fields, **fields})
                if name in FUNCTIONS and name not in self.names:
                    return FUNCTIONS[name]
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (
                module in _MODULES and module not in self.names
            ):
                if name in FUNCTIONS:
                    return FUNCTIONS[name]
            case ast.Attribute(value=owner, attr=name):
                found = self.value(owner)
                if name in _METHODS.get(type(found), ()):
                    method: Callable[..., Any] = getattr(found, name)
                    return method
        raise Unfollowed(f"depends on {ast.unparse(node)[:40]}(…), which is not run here")


FAULTS: Final = (
    Unfollowed, ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip


def _combine(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(op, ast.Pow):
        if not (abs(left) <= 1024 and abs(right) <= 16):
            raise Unfollowed
        return left**right
    if type(op) not in _BINARY or max(_size(left), _size(right)) > MAX_ITEMS:
        raise Unfollowed
    if isinstance(op, ast.Mult) and isinstance(left, str | list | tuple) != isinstance(
        right, str | list | tuple
    ):
        raise Unfollowed
    return _BINARY[type(op)](left, right)


def _size(value: Any) -> int:
    if isinstance(value, int):
        return value.bit_length()
    return len(value) if isinstance(value, str | list | tuple | dict) else 1


def stored(statement: ast.stmt) -> set[str]:
    """The names that a statement sets."""
    names: set[str] = set()
    for node in walk(statement):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        names |= {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return names
