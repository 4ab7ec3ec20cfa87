"""Definitions that sources are made of, read from files that are never imported, and whole files
written of them.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from archwright.source.code import SourceCode, code_of, names

Domain = Literal["image", "sequence", "vector", "structure"]
LINE: Final = 100
"""Longest line of a source that is written."""


@dataclass(frozen=True, slots=True)
class Block:
    """A class or function of the library.

    `words` is what its docstring says before the colon, `idea` what it says after it.
    `defaults` are the parameters after `width` with their values; `needs` the other definitions
    of the library that its source uses.
    """

    name: str
    domain: Domain
    source: str
    words: str
    idea: str
    defaults: Mapping[str, object]
    takes_width: bool
    needs: tuple[str, ...]


def read_blocks(texts: Mapping[Domain, str]) -> Mapping[str, Block]:
    """The classes and functions of each domain's text by name, in their order."""
    blocks: dict[str, Block] = {}
    for domain, text in texts.items():
        code = code_of(text)
        defined = [n for n in code.tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
        known = {n.name for n in defined}
        for node in defined:
            blocks[node.name] = _read(code, node, domain, known)
    return blocks


def _read(
    code: SourceCode, node: ast.ClassDef | ast.FunctionDef, domain: Domain, known: set[str]
) -> Block:
    words, _, idea = (ast.get_docstring(node) or "").partition("\n")[0].partition(": ")
    init = next(
        (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
    )
    arguments = [a.arg for a in init.args.args[1:]] if init else []
    values = [ast.literal_eval(d) for d in init.args.defaults] if init else []
    return Block(
        name=node.name,
        domain=domain,
        source=code.segment(node),
        words=words[:1].lower() + words[1:] if words[1:2].islower() else words,
        idea=idea.rstrip("."),
        defaults=dict(zip(arguments[len(arguments) - len(values) :], values, strict=True)),
        takes_width=arguments[:1] == ["width"],
        needs=tuple(sorted((names(node) & known) - {node.name})),
    )


def closure(wanted: Iterable[str], blocks: Mapping[str, Block]) -> list[Block]:
    """The named blocks and all that their sources need, in the order of `blocks`."""
    todo, found = list(wanted), set[str]()
    while todo:
        name = todo.pop()
        if name in blocks and name not in found:
            found.add(name)
            todo.extend(blocks[name].needs)
    return [b for b in blocks.values() if b.name in found]


def paragraph(text: str) -> str:
    """A docstring's paragraph, wrapped."""
    return textwrap.fill(text, LINE - 4)


def assemble(
    docstring: str,
    blocks: Iterable[Block],
    entry: str,
    recipe: str = "",
    style: Callable[[str], str] = str,
) -> str:
    """A whole file: docstring, imports, recipe, the blocks it needs, the entry class.

    Args:
        style: is laid on each block and on the entry.
    """
    parts = [b.source for b in blocks] + [entry]
    text = "\n\n\n".join(map(style, parts))
    used = frozenset[str]().union(*map(_names, parts))
    imports = ["import math\n"] if "math" in used else []
    imports += ["import torch"] if "torch" in used else []
    imports += ["import torch.nn.functional as F"] if "F" in used else []
    imports += ["from torch import nn"]
    head = f'"""{docstring}\n"""\n\n' + "\n".join(imports)
    return head + (f"\n\n{recipe}" if recipe else "") + f"\n\n\n{text}\n"


@lru_cache(maxsize=512)
def _names(source: str) -> frozenset[str]:
    """The names that a part of a file uses; the blocks of the library come again and again."""
    return frozenset(names(code_of(source).tree))
