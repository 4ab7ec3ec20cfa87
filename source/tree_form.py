"""The normal form of a source file's syntax tree: what stays when names and layout are taken away.

Two files with one normal form do the same. Names that the file makes its own are numbered by first
appearance (`scopes.py` says which must not be), imported names are spelled by their full
path, and docstrings, annotations and unused imports that cannot fail are left out. What could make
the difference between a program that runs and one that does not is kept: a repaired program must
never look like the broken one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from archwright.source.code import (
    BUILTINS,
    CONTRACT_NAMES,
    MODULE_ATTRIBUTES,
    ImportNode,
    bound_paths,
    is_harmless,
    is_idle,
    keeps_keywords,
    leading_imports,
    telling_imports,
)
from archwright.source.scopes import Comprehension, FunctionNode, Scope, Survey, parameters

_SKIPPED: Final = frozenset({"ctx", "type_comment", "type_ignores", "kind"})


def normal_form(
    tree: ast.Module, without: ast.stmt | None = None, keep: frozenset[str] = CONTRACT_NAMES
) -> str:
    """The normal form of `tree` as text.

    Args:
        tree: a parsed file.
        without: a top-level statement that is left out (the recipe, which counts by its value).
        keep: module-level names that others rely on.

    Raises:
        RecursionError: the tree is nested too deeply.
    """
    body = [s for s in tree.body if s is not without]
    return _Writer(Survey(ast.Module(body, [])), keep).write_module(body)


class _Writer:
    def __init__(self, survey: Survey, keep: frozenset[str]) -> None:
        self._survey = survey
        self._keep = keep
        self._out: list[str] = []
        self._scope = survey.module
        self._count = 0
        self._paths: dict[str, str] = {}
        self._used_imports: set[str] = set()
        self._attributes: dict[str, str] = {}
        self._kept_annotation = False

    def write_module(self, body: list[ast.stmt]) -> str:
        imports = [] if self._survey.plain else leading_imports(body)
        self._spell_out(imports)
        self._passed_keywords = self._find_passed_keywords()
        self._attributes_fixed = self._survey.attributes_fixed or not self._has_plain_classes()
        self._used_imports.clear()
        self._write_body([s for s in body if s not in imports])
        header = telling_imports(imports, self._paths, self._used_imports)
        if self._kept_annotation and "annotations" in self._paths:
            header.append("annotations are not evaluated")
        return "\n".join([*header, " ".join(self._out)])

    def _spell_out(self, imports: list[ImportNode]) -> None:
        for statement in imports:
            for name, path in bound_paths(statement):
                if self._survey.module_bindings[name] == 1:
                    self._paths[name] = path
                    self._survey.module.tokens[name] = "@" + path

    def _find_passed_keywords(self) -> set[str]:
        """The keywords of calls that might reach a function of the file."""
        found: set[str] = set()
        for call, scope in self._survey.calls:
            self._scope = scope
            words = {k.arg for k in call.keywords if k.arg is not None}
            if words and not keeps_keywords(self._spell(call.func)):
                found |= words
        self._scope = self._survey.module
        return found

    def _has_plain_classes(self) -> bool:
        """Whether all classes derive from nothing but modules, objects and each other."""
        classes = self._survey.classes
        once = {n.name for n, _ in classes if self._survey.module_bindings[n.name] == 1}
        return all(
            not node.keywords
            and not node.decorator_list
            and all(
                (isinstance(base, ast.Name) and base.id in once)
                or self._spell(base) in ("torch.nn.Module", "object")
                for base in node.bases
            )
            for node, _ in classes
        )

    # --- names ----------------------------------------------------------------------------------

    def _token(self, name: str, scope: Scope) -> str:
        token = scope.tokens.get(name)
        if token is None:
            token = scope.tokens[name] = self._make_token(name, scope)
        if token[0] == "@":
            self._used_imports.add(name)
        return token

    def _make_token(self, name: str, scope: Scope) -> str:
        owner = scope.resolve(name)
        if owner is None or self._survey.plain:
            return name
        if owner is not scope:
            return self._token(name, owner)
        if owner.kind == "class":
            return self._attribute_token(name)
        fixed = name in self._survey.pinned
        fixed |= name in owner.parameters and name in self._passed_keywords
        if owner.kind == "module":
            fixed |= name in self._keep or name in BUILTINS or name.startswith("__")
        return name if fixed else self._number("$")

    def _attribute_token(self, name: str) -> str:
        token = self._attributes.get(name)
        if token is None:
            fixed = (
                self._attributes_fixed
                or name not in self._survey.own_attributes
                or name in self._survey.foreign_attributes
                or name in self._survey.pinned
                or name in MODULE_ATTRIBUTES
                or name.startswith("_")
            )
            token = self._attributes[name] = name if fixed else self._number("$.")
        return token

    def _number(self, mark: str) -> str:
        self._count += 1
        return f"{mark}{self._count}"

    def _spell(self, node: ast.expr) -> str:
        """`torch.nn.Linear` however the file spells it; a builtin's name; "" for all else."""
        tail = ""
        while isinstance(node, ast.Attribute):
            tail = f".{node.attr}{tail}"
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        owner = self._scope.resolve(node.id)
        if owner is self._survey.module and node.id in self._paths:
            self._used_imports.add(node.id)
            return self._paths[node.id] + tail
        return node.id if owner is None and not tail and node.id in BUILTINS else ""

    # --- writing --------------------------------------------------------------------------------

    def _write(self, node: ast.AST) -> None:
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            handler(self, node)
            return
        self._out.append(type(node).__name__ + "(")
        for name in node._fields:
            if name not in _SKIPPED:
                self._write_value(name, getattr(node, name))
        self._out.append(")")

    def _write_value(self, name: str, value: object) -> None:
        if isinstance(value, ast.AST):
            self._write(value)
        elif isinstance(value, list) and name == "body":
            self._write_body(value)
        elif isinstance(value, list):
            self._write_list(value)
        else:
            self._out.append(repr(value))

    def _write_list(self, values: Sequence[object]) -> None:
        self._out.append("[")
        for value in values:
            self._write_value("", value)
        self._out.append("]")

    def _write_body(self, statements: list[ast.stmt]) -> None:
        self._out.append("{")
        for statement in statements:
            if self._survey.plain or not is_idle(statement):
                self._write(statement)
        self._out.append("}")

    def _write_name(self, node: ast.Name) -> None:
        self._out.append(self._token(node.id, self._scope))

    def _write_attribute(self, node: ast.Attribute) -> None:
        path = self._spell(node)
        if path:
            self._out.append("@" + path)
        else:
            self._write(node.value)
            self._out.append("." + self._attribute_token(node.attr))

    def _write_constant(self, node: ast.Constant) -> None:
        self._out.append(repr(node.value))

    def _write_function(self, node: FunctionNode) -> None:
        outer = self._scope
        self._out.append(type(node).__name__ + "(")
        if not isinstance(node, ast.Lambda):
            self._write_list(node.decorator_list)
            self._write_name(ast.Name(node.name))
            self._write_annotation(node.returns)
        self._write_list(node.args.defaults)
        self._write_list(node.args.kw_defaults)
        for argument in parameters(node.args):
            self._write_annotation(argument.annotation)
        self._scope = self._survey.scopes[node]
        self._write_parameters(node.args)
        self._write_value("body", node.body)
        self._scope = outer
        self._out.append(")")

    def _write_parameters(self, arguments: ast.arguments) -> None:
        groups: list[Sequence[ast.arg | None]] = [
            arguments.posonlyargs,
            arguments.args,
            [arguments.vararg],
            arguments.kwonlyargs,
            [arguments.kwarg],
        ]
        for group in groups:
            self._out.extend(self._token(a.arg, self._scope) for a in group if a is not None)
            self._out.append(";")

    def _write_class(self, node: ast.ClassDef) -> None:
        outer = self._scope
        self._out.append("ClassDef(")
        self._write_list(node.decorator_list)
        self._write_name(ast.Name(node.name))
        self._write_list(node.bases)
        self._write_value("keywords", node.keywords)
        self._scope = self._survey.scopes[node]
        self._write_body(node.body)
        self._scope = outer
        self._out.append(")")

    def _write_comprehension(self, node: Comprehension) -> None:
        outer, inner = self._scope, self._survey.scopes[node]
        self._out.append(type(node).__name__ + "(")
        for part in node.generators:
            self._write(part.iter)  # the first one is evaluated outside
            self._scope = inner
            self._write(part.target)
            self._write_list(part.ifs)
            self._out.append(str(part.is_async))
        for name in ("key", "elt", "value"):
            if hasattr(node, name):
                self._write(getattr(node, name))
        self._scope = outer
        self._out.append(")")

    def _write_annotated(self, node: ast.AnnAssign) -> None:
        self._out.append("Assign(" if node.value is not None else "Declare(")
        if self._scope.kind == "class":
            self._kept_annotation = True
            self._write(node.annotation)
        elif self._scope.kind == "module":
            self._write_annotation(node.annotation)
        self._write_list([node.target])
        self._write_value("", node.value)
        self._out.append(")")

    def _write_annotation(self, node: ast.expr | None) -> None:
        if node is not None and (self._survey.plain or not is_harmless(node, self._spell)):
            self._kept_annotation = True
            self._out.append("->")
            self._write(node)


_HANDLERS: Final[Mapping[type[ast.AST], Callable[..., None]]] = {
    ast.Name: _Writer._write_name,
    ast.Attribute: _Writer._write_attribute,
    ast.Constant: _Writer._write_constant,
    ast.FunctionDef: _Writer._write_function,
    ast.AsyncFunctionDef: _Writer._write_function,
    ast.Lambda: _Writer._write_function,
    ast.ClassDef: _Writer._write_class,
    ast.ListComp: _Writer._write_comprehension,
    ast.SetComp: _Writer._write_comprehension,
    ast.DictComp: _Writer._write_comprehension,
    ast.GeneratorExp: _Writer._write_comprehension,
    ast.AnnAssign: _Writer._write_annotated,
}
