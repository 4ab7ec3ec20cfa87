"""Finding the numbers in a source that are widths (channels, features, hidden sizes), and scaling
all of them by one factor, to fit a limit or to match a size.

A number is a width when what it says flows into the input of one layer and out of another. So the
classes of a classifier's last layer (only ever an output) and the channels of an image (only ever
an input) are none.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal

from archwright.source.code import (
    Change,
    SourceCode,
    callee,
    calls,
    classes,
    method,
    walk,
)

WidthRole = Literal["in", "out"]
IN: Final[frozenset[WidthRole]] = frozenset({"in"})
OUT: Final[frozenset[WidthRole]] = frozenset({"out"})
BOTH: Final[frozenset[WidthRole]] = frozenset({"in", "out"})

_LAYERS: Final[Mapping[str, Mapping[str, frozenset[WidthRole]]]] = {
    "Linear": {"in_features": IN, "out_features": OUT},
    **{f"Conv{n}d": {"in_channels": IN, "out_channels": OUT} for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": {"in_channels": IN, "out_channels": OUT} for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": {"num_features": BOTH} for n in (1, 2, 3)},
    "LayerNorm": {"normalized_shape": BOTH},
    "RMSNorm": {"normalized_shape": BOTH},
    "GroupNorm": {"num_groups": frozenset(), "num_channels": BOTH},
    "Embedding": {"num_embeddings": frozenset(), "embedding_dim": OUT},
    **{r: {"input_size": IN, "hidden_size": BOTH} for r in ("GRU", "LSTM", "RNN")},
    "MultiheadAttention": {"embed_dim": BOTH},
    "LazyLinear": {"out_features": OUT},
}
_COUNT_NAMES: Final = (
    "groups heads num_heads n_heads nhead kernel kernel_size depth layers num_layers patch stride "
    "dilation factor ratio expansion mult multiplier scale size height time step steps length"
)
_COUNTS: Final = frozenset(_COUNT_NAMES.split())
"""Names that multiply a width, or stand for something else, and are no width themselves."""

_HEADS: Final = frozenset({"groups", "heads", "num_heads", "n_heads", "nhead"})
"""Names of parts that a width is divided into: even alone in a width's place none themselves."""

_Scope = ast.FunctionDef | ast.Module


@dataclass(slots=True)
class Widths:
    """What was found: literals by value with their roles, in the order of the text.

    `borders` are literals in the entry class that only an input or only an output reads, though the
    number is a width elsewhere: an image of 64 pixels beside a layer of 64 features.
    `divisor` is what every width must stay a multiple of (groups, heads, halves).
    `outs` are values written by a layer's output, with the line and column where.
    """

    literals: dict[int, list[ast.Constant]] = field(default_factory=dict)
    roles: dict[int, set[WidthRole]] = field(default_factory=dict)
    outs: list[tuple[int, int, int]] = field(default_factory=list)
    borders: set[ast.Constant] = field(default_factory=set)
    divisor: int = 1

    def values(self) -> list[int]:
        """The values that are widths, ascending."""
        whole = {v for v, roles in self.roles.items() if roles == BOTH and v > 1}
        return sorted(whole | self.flattened())

    def flattened(self) -> set[int]:
        """The values that an input after them is a multiple of."""
        return {v for nodes in self.literals.values() for n in nodes if (v := self._before(n))}

    def changes(self, code: SourceCode, new: Mapping[int, int]) -> list[Change]:
        """The changes that give every width a new value, flattened inputs after it included."""
        made = []
        for value, nodes in self.literals.items():
            for node in (n for n in nodes if n not in self.borders):
                replacement = new.get(value) or self._flattened(node, value, new)
                if replacement is not None and replacement != value:
                    made.append(code.put(node, str(replacement)))
        return made

    def _flattened(self, node: ast.Constant, value: int, new: Mapping[int, int]) -> int | None:
        """`Linear(2048, …)` after a convolution to 32 channels is 64 positions of 32 each."""
        last = self._before(node)
        return value // last * new[last] if last and last in new else None

    def _before(self, node: ast.Constant) -> int | None:
        """The output that a literal which is only ever an input is a multiple of."""
        value = int(str(node.value))
        if self.roles[value] != {"in"}:
            return None
        place = node.lineno, node.col_offset
        last = next((v for line, col, v in reversed(self.outs) if (line, col) < place), None)
        return last if last and 1 < last < value and value % last == 0 else None


@lru_cache(maxsize=256)
def find_widths(code: SourceCode) -> Widths:
    """All widths of a source that was perhaps looked at before, as one is scaled several times to
    fit a limit: nobody changes them."""
    return _Finder(code).find()


class _Finder:
    def __init__(self, code: SourceCode) -> None:
        self.tree = code.tree
        self.classes = classes(code.tree)
        self.found = Widths()
        functions = [n for n in walk(self.tree) if isinstance(n, ast.FunctionDef)]
        self.bound: dict[_Scope, dict[str, list[ast.expr]]] = {f: _bindings(f) for f in functions}
        self.constants = _bindings(code.tree)
        self.node_roles: dict[ast.Constant, set[WidthRole]] = {}
        entry = self.classes.get("Model") or self.classes.get("Mixer")
        self.entry_nodes = set(walk(entry)) if entry else set()
        self.parameters: dict[tuple[str, str], set[WidthRole]] = {}
        self.owners = {
            id(n): c
            for c in self.classes.values()
            for n in c.body
            if isinstance(n, ast.FunctionDef)
        }

    def find(self) -> Widths:
        work = [(scope, calls(scope)) for scope in self.bound]
        for _ in range(len(self.classes) + 2):
            known = {k: set(v) for k, v in self.parameters.items()}
            for scope, inside in work:
                for call in inside:
                    self.read_call(call, scope)
            if known == self.parameters:
                break
        for nodes in self.found.literals.values():
            nodes.sort(key=lambda n: (n.lineno, n.col_offset))
        self.found.outs.sort()
        whole = {v for v, roles in self.found.roles.items() if roles == BOTH}
        for value, nodes in self.found.literals.items():
            if value in whole:
                self.found.borders |= set(self.borders(nodes))
        return self.found

    def borders(self, nodes: list[ast.Constant]) -> Iterable[ast.Constant]:
        """Of literals of one value, in the text's order, those of the task's input or output."""
        roles = [self.node_roles[n] for n in nodes]
        inside = self.entry_nodes
        for place, node in enumerate(nodes):
            before, after = roles[:place], [*roles[place + 1 :]]
            after += [r for n, r in zip(nodes, roles, strict=True) if n not in inside]
            first = roles[place] == {"in"} and not any("out" in r for r in before)
            last = roles[place] == {"out"} and not any("in" in r for r in after)
            if node in inside and (first or last):
                yield node

    def read_call(self, call: ast.Call, scope: _Scope) -> None:
        own = isinstance(call.func, ast.Name) and call.func.id in self.classes
        name = callee(call)
        roles = self.roles_of(name) if own else _LAYERS.get(name, {})
        for parameter, node in self.arguments(call, roles, own):
            for role in sorted(roles.get(parameter, ())):
                self.resolve(node, scope, role, frozenset())
        self.read_divisors(call, name)

    def roles_of(self, name: str) -> Mapping[str, Iterable[WidthRole]]:
        """What is known so far of the parameters of a class of the file."""
        return {p: r for (c, p), r in self.parameters.items() if c == name}

    def arguments(
        self, call: ast.Call, roles: Mapping[str, Iterable[WidthRole]], own: bool
    ) -> list[tuple[str, ast.expr]]:
        order = list(roles)
        if own:
            init = method(self.classes[callee(call)], "__init__")
            order = [a.arg for a in init.args.args[1:]] if init else []
        found = list(zip(order, call.args, strict=False))
        return found + [(k.arg, k.value) for k in call.keywords if k.arg]

    def read_divisors(self, call: ast.Call, name: str) -> None:
        """Groups and heads must divide a width."""
        counts = [k.value for k in call.keywords if k.arg in {"groups", "num_heads"}]
        if name == "GroupNorm":
            counts += call.args[:1]
        if name == "MultiheadAttention":
            counts += call.args[1:2]
        for node in counts:
            if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > 0:
                self.found.divisor = math.lcm(self.found.divisor, node.value)

    def resolve(
        self, node: ast.expr, scope: _Scope, role: WidthRole, passed: frozenset[str]
    ) -> None:
        """Follow an expression in a width's place to the literals that it comes from."""
        if name_of(node) in _HEADS:
            return
        match node:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                self.add(node, value, role)
            case ast.Name(id=name) if name not in passed:
                self.resolve_name(name, scope, role, passed | {name})
            case ast.BinOp():
                self.resolve_product(node, scope, role, passed)
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if name not in passed:
                for assigned in self.assigned_attributes(scope, name):
                    self.resolve(assigned, scope, role, passed | {name})
            case ast.Subscript(value=ast.Name() as owner):
                self.resolve(owner, scope, role, passed)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self.resolve(element, scope, role, passed)
            case ast.IfExp(body=body, orelse=orelse):
                self.resolve(body, scope, role, passed)
                self.resolve(orelse, scope, role, passed)
            case ast.Call(args=arguments) if callee(node) in {"int", "round", "max", "min"}:
                for argument in arguments:
                    if not isinstance(argument, ast.Constant):
                        self.resolve(argument, scope, role, passed)

    def add(self, node: ast.Constant, value: int, role: WidthRole) -> None:
        if role == "out":
            self.found.outs.append((node.lineno, node.col_offset, value))
        self.node_roles.setdefault(node, set()).add(role)
        self.found.roles.setdefault(value, set()).add(role)
        nodes = self.found.literals.setdefault(value, [])
        if node not in nodes:
            nodes.append(node)

    def resolve_product(
        self, node: ast.BinOp, scope: _Scope, role: WidthRole, passed: frozenset[str]
    ) -> None:
        """In `2 * width` the 2 is no width; in `width // 2` the width must stay even."""
        for side in (node.left, node.right):
            if isinstance(side, ast.Constant) or name_of(side) in _COUNTS:
                continue
            before = sum(map(len, self.found.literals.values()))
            self.resolve(side, scope, role, passed)
            grown = sum(map(len, self.found.literals.values())) > before
            match node:
                case ast.BinOp(op=ast.FloorDiv(), right=ast.Constant(value=int(part))) if grown:
                    self.found.divisor = math.lcm(self.found.divisor, part or 1)

    def resolve_name(
        self, name: str, scope: _Scope, role: WidthRole, passed: frozenset[str]
    ) -> None:
        if isinstance(scope, ast.FunctionDef):
            owner = self.owners.get(id(scope))
            spec = scope.args
            if any(a.arg == name for a in (*spec.args, *spec.kwonlyargs)):
                if owner is not None and scope.name == "__init__":
                    self.parameters.setdefault((owner.name, name), set()).add(role)
                for default in _defaults(spec, name):
                    self.resolve(default, scope, role, passed)
        for value in (*self.bound[scope].get(name, ()), *self.constants.get(name, ())):
            self.resolve(value, scope, role, passed)

    def assigned_attributes(self, scope: _Scope, name: str) -> list[ast.expr]:
        owner = self.owners.get(id(scope))
        return [
            n.value
            for n in walk(owner or scope)
            if isinstance(n, ast.Assign)
            for t in n.targets
            if isinstance(t, ast.Attribute) and t.attr == name
        ]


def name_of(node: ast.expr) -> str:
    """The last name of `heads` and of `self.heads`; nothing for what is no name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
    return ""


def _defaults(spec: ast.arguments, name: str) -> list[ast.expr]:
    plain = [a.arg for a in spec.args]
    pairs = list(zip(plain[len(plain) - len(spec.defaults) :], spec.defaults, strict=True))
    pairs += [(a.arg, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d]
    return [d for a, d in pairs if a == name]


def _bindings(scope: _Scope) -> dict[str, list[ast.expr]]:
    """What names are bound to: by assignments in the scope, and by loops over known lists."""
    found: dict[str, list[ast.expr]] = {}
    for node in scope.body if isinstance(scope, ast.Module) else walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                _bind(target, node.value, found)
        elif isinstance(node, ast.For | ast.comprehension):
            _bind(node.target, node.iter, found)
    return found


def _bind(target: ast.expr, value: ast.expr, found: dict[str, list[ast.expr]]) -> None:
    if isinstance(target, ast.Name):
        found.setdefault(target.id, []).append(value)
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for part, given in zip(target.elts, value.elts, strict=False):
            _bind(part, given, found)
