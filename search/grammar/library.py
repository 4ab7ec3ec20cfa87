"""The blocks that architectures are made of, read from the sources in `blocks/`, and how calls of
them and whole files are written so that they read well.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Final, Literal

from archwright.core import Problem
from archwright.source.code import SourceCode, code_of, names

Domain = Literal["image", "sequence", "vector", "structure"]
DOMAINS: Final[tuple[Domain, ...]] = ("structure", "vector", "image", "sequence")

BLOCK_CHOICES: Final[Mapping[str, tuple[float, ...]]] = {
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
    folder = Path(__file__).parent / "blocks"
    texts = {d: (folder / f"{d}.py").read_text(encoding="utf-8") for d in DOMAINS}
    return read_blocks(texts)


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


def members(domain: Domain) -> list[Block]:
    """The blocks of a domain that stand alone: from `width` features to `width` features."""
    return [
        b
        for b in library().values()
        if b.domain == domain and b.takes_width and b.source.startswith("class ")
    ]


def closure(wanted: Iterable[str], blocks: Mapping[str, Block] | None = None) -> list[Block]:
    """The named blocks and all that their sources need, in the order of `blocks`, which is the
    library where none is given.
    """
    known = library() if blocks is None else blocks
    todo, found = list(wanted), set[str]()
    while todo:
        name = todo.pop()
        if name in known and name not in found:
            found.add(name)
            todo.extend(known[name].needs)
    return [b for b in known.values() if b.name in found]


def reason(block: Block) -> str:
    """What a block does, as a sentence."""
    words = block.words[:1].upper() + block.words[1:]
    return f"{words}: {block.idea}."


def draw_arguments(
    block: Block, width: int, problem: Problem, rng: Random, side: int = 0
) -> list[str]:
    """Keyword arguments of a block after `width`, as text; a default that stays is left out."""
    drawn: list[str] = []
    for name, default in block.defaults.items():
        value: object = default
        if name == "hidden":
            ratio = rng.choice(HIDDEN_RATIOS.get(block.name, USUAL_RATIOS))
            drawn.append(f"hidden={max(4, 4 * round(ratio * width / 4))}")
            continue
        if name == "causal":
            value = problem.causal
        elif name in BLOCK_CHOICES and rng.random() < 0.5:
            value = rng.choice(BLOCK_CHOICES[name])
        if name == "kernel" and side and isinstance(value, int):
            value = min(value, max(3, side // 2 * 2 - 1))
        if value != default:
            drawn.append(f"{name}={value}")
    return drawn


# --- writing --------------------------------------------------------------------------------------

LINE: Final = 100
TAB: Final = "    "


@dataclass(frozen=True, slots=True)
class Term:
    """A call with its arguments: texts, or terms inside it. `words` name it in prose."""

    callee: str
    arguments: tuple[str | Term, ...] = ()
    words: str = ""

    def __str__(self) -> str:
        return f"{self.callee}({', '.join(map(str, self.arguments))})"

    def render(self, indent: int) -> str:
        """The call at an indentation of `indent` tabs, on several lines where one is too long."""
        flat = str(self)
        if len(TAB) * indent + len(flat) + 1 <= LINE:
            return flat
        inner = TAB * (indent + 1)
        parts = [
            inner + (a.render(indent + 1) if isinstance(a, Term) else a) + ",\n"
            for a in self.arguments
        ]
        return f"{self.callee}(\n{''.join(parts)}{TAB * indent})"

    def walk(self) -> Iterable[Term]:
        """This term and all inside it."""
        yield self
        for argument in self.arguments:
            if isinstance(argument, Term):
                yield from argument.walk()


def sequential(terms: Sequence[Term]) -> str:
    """`nn.Sequential(…)` with one element a line, for the body of `__init__`."""
    lines = [f"{TAB * 3}{t.render(3)},\n" for t in terms]
    return f"nn.Sequential(\n{''.join(lines)}{TAB * 2})"


def paragraph(text: str) -> str:
    """A docstring's paragraph, wrapped."""
    return textwrap.fill(text, LINE - 4)


def assemble(docstring: str, blocks: Iterable[Block], entry: str, recipe: str = "") -> str:
    """A whole file: docstring, imports, recipe, the blocks it needs, the entry class."""
    parts = [b.source for b in blocks] + [entry]
    text = "\n\n\n".join(parts)
    used = names(code_of(text).tree)
    imports = ["import math\n"] if "math" in used else []
    imports += ["import torch"] if "torch" in used else []
    imports += ["import torch.nn.functional as F"] if "F" in used else []
    imports += ["from torch import nn"]
    head = f'"""{docstring}\n"""\n\n' + "\n".join(imports)
    return head + (f"\n\n{recipe}" if recipe else "") + f"\n\n\n{text}\n"


def needed(terms: Iterable[Term]) -> list[Block]:
    """The library's blocks that terms call, with all that those need."""
    return closure(t.callee for term in terms for t in term.walk())
