"""Moving classes and functions from one source into another, and out when nothing needs them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from archwright.search.grammar.library import Block
from archwright.search.grammar.variation import (
    activation_sites,
    norm_sites,
    replace_activations,
    replace_norms,
)
from archwright.source.parsing import parse
from archwright.source.segments import Change, Code, classes, code_of, names

IMPORTS: Final = {
    "torch": "import torch",
    "F": "import torch.nn.functional as F",
    "nn": "from torch import nn",
    "math": "import math",
}
"""Names that sources use, and the statement that binds each."""

_Defined = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Definition:
    """A class or function at the top level of a file."""

    name: str
    source: str


def definitions(code: Code) -> dict[str, _Defined]:
    """The classes and functions at the top level, by name."""
    return {n.name: n for n in code.tree.body if isinstance(n, _Defined)}


def closure_in(code: Code, wanted: Iterable[str]) -> list[Definition]:
    """The named definitions of a file and all that they use, in the file's order."""
    defined, todo, found = definitions(code), list(wanted), set[str]()
    while todo:
        name = todo.pop()
        if name in defined and name not in found:
            found.add(name)
            todo.extend(names(defined[name]))
    return [Definition(n, code.segment(node)) for n, node in defined.items() if n in found]


def styled(blocks: Sequence[Block], code: Code) -> list[Definition]:
    """Library blocks in the style of a source: with its activation and its norm."""
    activations = activation_sites(code)
    norms = norm_sites(code)
    choice = {"BatchNorm2d": "GroupNorm", "LayerNorm": "RMSNorm"}
    swaps = {old: new for old, new in choice.items() if new in norms and old not in norms}
    made = []
    for block in blocks:
        source = replace_norms(block.source, swaps)
        if activations:
            most = max(activations, key=lambda a: (len(activations[a]), a))
            source = replace_activations(source, most)
        made.append(Definition(block.name, source))
    return made


def bring(code: Code, brought: Sequence[Definition], entry: str) -> tuple[str, dict[str, str]]:
    """Write definitions before the entry class, with the imports that they need.

    One that the file has already is left out; one whose name the file uses for something else
    gets another name. Returns the source and the new names by the old ones.
    """
    defined = definitions(code)
    renames: dict[str, str] = {}
    for one in brought:
        if one.name in defined and not same_interface(defined[one.name], one.source):
            renames[one.name] = free_name(one.name, defined)
    texts = [
        rename(one.source, renames)
        for one in brought
        if one.name not in defined or one.name in renames
    ]
    if not texts:
        return code.text, renames
    place = defined.get(entry) or code.tree.body[-1]
    start = code.span(place)[0]
    text = code.apply([Change(start, start, "\n\n\n".join(texts) + "\n\n\n")])
    return add_imports(text), renames


def same_interface(node: _Defined, source: str) -> bool:
    """Whether two definitions of one name can stand for each other: the same constructor."""
    other = parse(source).body[0]
    return _arguments(node) == _arguments(other)


def _arguments(node: ast.AST) -> list[str]:
    found = next(
        (n for n in ast.walk(node) if isinstance(n, ast.FunctionDef) and n.name == "__init__"),
        node if isinstance(node, ast.FunctionDef) else None,
    )
    return [ast.dump(a) for a in found.args.args] if found else []


def free_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or `name` with a number behind it where it is taken."""
    if name not in set(taken):
        return name
    number = 2
    while f"{name}{number}" in set(taken):
        number += 1
    return f"{name}{number}"


def rename(text: str, renames: dict[str, str]) -> str:
    """`text` with whole identifiers replaced."""
    if not renames:
        return text
    pattern = re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, renames)) + r")(?!\w)")
    return pattern.sub(lambda m: renames[m[1]], text)


def add_imports(source: str) -> str:
    """`source` with the imports of torch and math that it uses and lacks."""
    code = code_of(source)
    bound = {
        (a.asname or a.name.split(".")[0])
        for n in ast.walk(code.tree)
        if isinstance(n, ast.Import | ast.ImportFrom)
        for a in n.names
    }
    missing = [IMPORTS[n] for n in IMPORTS if n in names(code.tree) and n not in bound]
    if not missing:
        return source
    lines = "\n".join(missing) + "\n"
    first = next((n for n in code.tree.body if not _is_docstring(n)), None)
    place = code.span(first)[0] if first else len(source.encode())
    gap = "" if isinstance(first, ast.Import | ast.ImportFrom) else "\n\n"
    return _order_imports(code.apply([Change(place, place, lines + gap)]))


def _order_imports(source: str) -> str:
    """Sort the first block of import lines the way formatters do."""
    lines = source.split("\n")
    start = next((i for i, t in enumerate(lines) if re.match(r"(import|from) ", t)), len(lines))
    end = start
    while end < len(lines) and re.match(r"(import|from) [\w. ,]+$", lines[end]):
        end += 1
    future = "from __future__"
    block = sorted(set(lines[start:end]), key=lambda t: (not t.startswith(future), t[0] == "f", t))
    return "\n".join(lines[:start] + block + lines[end:])


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def prune(source: str, entry: str) -> str:
    """`source` without the classes, functions and torch imports that the entry does not need."""
    code = code_of(source)
    kept = {d.name for d in closure_in(code, [entry])}
    loose = [n for n in code.tree.body if not isinstance(n, _Defined)]
    kept |= {d.name for d in closure_in(code, {n for node in loose for n in names(node)})}
    if entry not in kept:
        return source
    dead = [n for name, n in definitions(code).items() if name not in kept]
    text = _tidy(code.apply([code.cut_statement(n, code.tree.body) for n in dead]))
    code = code_of(text)
    used = names(code.tree)
    gone = [
        code.cut_statement(n, code.tree.body)
        for n in code.tree.body
        if (name := _torch_import(n)) and name not in used
    ]
    return code.apply(gone)


def _torch_import(node: ast.stmt) -> str:
    """The name that one of our own import statements binds, else nothing."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return ""
    return next((n for n, line in IMPORTS.items() if ast.unparse(node) == line), "")


def _tidy(text: str) -> str:
    return re.sub(r"\n{4,}", "\n\n\n", text)


def rename_class(code: Code, old: str, new: str) -> str:
    """`code` with a class and all that names it renamed."""
    node = classes(code.tree)[old]
    start = code.span(node)[0] + code.segment(node).index(f"class {old}") + len("class ")
    changes = [Change(start, start + len(old.encode()), new)]
    changes += [
        code.put(n, new) for n in ast.walk(code.tree) if isinstance(n, ast.Name) and n.id == old
    ]
    return code.apply(changes)
