"""Brings a network of LEMUR to Archwright's contract, by its syntax tree and without running it.

`class Net(nn.Module)` with `__init__(in_shape, out_shape, prm, device)` becomes `class Model` with
`__init__(input_shape, output_shape)`. What only LEMUR's own training loop needs is left out, and so
is all that nothing refers to any more. `prm` becomes a literal of the values that are given.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from archwright.domain import SourceError
from archwright.search.parsing import parse

ALLOWED: Final = frozenset({"torch", "numpy"})
"""Packages that a network may still import; the standard library comes on top."""
DEFAULTS: Final[Mapping[str, float]] = {"lr": 0.01, "momentum": 0.9, "batch": 32, "epoch_max": 1}
DEFAULT: Final = 0.2
"""What a hyper-parameter is where nothing is known of it: most are dropout rates."""
_ROLES: Final = ("in_shape", "out_shape", "prm", "device")
_TRAINING: Final = frozenset({"train_setup", "learn"})
_DOORS: Final = frozenset({"os", "sys", "subprocess", "socket", "shutil", "ctypes", "urllib"})
"""Of the standard library what no network needs."""


def adapt(source: str, known: Mapping[str, float]) -> str:
    """The network as a file of Archwright's contract, comments left out.

    Args:
        source: a file of LEMUR.
        known: values of hyper-parameters.

    Raises:
        SourceError: it is no Python, defines no such `Net`, or imports what is not allowed.
    """
    try:
        tree = parse(source)
        net = _find_net(tree)
        _strip(tree, net)
        _rewrite_init(net, known)
        _prune(tree, net)
        _rename(tree)
        _check_imports(tree)
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    except SyntaxError as error:
        raise SourceError(f"it is no Python (line {error.lineno})") from None
    except (ValueError, RecursionError, MemoryError):
        raise SourceError("it is no Python that can be parsed") from None


def _find_net(tree: ast.Module) -> ast.ClassDef:
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef) and statement.name == "Net":
            return statement
    raise SourceError("it defines no class Net")


# --- leaving out ---------------------------------------------------------------------------------


def _strip(tree: ast.Module, net: ast.ClassDef) -> None:
    """Leave out docstrings, the training methods and statements that only run something."""
    net.body = [s for s in net.body if getattr(s, "name", "") not in _TRAINING]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [s for s in node.body if not _says_nothing(s)] or [ast.Pass()]
    # What runs when the file is loaded and defines nothing, such as a self-test or a print.
    tree.body = [s for s in tree.body if not isinstance(s, ast.Expr) and not _is_main(s)]


def _says_nothing(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def _prune(tree: ast.Module, net: ast.ClassDef) -> None:
    """Leave out methods, definitions, assignments and imports that nothing refers to."""
    while True:
        before = _size(tree, net)
        names, attributes = _references(tree, net)
        net.body = [s for s in net.body if _is_needed_method(s, attributes)]
        tree.body = [s for s in tree.body if s is net or _is_needed(s, names)]
        for statement in tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                statement.names = [a for a in statement.names if _bound(a) in names | {"*"}]
        if _size(tree, net) == before:
            return


def _size(tree: ast.Module, net: ast.ClassDef) -> tuple[int, int]:
    return len(tree.body), len(net.body)


def _references(tree: ast.Module, net: ast.ClassDef) -> tuple[set[str], set[str]]:
    """Names and attributes that are read; a definition's reference to itself does not count."""
    names: set[str] = set()
    attributes: set[str] = set()
    for statement in [*(s for s in tree.body if s is not net), *net.body, *net.bases]:
        own = getattr(statement, "name", "")
        said = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        names |= said - {own} if isinstance(statement, ast.FunctionDef | ast.ClassDef) else said
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            names -= _assigned(statement) - _loaded(tree, net, statement)
        attributes |= {n.attr for n in ast.walk(statement) if isinstance(n, ast.Attribute)} - {own}
    return names, attributes


def _assigned(statement: ast.Assign | ast.AnnAssign) -> set[str]:
    return {
        n.id
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _loaded(tree: ast.Module, net: ast.ClassDef, but: ast.stmt) -> set[str]:
    others = [s for s in [*tree.body, net] if s is not but]
    return {
        n.id
        for statement in others
        for n in ast.walk(statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }


def _is_needed_method(statement: ast.stmt, attributes: set[str]) -> bool:
    if not isinstance(statement, ast.FunctionDef):
        return True
    name = statement.name
    return name == "forward" or name in attributes or name.startswith("__")


def _is_needed(statement: ast.stmt, names: set[str]) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return statement.name in names
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return _is_future(statement) or any(_bound(a) in names | {"*"} for a in statement.names)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return bool(_assigned(statement) & names) or not _assigned(statement)
    return True


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _check_imports(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            roots = ["." if node.level else (node.module or "").partition(".")[0]]
        elif isinstance(node, ast.Import):
            roots = [a.name.partition(".")[0] for a in node.names]
        else:
            continue
        for root in roots:
            if root not in ALLOWED and (root not in sys.stdlib_module_names or root in _DOORS):
                raise SourceError(f"it imports {root}")


# --- the constructor -----------------------------------------------------------------------------


def _rewrite_init(net: ast.ClassDef, known: Mapping[str, float]) -> None:
    """Give the constructor our two arguments; what its body still needs is computed first."""
    init = next((s for s in net.body if getattr(s, "name", "") == "__init__"), None)
    if not isinstance(init, ast.FunctionDef):
        raise SourceError("its Net has no __init__")
    roles = _roles_of(init.args)
    _drop_unread(net, init, roles)
    changed = {n.id for n in ast.walk(init) if isinstance(n, ast.Name) and _is_stored(n)}
    if "in_shape" in roles and roles["in_shape"] not in changed:
        _Indices(roles["in_shape"]).visit(init)
    if "out_shape" in roles and roles["out_shape"] not in changed:
        _Renaming({roles["out_shape"]: "output_shape"}).visit(init)
    init.args = ast.arguments([], [ast.arg(a) for a in ("self", "input_shape", "output_shape")],
                              None, [], [], None, [])  # fmt: skip
    init.returns = None
    used = {n.id for statement in init.body for n in ast.walk(statement) if isinstance(n, ast.Name)}
    needed = {role: name for role, name in roles.items() if name in used}
    init.body = [*_prelude(needed, net, known), *init.body]


def _roles_of(arguments: ast.arguments) -> dict[str, str]:
    """Which of the constructor's arguments plays which role: they come in order."""
    given = [a.arg for a in (*arguments.posonlyargs, *arguments.args)][1:]
    rest = len(given) - len(_ROLES)
    named = any(default is None for default in arguments.kw_defaults)
    if len(given) < 2 or rest > len(arguments.defaults) or named or arguments.vararg:
        raise SourceError("its Net takes other arguments than LEMUR's")
    if rest > 0:
        raise SourceError("its Net takes more arguments than LEMUR's")
    return dict(zip(_ROLES, given, strict=False))


def _drop_unread(net: ast.ClassDef, init: ast.FunctionDef, roles: Mapping[str, str]) -> None:
    """Leave out `self.device = device` and the like where nothing reads them."""
    read = {n.attr for n in ast.walk(net) if isinstance(n, ast.Attribute) and _is_loaded(n)}
    kept = []
    for statement in init.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], statement.value
            plain = isinstance(value, ast.Name) and value.id in roles.values()
            if plain and isinstance(target, ast.Attribute) and target.attr not in read:
                continue
        kept.append(statement)
    init.body = kept or [ast.Pass()]


def _is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store | ast.Del)


def _is_loaded(attribute: ast.Attribute) -> bool:
    return isinstance(attribute.ctx, ast.Load)


def _prelude(
    needed: Mapping[str, str], net: ast.ClassDef, known: Mapping[str, float]
) -> Iterator[ast.stmt]:
    values = {
        "in_shape": "(1, *input_shape)",
        "out_shape": "output_shape",
        "prm": repr(_hyperparameters(net, known)),
        "device": "torch.device('cpu')",
    }
    for role, name in needed.items():
        yield ast.parse(f"{name} = {values[role]}").body[0]


def _hyperparameters(net: ast.ClassDef, known: Mapping[str, float]) -> dict[str, float]:
    """A value for every text by which the class could ask for a hyper-parameter."""
    asked = [
        node.slice.value if isinstance(node, ast.Subscript) else node.args[0].value
        for node in ast.walk(net)
        if _asks(node)
    ]
    names = dict.fromkeys(sorted(n for n in asked if isinstance(n, str)))
    return {n: known.get(n, DEFAULTS.get(n, DEFAULT)) for n in names}


def _asks(node: ast.AST) -> bool:
    """`prm["name"]` or `prm.get("name", ...)`, under whatever name the hyper-parameters go."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
    )


class _Indices(ast.NodeTransformer):
    """`in_shape[1]` becomes `input_shape[0]`: LEMUR's shapes begin with the batch."""

    def __init__(self, name: str) -> None:
        self._name = name

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:  # noqa: N802 - ast's name
        self.generic_visit(node)
        index = node.slice
        if not (isinstance(node.value, ast.Name) and node.value.id == self._name):
            return node
        if isinstance(index, ast.Constant) and isinstance(index.value, int) and index.value > 0:
            value = ast.Name("input_shape", ast.Load())
            return ast.Subscript(value, ast.Constant(index.value - 1), node.ctx)
        return node


# --- names ---------------------------------------------------------------------------------------


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:  # noqa: N802 - ast's name
        return ast.Name(self._names.get(node.id, node.id), node.ctx)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:  # noqa: N802 - ast's name
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # noqa: N802 - ast's name
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        return node


def _rename(tree: ast.Module) -> None:
    """`Net` becomes `Model`; what was called so before makes way."""
    _Renaming({"Net": "Model", "Model": "InnerModel"}).visit(tree)


__all__: Sequence[str] = ["adapt"]
