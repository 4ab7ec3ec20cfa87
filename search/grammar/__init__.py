"""A grammar that draws architectures, block by block."""

from __future__ import annotations

from archwright.search.blocks import Block
from archwright.search.grammar.grammar import Drawing, draw
from archwright.search.grammar.library import library, members

__all__ = ["Block", "Drawing", "draw", "library", "members"]
