"""Sequence mixers as source: the published ones by name, and a grammar of their parts.

Sources are made of text alone; nothing here imports torch.
"""

from __future__ import annotations

from archwright.search.mixers.compose import compose
from archwright.search.mixers.design import Design
from archwright.search.mixers.drawing import draw_design, read_design
from archwright.search.mixers.zoo import Reference, names, reference, sized, source

__all__ = [
    "Design",
    "Reference",
    "compose",
    "draw_design",
    "names",
    "read_design",
    "reference",
    "sized",
    "source",
]
