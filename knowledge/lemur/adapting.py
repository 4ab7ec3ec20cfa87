"""Brings a network of LEMUR to Archwright's contract, by its syntax tree and without running it.

`class Net(nn.Module)` with `__init__(in_shape, out_shape, prm, device)` becomes `class Model` with
`__init__(input_shape, output_shape)`. What only LEMUR's own training loop needs is left out, and so
is all that nothing refers to any more. `prm` becomes a literal of the values that are given.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from archwright.core import SourceError
from archwright.knowledge.lemur.pruning import prune, strip
from archwright.source.code import parse

ALLOWED: Final = frozenset({"torch", "numpy"})
"""Packages that a network may still import; the standard library comes on top."""
DEFAULTS: Final[Mapping[str, float]] = {"lr": 0.01, "momentum": 0.9, "batch": 32, "epoch_max": 1}
DEFAULT: Final = 0.2
"""What a hyper-parameter is where nothing is known of it: most are dropout rates."""
_ROLES: Final = ("in_shape", "out_shape", "prm", "device")
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
        strip(tree, net)
        init, roles = _take_arguments(net)
        prune(tree, net)
        _rewrite_init(net, init, roles, known)
        _rename(tree)
        _import_torch(tree)
        _check_imports(tree)
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    except SyntaxError as error:
        raise SourceError(f"it is not valid Python (line {error.lineno})") from None
    except (ValueError, RecursionError, MemoryError):
        raise SourceError("it is not valid Python") from None


def _find_net(tree: ast.Module) -> ast.ClassDef:
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef) and statement.name == "Net":
            return statement
    raise SourceError("it defines no class Net")


# --- imports ---------------------------------------------------------------------------------


def _import_torch(tree: ast.Module) -> None:
    """The constructor may name a device where the file itself no longer uses `torch`."""
    imports = [s for s in tree.body if isinstance(s, ast.Import)]
    if not any(a.name == "torch" and not a.asname for s in imports for a in s.names):
        first = tree.body[0] if tree.body else None
        future = isinstance(first, ast.ImportFrom) and first.module == "__future__"
        tree.body.insert(int(future), ast.Import([ast.alias("torch")]))


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


def _take_arguments(net: ast.ClassDef) -> tuple[ast.FunctionDef, dict[str, str]]:
    """Give the constructor our arguments; returns it, and which name played which role in it."""
    init = next((s for s in net.body if getattr(s, "name", "") == "__init__"), None)
    if not isinstance(init, ast.FunctionDef):
        raise SourceError("its Net has no __init__")
    roles = _roles_of(init.args)
    ours = [ast.arg(a) for a in ("self", "input_shape", "output_shape")]
    init.args, init.returns = ast.arguments([], ours, None, [], [], None, []), None
    return init, roles


def _rewrite_init(
    net: ast.ClassDef, init: ast.FunctionDef, roles: Mapping[str, str], known: Mapping[str, float]
) -> None:
    """Let the constructor's body use our arguments; what it still needs is computed first."""
    changed = {n.id for n in ast.walk(init) if isinstance(n, ast.Name) and _is_stored(n)}
    _drop_unread(net, init, roles)
    if roles["in_shape"] not in changed:
        _Indices(roles["in_shape"]).visit(init)
    if roles["out_shape"] not in changed:
        _Renaming({roles["out_shape"]: "output_shape"}).visit(init)
    used = {n.id for statement in init.body for n in ast.walk(statement) if isinstance(n, ast.Name)}
    needed = {role: name for role, name in roles.items() if name in used}
    init.body = [*_prelude(needed, net, known), *init.body]


def _roles_of(arguments: ast.arguments) -> dict[str, str]:
    """Which of the constructor's arguments plays which role: they come in order."""
    given = [a.arg for a in (*arguments.posonlyargs, *arguments.args)][1:]
    others = arguments.kwonlyargs or arguments.vararg or arguments.kwarg
    if not 2 <= len(given) <= len(_ROLES) or others:
        raise SourceError("its Net takes other arguments than LEMUR's")
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
        yield parse(f"{name} = {values[role]}").body[0]


def _hyperparameters(net: ast.ClassDef, known: Mapping[str, float]) -> dict[str, float]:
    """A value for every text by which the class asks for a hyper-parameter, under whatever name
    they go there: `prm["name"]`, or `prm.get("name", ...)` where the name is known."""
    found: dict[str, float] = {}
    for node in ast.walk(net):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            name = node.slice.value
            if isinstance(name, str):
                found[name] = known.get(name, DEFAULTS.get(name, DEFAULT))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = node.args[0]
            if node.func.attr == "get" and isinstance(first, ast.Constant) and first.value in known:
                found[str(first.value)] = known[str(first.value)]
    return dict(sorted(found.items()))


class _Indices(ast.NodeTransformer):
    """`in_shape[1]` becomes `input_shape[0]`: LEMUR's shapes begin with the batch."""

    def __init__(self, name: str) -> None:
        self._name = name

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
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

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._names.get(node.id, node.id), node.ctx)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self._names.get(node.name, node.name)
        return node


def _rename(tree: ast.Module) -> None:
    """`Net` becomes `Model`; what was called so before makes way."""
    _Renaming({"Net": "Model", "Model": "InnerModel"}).visit(tree)
