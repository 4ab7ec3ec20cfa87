"""Which names a source file makes its own, and which of them must stay as they are.

One walk over the syntax tree. A name is left alone (pinned) as soon as anything but plain lexical
scoping could see it: a string, a keyword argument of a call that cannot be resolved, an attribute
of an object that is not `self`, reflection. In doubt a name is pinned: that may miss a duplicate,
and never makes one.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from archwright.source.code import (
    ATTRIBUTE_NAMES,
    REFLECTION_ATTRIBUTES,
    REFLECTION_NAMES,
    TAKES_ATTRIBUTE_NAME,
    is_idle,
)

_WORD: Final = re.compile(r"\w+")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(slots=True, eq=False)
class Scope:
    """A place where names are bound."""

    kind: Literal["module", "class", "function", "comprehension"]
    parent: Scope | None = None
    bound: set[str] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    elsewhere: dict[str, Scope | None] = field(default_factory=dict)
    """Names declared global (with the module's scope) or nonlocal (with None)."""
    tokens: dict[str, str] = field(default_factory=dict)

    def resolve(self, name: str) -> Scope | None:
        """The scope that binds `name` as seen from here, or None when no scope of the file does."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.elsewhere:
                scope = scope.elsewhere[name] or scope.parent
            elif name in scope.bound and (scope.kind != "class" or scope is self):
                return scope
            else:
                scope = scope.parent
        return None


class Survey:
    """What one walk over a module finds out about its names."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope("module")
        self.scopes: dict[ast.AST, Scope] = {tree: self.module}
        self.calls: list[tuple[ast.Call, Scope]] = []
        self.classes: list[tuple[ast.ClassDef, Scope]] = []
        self.pinned: set[str] = set()
        self.names: set[str] = set()
        self.own_attributes: set[str] = set()
        self.foreign_attributes: set[str] = set()
        self.bindings: Counter[str] = Counter()
        self.module_bindings: Counter[str] = Counter()
        self._self_parameters: Counter[str] = Counter()
        self._loaded_in_class: set[str] = set()
        self._attributes: list[ast.Attribute] = []
        self._work: list[tuple[ast.AST, Scope]] = []
        self._push_all(_effective(tree.body), self.module)
        while self._work:
            node, scope = self._work.pop()
            visit = _VISITS.get(type(node))
            if visit is None:
                self._push(node, scope)
            else:
                visit(self, node, scope)
        self._conclude()

    def _conclude(self) -> None:
        attributes = {node.attr for node in self._attributes}
        self.plain = (
            "*" in self.module.bound
            or not REFLECTION_NAMES.isdisjoint(self.names)
            or not REFLECTION_ATTRIBUTES.isdisjoint(attributes)
        )
        """No name may change."""
        selves = self._self_parameters
        for node in self._attributes:
            on_self = isinstance(node.value, ast.Name) and node.value.id in selves
            if not on_self:
                self.foreign_attributes.add(node.attr)
            elif not isinstance(node.ctx, ast.Load):
                self.own_attributes.add(node.attr)
        class_bound = {n for _, s in self.classes for n in s.bound}
        self.own_attributes |= class_bound
        self.pinned |= self._loaded_in_class & class_bound
        self.attributes_fixed = (
            self.plain
            or not ATTRIBUTE_NAMES.isdisjoint(attributes | class_bound)
            or any(self.bindings[name] != count for name, count in selves.items())
            or any(_names_attribute_dynamically(call) for call, _ in self.calls)
        )

    # --- the walk -------------------------------------------------------------------------------

    def _push(self, node: ast.AST, scope: Scope) -> None:
        self._work.extend((child, scope) for child in ast.iter_child_nodes(node))

    def _push_all(self, nodes: Iterable[ast.AST | None], scope: Scope) -> None:
        self._work.extend((node, scope) for node in nodes if node is not None)

    def _bind(self, name: str, scope: Scope) -> None:
        scope.bound.add(name)
        self.bindings[name] += 1
        if scope.kind == "module" or scope.elsewhere.get(name) is self.module:
            self.module_bindings[name] += 1

    def _name(self, node: ast.Name, scope: Scope) -> None:
        if isinstance(node.ctx, ast.Load):
            self.names.add(node.id)
            if scope.kind == "class":
                self._loaded_in_class.add(node.id)
        else:
            self._bind(node.id, scope)

    def _named_expression(self, node: ast.NamedExpr, scope: Scope) -> None:
        self._work.append((node.value, scope))
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        self._work.append((node.target, scope))

    def _attribute(self, node: ast.Attribute, scope: Scope) -> None:
        self._attributes.append(node)
        self._work.append((node.value, scope))

    def _constant(self, node: ast.Constant, scope: Scope) -> None:
        del scope
        if isinstance(node.value, str):
            self.pinned.update(_WORD.findall(node.value))

    def _call(self, node: ast.Call, scope: Scope) -> None:
        self.calls.append((node, scope))
        self._push(node, scope)

    def _function(self, node: FunctionNode, scope: Scope) -> None:
        inner = self.scopes[node] = Scope("function", scope)
        arguments = list(parameters(node.args))
        for argument in arguments:
            self._bind(argument.arg, inner)
            inner.parameters.add(argument.arg)
        outer: list[ast.AST | None] = [*node.args.defaults, *node.args.kw_defaults]
        outer += [a.annotation for a in arguments]
        if isinstance(node, ast.Lambda):
            self._work.append((node.body, inner))
        else:
            self._define(node, scope, arguments)
            outer += [*node.decorator_list, node.returns]
            self._push_all(_effective(node.body), inner)
        self._push_all(outer, scope)

    def _define(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope, arguments: list[ast.arg]
    ) -> None:
        self._bind(node.name, scope)
        if scope.kind != "class":
            return
        unbound = {"staticmethod", "classmethod"}
        if arguments and not any(
            isinstance(d, ast.Name) and d.id in unbound for d in node.decorator_list
        ):
            self._self_parameters[arguments[0].arg] += 1
        if node.name == "forward":
            # Torch's own containers call `forward` with keywords of their own choice.
            self.pinned.update(a.arg for a in arguments[2:])

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        self._bind(node.name, scope)
        inner = self.scopes[node] = Scope("class", scope)
        self.classes.append((node, inner))
        self._push_all([*node.bases, *node.keywords, *node.decorator_list], scope)
        self._push_all(_effective(node.body), inner)

    def _comprehension(self, node: Comprehension, scope: Scope) -> None:
        inner = self.scopes[node] = Scope("comprehension", scope)
        first, *_ = node.generators
        for child in ast.iter_child_nodes(node):
            if child is first:
                self._work.append((first.iter, scope))
                self._push_all([first.target, *first.ifs], inner)
            else:
                self._work.append((child, inner))

    # What the rarer statements bind keeps its name.

    def _declaration(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        self.pinned.update(node.names)
        for name in node.names:
            is_global = isinstance(node, ast.Global)
            scope.elsewhere[name] = self.module if is_global else None
            if is_global:
                self.module.bound.add(name)
                self.module_bindings[name] += 2  # never the only binding

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        if isinstance(node, ast.ImportFrom):
            self.names.update((node.module or "").split("."))
        for alias in node.names:
            self.names.update(alias.name.split("."))
            self._bind_pinned(alias.asname or alias.name.partition(".")[0], scope)

    def _handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        self._bind_pinned(node.name, scope)
        self._push(node, scope)

    def _pattern(self, node: ast.MatchAs | ast.MatchStar, scope: Scope) -> None:
        self._bind_pinned(node.name, scope)
        self._push(node, scope)

    def _match_mapping(self, node: ast.MatchMapping, scope: Scope) -> None:
        self._bind_pinned(node.rest, scope)
        self._push(node, scope)

    def _match_class(self, node: ast.MatchClass, scope: Scope) -> None:
        self.pinned.update(node.kwd_attrs)
        self._push(node, scope)

    def _bind_pinned(self, name: str | None, scope: Scope) -> None:
        if name is not None:
            self._bind(name, scope)
            self.pinned.add(name)


def parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    """All parameters of a function, in the order of the syntax."""
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def _effective(body: list[ast.stmt]) -> list[ast.stmt]:
    return [s for s in body if not is_idle(s)]


def _names_attribute_dynamically(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    place = TAKES_ATTRIBUTE_NAME.get(name)
    if place is None:
        return False
    return len(call.args) <= place or not isinstance(call.args[place], ast.Constant)


_VISITS: Final[Mapping[type[ast.AST], Callable[..., None]]] = {
    ast.Name: Survey._name,
    ast.NamedExpr: Survey._named_expression,
    ast.Attribute: Survey._attribute,
    ast.Constant: Survey._constant,
    ast.Call: Survey._call,
    ast.FunctionDef: Survey._function,
    ast.AsyncFunctionDef: Survey._function,
    ast.Lambda: Survey._function,
    ast.ClassDef: Survey._class,
    ast.ListComp: Survey._comprehension,
    ast.SetComp: Survey._comprehension,
    ast.DictComp: Survey._comprehension,
    ast.GeneratorExp: Survey._comprehension,
    ast.Global: Survey._declaration,
    ast.Nonlocal: Survey._declaration,
    ast.Import: Survey._import,
    ast.ImportFrom: Survey._import,
    ast.ExceptHandler: Survey._handler,
    ast.MatchAs: Survey._pattern,
    ast.MatchStar: Survey._pattern,
    ast.MatchMapping: Survey._match_mapping,
    ast.MatchClass: Survey._match_class,
}
