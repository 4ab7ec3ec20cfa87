"""Where the finalists come from: a tree of ancestors, each with the diff that made it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from archwright.core import Candidate
from archwright.runs.results.evidence import Evidence, ancestry, finalists
from archwright.runs.results.snapshot import Snapshot

MOST_LINES: Final = 400
"""Lines of a diff that are shown; the branch has them all."""

STEPS_SHOWN: Final = 4

LineKind = Literal["same", "added", "removed", "place"]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a unified diff, without its leading mark."""

    kind: LineKind
    text: str


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A node of the tree. `parent` is the one that it is shown under, "" for a root; `others` are
    its other parents. `depth` grows where the tree branches, so that a chain stays a column."""

    id: str
    title: str
    parent: str
    others: tuple[str, ...]
    depth: int
    finalist: bool
    row: Candidate | None
    """None for an ancestor that is not a candidate of this run."""
    rationale: str
    diff: tuple[DiffLine, ...]


def trace_lineage(snapshot: Snapshot, evidence: Evidence) -> list[Ancestor]:
    """The ancestors of the finalists, each followed by its descendants.

    A drawn architecture has no parent and is a root, as the baseline is; so is one whose parents
    the journal places after it.
    """
    rows = {row.id: row for row in snapshot.candidates}
    age = {node: place for place, node in enumerate(rows)}
    chosen = [node for node in finalists(snapshot) if node in rows]
    children: dict[str, list[str]] = {}
    for node in sorted(ancestry(chosen, rows), key=lambda n: age.get(n, -1)):
        children.setdefault(_first_parent(node, rows, age), []).append(node)
    found: list[Ancestor] = []
    open_ = [("", node, 0) for node in reversed(children.get("", ()))]
    while open_:
        parent, node, depth = open_.pop()
        found.append(_describe(node, parent, depth, rows, evidence, node in chosen))
        below = children.get(node, ())
        deeper = depth + (len(below) > 1)
        open_ += [(node, child, deeper) for child in reversed(below)]
    return found


def fold_lineage(nodes: Sequence[Ancestor]) -> list[tuple[list[Ancestor], bool]]:
    """The nodes in groups, in their order, each with whether it is folded away.

    A long way stays readable: roots, finalists and the `STEPS_SHOWN` steps before each are shown.
    """
    last = [place for place, node in enumerate(nodes) if node.finalist]
    groups: list[tuple[list[Ancestor], bool]] = []
    for place, node in enumerate(nodes):
        near = any(0 <= finalist - place <= STEPS_SHOWN for finalist in last)
        folded = bool(node.parent) and not near
        if groups and groups[-1][1] is folded:
            groups[-1][0].append(node)
        else:
            groups.append(([node], folded))
    return groups


def _first_parent(node: str, rows: Mapping[str, Candidate], age: Mapping[str, int]) -> str:
    """The first parent that is older than the node, "" where there is none."""
    parents = rows[node].parents if node in rows else ()
    return next((parent for parent in parents if age.get(parent, -1) < age[node]), "")


def _describe(
    node: str,
    parent: str,
    depth: int,
    rows: Mapping[str, Candidate],
    evidence: Evidence,
    finalist: bool,
) -> Ancestor:
    row, origin = rows.get(node), evidence.origins.get(node)
    title = row.title if row else origin.title if origin else "not in the journal"
    source = _source(node, evidence)
    return Ancestor(
        id=node,
        title=title,
        parent=parent,
        others=tuple(p for p in (row.parents if row else ()) if p != parent),
        depth=depth,
        finalist=finalist,
        row=row,
        rationale=row.rationale if row else "",
        diff=tuple(diff_lines(_source(parent, evidence), source)),
    )


def _source(node: str, evidence: Evidence) -> str:
    if node in evidence.sources:
        return evidence.sources[node]
    origin = evidence.origins.get(node)
    return origin.source if origin else ""


def diff_lines(before: str, after: str) -> list[DiffLine]:
    """A unified diff with three lines of context, at most `MOST_LINES` long.

    With nothing `before`, the lines of `after` as they are.
    """
    if not before:
        lines = [DiffLine("same", line) for line in after.splitlines()]
    else:
        raw = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")
        lines = [_line(text) for text in list(raw)[2:]]
    if len(lines) <= MOST_LINES:
        return lines
    left = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], DiffLine("place", f"… {left} more lines")]


_KINDS: Final[Mapping[str, LineKind]] = {"+": "added", "-": "removed", "@": "place"}


def _line(text: str) -> DiffLine:
    kind = _KINDS.get(text[:1], "same")
    return DiffLine(kind, text if kind == "place" else text[1:])
