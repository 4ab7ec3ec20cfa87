"""Counting an architecture's parameters without running it. The sandbox has the last word.

A small interpreter constructs the module on paper: shapes and layer constructors, no torch. It
follows arithmetic, loops over known ranges and the classes of the file, within a bounded number of
steps and with bounded values, so untrusted source is safe to read. What it cannot follow raises
`Unknown`.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from archwright.core import Problem, SourceError
from archwright.source.code import SourceCode, callee, classes, code_of, method, parse
from archwright.source.constructor import arguments_of
from archwright.source.values import (
    COMPARE,
    FUNCTIONS,
    MAX_ITEMS,
    Tensor,
    Unknown,
    combine,
    count_layer,
    is_layer,
)


@dataclass(frozen=True)
class Blueprint:
    """What constructing the entry class gave: parameters of the whole network, and the local
    names of the entry's `__init__` with their values."""

    parameters: int
    names: Mapping[str, Any]

    def number(self, expression: str) -> int | None:
        """The value of an expression such as "2 * width" in the entry's `__init__`."""
        reader = Reader(code_of(""))
        try:
            value = reader.value(parse(expression, "eval").body, dict(self.names))
        except (Unknown, SyntaxError):
            return None
        return value if isinstance(value, int) else None


def build_blueprint(source: str, problem: Problem) -> Blueprint | None:
    """Construct the entry class of `source` on paper; None where that cannot be followed.

    For a `Mixer` the parameters are those of the whole backbone around it.

    Raises:
        SourceError: the source is not Python.
    """
    reader = Reader(code_of(source))
    node = reader.classes.get(problem.entry)
    if node is None:
        return None
    local: dict[str, Any] = {}
    try:
        given = [list(a) if isinstance(a, tuple) else a for a in arguments_of(node, problem)]
        module = reader.construct(node, given, {}, local)
    except Unknown:
        return None
    return Blueprint(whole_parameters(module.total(), problem), local)


@lru_cache(maxsize=256)
def count_parameters(source: str, problem: Problem) -> int | None:
    """Parameters of the whole network that `source` describes, or None where it cannot be told."""
    try:
        blueprint = None if problem.script else build_blueprint(source, problem)
    except SourceError:
        return None
    return blueprint.parameters if blueprint else None


def whole_parameters(module: int, problem: Problem) -> int:
    """Parameters of the network when the candidate's own class has `module` of them."""
    if problem.backbone is None:
        return module
    backbone, width = problem.backbone, problem.backbone.width
    hidden = round(backbone.mlp_ratio * width)
    norm = 2 * width if backbone.positions else width
    outside = width * (problem.vocabulary or problem.input_shape[-1] + 1)
    outside += problem.input_shape[0] * width if backbone.positions else 0
    outside += norm + width * problem.output_shape[-1] + problem.output_shape[-1]
    layer = module + 2 * norm + 2 * width * hidden + hidden + width
    layer += width * (backbone.convolution + 1) if backbone.convolution else 0
    return outside + backbone.layers * layer


def own_limit(problem: Problem) -> int:
    """Most parameters that the candidate's own class may have: what a backbone needs is taken off
    the limit, and the rest is shared by the copies of the class that it holds."""
    if problem.backbone is None:
        return problem.max_params
    left = problem.max_params - whole_parameters(0, problem)
    return max(0, left) // problem.backbone.layers


# --- the interpreter ------------------------------------------------------------------------------

STEPS: Final = 50_000


@dataclass(eq=False)
class Module:
    """A module as far as counting goes: its own parameters and the modules in it."""

    own: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)

    def total(self, seen: set[int] | None = None) -> int:
        """Parameters of this module and all in it; one that is used twice counts once."""
        seen = set() if seen is None else seen
        if id(self) in seen:
            return 0
        seen.add(id(self))
        inside = [*self.attributes.values(), *self.items]
        return self.own + sum(m.total(seen) for m in inside if isinstance(m, Module))


_TENSORS: Final = frozenset({"randn", "rand", "zeros", "ones", "empty"})
_FAULTS: Final = (
    ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError
)  # fmt: skip


class Reader:
    """Evaluates the constructors of one file."""

    def __init__(self, code: SourceCode) -> None:
        self.classes = classes(code.tree)
        self.functions = {n.name: n for n in code.tree.body if isinstance(n, ast.FunctionDef)}
        self.steps = 0
        self.constants: dict[str, Any] = {}
        for node in code.tree.body:
            if isinstance(node, ast.Assign):
                try:
                    self.run(node, self.constants)
                except Unknown:
                    continue

    def construct(
        self,
        node: ast.ClassDef,
        positional: list[Any],
        named: dict[str, Any],
        local: dict[str, Any] | None = None,
    ) -> Module:
        init = method(node, "__init__")
        module = Module()
        local = {} if local is None else local
        for statement in node.body:
            if isinstance(statement, ast.Assign):
                self.run(statement, module.attributes)
        if init is not None:
            self.bind(init, [module, *positional], named, local)
            self.body(init.body, local)
        elif "Sequential" in {b.attr for b in node.bases if isinstance(b, ast.Attribute)}:
            module.items = list(positional)
        return module

    def bind(
        self,
        function: ast.FunctionDef,
        positional: list[Any],
        named: dict[str, Any],
        local: dict[str, Any],
    ) -> None:
        spec = function.args
        plain = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        defaults = dict(zip(plain[len(plain) - len(spec.defaults) :], spec.defaults, strict=True))
        defaults |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d}
        local.update({k: self.value(d, self.constants) for k, d in defaults.items()})
        local.update(zip(plain, positional, strict=False))
        local.update(named)
        if spec.vararg:
            local[spec.vararg.arg] = positional[len(plain) :]

    def body(self, statements: list[ast.stmt], local: dict[str, Any]) -> Any:
        for statement in statements:
            if isinstance(statement, ast.Return):
                return self.value(statement.value, local) if statement.value else None
            self.run(statement, local)
        return None

    def run(self, node: ast.stmt, local: dict[str, Any]) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                result = self.value(value, local)
                for target in targets:
                    self.assign(target, result, local)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.value(value, local), local)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                local[name] = combine(op, local[name], self.value(value, local))
            case ast.Expr(value=value):
                self.value(value, local)
            case ast.If(test=test, body=body, orelse=orelse):
                self.body(body if self.value(test, local) else orelse, local)
            case ast.For(target=target, iter=items, body=body):
                for item in self.sequence(items, local):
                    self.assign(target, item, local)
                    self.body(body, local)
            case ast.FunctionDef(name=name):
                local[name] = node
            case ast.Pass() | ast.Assert() | ast.Raise():
                pass
            case _:
                raise Unknown

    def assign(self, target: ast.expr, value: Any, local: dict[str, Any]) -> None:
        match target:
            case ast.Name(id=name):
                local[name] = value
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                local["self"].attributes[name] = value
            case ast.Tuple(elts=elements) if isinstance(value, tuple | list):
                for element, part in zip(elements, value, strict=False):
                    self.assign(element, part, local)
            case _:
                raise Unknown

    def sequence(self, node: ast.expr, local: dict[str, Any]) -> list[Any]:
        items = self.value(node, local)
        if isinstance(items, Module):
            return items.items
        if not isinstance(items, tuple | list) or len(items) > MAX_ITEMS:
            raise Unknown
        return list(items)

    def value(self, node: ast.expr, local: Mapping[str, Any]) -> Any:
        """The value of an expression; whatever goes wrong inside is `Unknown`."""
        self.steps += 1
        if self.steps > STEPS:
            raise Unknown
        try:
            return self.evaluate(node, local)
        except _FAULTS as fault:
            raise Unknown from fault

    def evaluate(self, node: ast.expr, local: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.lookup(name, local)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return self.items(elements, local)
            case ast.BinOp(left=left, op=op, right=right):
                return combine(op, self.value(left, local), self.value(right, local))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand, local)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self.value(operand, local)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARE:
                return COMPARE[type(op)](self.value(left, local), self.value(right, local))
            case ast.BoolOp(op=op, values=values):
                parts = [self.value(v, local) for v in values]
                stop = isinstance(op, ast.Or)
                return next((p for p in parts if bool(p) == stop), parts[-1])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.value(test, local) else orelse, local)
            case ast.Subscript(value=value, slice=index):
                return self.value(value, local)[self.index(index, local)]
            case ast.ListComp() | ast.GeneratorExp():
                return self.comprehension(node, local)
            case ast.Attribute(value=value, attr=name):
                owner = self.value(value, local)
                return owner.attributes[name]
            case ast.Call():
                return self.call(node, local)
        raise Unknown

    def lookup(self, name: str, local: Mapping[str, Any]) -> Any:
        return local[name] if name in local else self.constants[name]

    def index(self, node: ast.expr, local: Mapping[str, Any]) -> Any:
        if not isinstance(node, ast.Slice):
            return self.value(node, local)
        ends = (node.lower, node.upper, node.step)
        return slice(*(self.value(e, local) if e else None for e in ends))

    def items(self, elements: list[ast.expr], local: Mapping[str, Any]) -> list[Any]:
        found: list[Any] = []
        for element in elements:
            if isinstance(element, ast.Starred):
                found.extend(self.sequence(element.value, dict(local)))
            else:
                found.append(self.value(element, local))
        return found

    def comprehension(
        self, node: ast.ListComp | ast.GeneratorExp, local: Mapping[str, Any]
    ) -> list[Any]:
        if len(node.generators) != 1:
            raise Unknown
        generator, found = node.generators[0], []
        inner = dict(local)
        for item in self.sequence(generator.iter, inner):
            self.assign(generator.target, item, inner)
            if all(self.value(test, inner) for test in generator.ifs):
                found.append(self.value(node.elt, inner))
        return found

    def call(self, node: ast.Call, local: Mapping[str, Any]) -> Any:
        name = callee(node)
        if name in {"super", "register_buffer"} or _is_super(node):
            return None
        positional = self.items(node.args, local)
        named = {k.arg: self.value(k.value, local) for k in node.keywords if k.arg}
        if isinstance(node.func, ast.Attribute):
            owner = self.owner(node.func.value, local)
            if owner is not None:
                return self.send(owner, name, positional)
        defined = local.get(name) or self.functions.get(name)
        if isinstance(defined, ast.FunctionDef):
            inner = {k: v for k, v in local.items() if k != "self"}
            self.bind(defined, positional, named, inner)
            return self.body(defined.body, inner)
        if name in self.classes and isinstance(node.func, ast.Name):
            return self.construct(self.classes[name], positional, named)
        return self.built_in(name, positional, named)

    def owner(self, node: ast.expr, local: Mapping[str, Any]) -> Any:
        """The object whose method is called; None for a Python module such as `nn`."""
        if isinstance(node, ast.Name) and node.id not in local:
            return None
        if isinstance(node, ast.Attribute) and node.attr in {"nn", "init", "functional", "norm"}:
            return None
        return self.value(node, local)

    def send(self, owner: Any, name: str, positional: list[Any]) -> Any:
        if name in {"append", "extend", "add_module"}:
            items = owner.items if isinstance(owner, Module) else owner
            added = positional[-1] if name == "extend" else positional[-1:]
            items.extend(added.items if isinstance(added, Module) else added)
            return None
        if isinstance(owner, Module | Tensor):
            return owner
        raise Unknown

    def built_in(self, name: str, positional: list[Any], named: dict[str, Any]) -> Any:
        if is_layer(name):
            return Module(count_layer(name, positional, named))
        if name == "Parameter":
            return Module(positional[0].size)
        if name in {"Sequential", "ModuleList"}:
            parts = positional[0] if positional and isinstance(positional[0], list) else positional
            return Module(items=list(parts))
        if name == "ModuleDict":
            raise Unknown
        if name in _TENSORS:
            shape = positional[0] if isinstance(positional[0], list) else positional
            return Tensor(math.prod(shape))
        if name == "full":
            return Tensor(math.prod(positional[0]))
        if name.endswith("_"):  # an initialiser, such as nn.init.zeros_
            return positional[0] if positional else None
        return FUNCTIONS[name](*positional, **named)


def _is_super(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and callee(node.func.value) == "super"
