"""The blocks that architectures are made of, read from the sources in `blocks/`, and how calls of
them are written so that they read well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from archwright.core import Problem
from archwright.search.blocks import LINE, Block, Domain, closure, read_blocks

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


@cache
def library() -> Mapping[str, Block]:
    """All blocks by name, in the order in which they may be defined in a file."""
    folder = Path(__file__).parent / "blocks"
    texts = {d: (folder / f"{d}.py").read_text(encoding="utf-8") for d in DOMAINS}
    return read_blocks(texts)


def members(domain: Domain) -> list[Block]:
    """The blocks of a domain that stand alone: from `width` features to `width` features."""
    return [
        b
        for b in library().values()
        if b.domain == domain and b.takes_width and b.source.startswith("class ")
    ]


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


def needed(terms: Iterable[Term]) -> list[Block]:
    """The library's blocks that terms call, with all that those need."""
    return closure((t.callee for term in terms for t in term.walk()), library())
