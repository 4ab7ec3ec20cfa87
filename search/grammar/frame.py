"""Where a draw stands while an architecture grows: shapes, widths, style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from archwright.core import Problem
from archwright.search.grammar.library import CHOICES, HIDDEN_RATIOS, USUAL_RATIOS, Block, Domain
from archwright.search.grammar.rendering import Term

WIDTH_NAMES: Final = ("width", "wide", "widest", "final")
ATTENTION_POSITIONS: Final = 400
"""Pixels beyond which an image block that compares all positions is not drawn."""


@dataclass(slots=True)
class Frame:
    """The state of one draw.

    `domain` is what flows: an image, a sequence or a vector; `side` the image's shorter side,
    `positions` how many places the image or sequence has; `widths` the local names of widths in
    the order of their making, the last one being current.
    """

    problem: Problem
    rng: Random
    domain: Domain = "vector"
    side: int = 1
    positions: int = 1
    widths: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    activation: str = ""
    norms: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.activation = self.rng.choice(("GELU", "SiLU", "ReLU", "GELU", "Mish", "LeakyReLU"))
        styles: Sequence[Mapping[str, str]] = (
            {},
            {},
            {"BatchNorm2d": "GroupNorm"},
            {"LayerNorm": "RMSNorm"},
        )
        self.norms = self.rng.choice(styles)

    @property
    def name(self) -> str:
        """The local name of the current width."""
        return next(reversed(self.widths), "width")

    @property
    def width(self) -> int:
        """The current width in features."""
        if not self.widths:
            return self.problem.module_shapes[0][-1]
        return self.widths[self.name]

    def enter(self, domain: Domain, side: int, positions: int) -> None:
        """From here on `domain` flows."""
        self.domain, self.side, self.positions = domain, side, positions

    def widen(self, width: int) -> str:
        """Give the next width a name."""
        name = WIDTH_NAMES[len(self.widths)]
        self.widths[name] = width
        return name

    def term(self, block: Block) -> Term:
        """A call of a block at the current width, its other arguments drawn."""
        self.reasons += [r for r in [reason(block)] if r not in self.reasons]
        drawn = draw_arguments(block, self.width, self.problem, self.rng, self.side)
        return Term(block.name, (self.name, *drawn), block.words)


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
        elif name in CHOICES and rng.random() < 0.5:
            value = rng.choice(CHOICES[name])
        if name == "kernel" and side and isinstance(value, int):
            value = min(value, max(3, side // 2 * 2 - 1))
        if value != default:
            drawn.append(f"{name}={value}")
    return drawn
