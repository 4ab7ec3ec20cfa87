"""The blocks that architectures are made of, read from the sources in `blocks/`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from archwright.source.segments import Code, code_of, names

Domain = Literal["image", "sequence", "vector", "structure"]
DOMAINS: Final[tuple[Domain, ...]] = ("structure", "vector", "image", "sequence")

CHOICES: Final[Mapping[str, tuple[float, ...]]] = {
    "kernel": (3, 5, 7),
    "dilation": (1, 2),
    "heads": (1, 2, 4),
    "head_dim": (8, 16, 32),
    "groups": (2, 4, 8),
    "group_width": (8, 16),
    "dropout": (0.0, 0.1, 0.2),
    "patch": (2, 4),
    "frequencies": (4, 8),
}
"""Values that a block's parameter may take, by the parameter's name."""

HIDDEN_RATIOS: Final[Mapping[str, tuple[float, ...]]] = {
    "SqueezeExcite": (0.25, 0.5),
    "CrossLayer": (0.25, 0.5),
    "MultiScaleConv": (0.5, 1.0),
    "ResidualConv": (0.5, 1.0, 1.5),
    "Sweep": (0.5, 1.0),
    "WideConv": (0.5, 1.0),
    "WaveConv": (0.5, 1.0),
    "GRU": (0.5, 1.0),
}
"""`hidden` as a multiple of the block's width, where it is not 1, 1.5, 2 or 3."""
USUAL_RATIOS: Final = (1.0, 1.5, 2.0, 3.0)


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


@cache
def library() -> Mapping[str, Block]:
    """All blocks by name, in the order in which they may be defined in a file."""
    blocks: dict[str, Block] = {}
    for domain in DOMAINS:
        text = (Path(__file__).parent / "blocks" / f"{domain}.py").read_text(encoding="utf-8")
        code = code_of(text)
        defined = [n for n in code.tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
        known = {n.name for n in defined}
        for node in defined:
            blocks[node.name] = _read(code, node, domain, known)
    return blocks


def _read(
    code: Code, node: ast.ClassDef | ast.FunctionDef, domain: Domain, known: set[str]
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


def members(domain: Domain) -> list[Block]:
    """The blocks of a domain that stand alone: from `width` features to `width` features."""
    return [
        b
        for b in library().values()
        if b.domain == domain and b.takes_width and b.source.startswith("class ")
    ]


def closure(wanted: Iterable[str]) -> list[Block]:
    """The named blocks and all that their sources need, in the library's order."""
    todo, found = list(wanted), set[str]()
    while todo:
        name = todo.pop()
        if name in library() and name not in found:
            found.add(name)
            todo.extend(library()[name].needs)
    return [b for b in library().values() if b.name in found]
