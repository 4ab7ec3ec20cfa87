"""Reads plain text: headings by their words alone."""

from __future__ import annotations

from archwright.knowledge.papers.headings import Line, assemble, heading_of, split_references
from archwright.knowledge.papers.paper import Paper


def read_text(text: str) -> Paper:
    """The paper in a plain text; its first line is the title."""
    lines = text.split("\n")
    title = next((line.strip() for line in lines if line.strip()), "")
    sections = assemble(Line(line, 0, heading_of(line)) for line in lines)
    return Paper(title[:300], "text", 0, sections, split_references(sections))
