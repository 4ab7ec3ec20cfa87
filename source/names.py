"""What names stand for outside of the file that uses them: in the contract, to reflection, in
torch, as imports and as annotations.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Final

from archwright.source.code import is_idle


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONTRACT_NAMES: Final = frozenset({"Model", "Mixer", "RECIPE"})
BUILTINS: Final = frozenset(dir(builtins))

# Whoever uses one of these sees names as data, so that no name may change at all.
REFLECTION_NAMES: Final = _words(
    "locals globals vars eval exec compile dir inspect sys importlib pickle operator jit fx"
    " __import__ __class__ __doc__ __annotations__"
)
REFLECTION_ATTRIBUTES: Final = _words(
    "__dict__ __name__ __qualname__ __class__ __doc__ __code__ __annotations__ __module__"
    " __globals__ __closure__ jit fx"
)
# Whoever uses one of these sees attribute names.
ATTRIBUTE_NAMES: Final = _words(
    "named_parameters named_modules named_children named_buffers state_dict load_state_dict"
    " _modules _parameters _buffers __getattr__ __setattr__ __getattribute__ __delattr__"
    " get_submodule get_parameter get_buffer"
)
TAKES_ATTRIBUTE_NAME: Final = {
    **dict.fromkeys(("getattr", "setattr", "hasattr", "delattr"), 1),
    **dict.fromkeys(("add_module", "register_module", "register_buffer", "register_parameter"), 0),
}
# What `torch.nn.Module` itself calls or stores, private names apart; a test asks torch.
MODULE_ATTRIBUTES: Final = _words(
    "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda"
    " double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter"
    " get_submodule half ipu load_state_dict modules mtia named_buffers named_children"
    " named_modules named_parameters parameters register_backward_hook register_buffer"
    " register_forward_hook register_forward_pre_hook register_full_backward_hook"
    " register_full_backward_pre_hook register_load_state_dict_post_hook"
    " register_load_state_dict_pre_hook register_module register_parameter"
    " register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state"
    " set_submodule share_memory state_dict to to_empty train training type xpu zero_grad"
)


# --- imports --------------------------------------------------------------------------------------

ImportNode = ast.Import | ast.ImportFrom

_STANDARD: Final = ("math", "typing", "collections", "collections.abc", "functools", "itertools")
_SAFE_MODULES: Final = frozenset({"torch", "torch.nn", "torch.nn.functional", *_STANDARD})
_SAFE_MEMBERS: Final = frozenset({"torch.nn", "torch.nn.functional", "torch.Tensor"})


def leading_imports(body: Sequence[ast.stmt]) -> list[ImportNode]:
    """The imports at the top of a file, before anything else is done."""
    found: list[ImportNode] = []
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            found.append(statement)
        elif not is_idle(statement):
            break
    return found


def bound_paths(statement: ImportNode) -> list[tuple[str, str]]:
    """What an import binds, one (name, full path) for each alias."""
    if isinstance(statement, ast.Import):
        tops = [(a, a.name.partition(".")[0]) for a in statement.names]
        return [(a.asname or top, a.name if a.asname else top) for a, top in tops]
    base = "." * statement.level + (statement.module or "")
    return [(a.asname or a.name, f"{base}.{a.name}") for a in statement.names]


def telling_imports(
    statements: Sequence[ImportNode], paths: Mapping[str, str], used: Set[str]
) -> list[str]:
    """The imports that could fail, or whose names are not spelled out where they are used.

    Args:
        statements: the leading imports.
        paths: the full path for each name that is spelled out.
        used: the names of `paths` that the file uses.
    """
    lines: set[str] = set()
    for statement in statements:
        for (name, path), alias in zip(bound_paths(statement), statement.names, strict=True):
            module = alias.name if isinstance(statement, ast.Import) else statement.module or "."
            if paths.get(name) != path:
                lines.add(ast.unparse(statement))
            elif module not in _SAFE_MODULES and module != "__future__":
                lines.add(f"import {module} {path}")
            elif isinstance(statement, ast.ImportFrom) and name not in used and not _exists(path):
                lines.add(f"import {path}")
    return sorted(lines)


def keeps_keywords(path: str) -> bool:
    """Whether the keywords of a call of `path` are known to stay with torch."""
    if path.startswith("torch.nn."):
        return not path.startswith("torch.nn.utils.")
    return path.startswith("torch.") and path.count(".") == 1


def _exists(path: str) -> bool:
    module, _, member = path.rpartition(".")
    if module in (*_STANDARD, "__future__"):
        return hasattr(importlib.import_module(module), member)
    return path in _SAFE_MEMBERS


# --- annotations ----------------------------------------------------------------------------------

_BUILTIN_TYPES: Final = ("int", "float", "bool", "str", "bytes", "object", "tuple", "list", "dict")
_IMPORTED_TYPES: Final = (
    "torch.Tensor",
    "torch.nn.Module",
    "torch.device",
    "torch.dtype",
    "typing.Any",
)
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
        return spell(node) in (*_BUILTIN_TYPES, *_IMPORTED_TYPES)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    name = spell(node.value)
    if name in _ANY_ARITY:
        dots = isinstance(parts[-1], ast.Constant) and parts[-1].value is ... and len(parts) == 2
        parts = parts[:1] if dots and name != "typing.Union" else parts
    elif _ARITY.get(name) != len(parts):
        return False
    return bool(parts) and all(_is_type(part, spell) for part in parts)
