"""Writing calls and whole files so that they read well."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from archwright.search.grammar.library import Block, closure
from archwright.source.segments import code_of, names

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
