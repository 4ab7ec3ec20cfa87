"""The text of a computation graph, read back: operations with their shapes and connections.

The sandbox writes it (one operation a line); nothing here runs a network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Final, Literal

Kind = Literal["input", "parameter", "constant", "result"]

_LINE: Final = re.compile(r"(t\d+(?:, t\d+)*) = (.*)")
_LEAF: Final = re.compile(r"(input|parameter|constant) (\S+)")
_CALL: Final = re.compile(r"([\w.]+)\((.*)\)(.*)")
_NAME: Final = re.compile(r"\bt\d+\b")
_FORM: Final = re.compile(r"([a-z]+)(\d*)\[([\d,]*)\]")
_REST: Final = re.compile(r"rest: (\d+) lines")


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the graph. `depth` is the number of operations on the longest way to it from an
    input; views do not count."""

    kind: Kind
    shape: tuple[int, ...]
    item_bytes: int
    depth: int = 0

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Its size in memory."""
        return self.count * self.item_bytes


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the forward pass. `name` is the operator without namespace, overload and
    the underscore of a variant that works in place."""

    name: str
    arguments: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    input_ids: tuple[str, ...]
    output_ids: tuple[str, ...]
    """The same name as an input where it works in place."""

    @property
    def is_view(self) -> bool:
        """Whether it only looks at the same memory in another way."""
        return self.name in VIEWS


@dataclass(slots=True)
class Graph:
    """A forward pass in the order it ran. `batch` is the size of the batch it was traced with."""

    operations: list[Operation] = field(default_factory=list)
    leaves: list[Value] = field(default_factory=list)
    batch: int = 1
    missing: int = 0
    """Lines that the text left out because it grew too long."""


VIEWS: Final = frozenset(
    {
        *("alias", "as_strided", "chunk", "detach", "diagonal", "expand", "lift_fresh", "narrow"),
        *("permute", "select", "slice", "split", "split_with_sizes", "squeeze", "t", "transpose"),
        *("unbind", "unfold", "unsafe_split", "unsafe_split_with_sizes", "unsafe_view"),
        *("unsqueeze", "view", "view_as"),
    }
)


def read_graph(text: str) -> Graph:
    """The graph that `text` (see `archwright.core.CheckReport.graph`) describes.

    Lines that say something else are passed by: the text comes from where candidates run.
    """
    graph = Graph()
    values: dict[str, Value] = {}
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            _read_line(graph, values, found[1].split(", "), found[2])
        elif rest := _REST.match(line):
            graph.missing = int(rest[1])
    return graph


def _read_line(graph: Graph, values: dict[str, Value], names: list[str], body: str) -> None:
    if leaf := _LEAF.match(body):
        kind: Kind = leaf[1]  # type: ignore[assignment]  # one of three, says the pattern
        value = next(_values(leaf[2], kind, 0), None)
        if value is not None:
            values[names[0]] = value
            graph.leaves.append(value)
            if kind == "input" and value.shape:
                graph.batch = max(1, value.shape[0])
        return
    call = _CALL.fullmatch(body)
    if call is None:
        return
    name = call[1].removeprefix("aten.").split(".")[0].strip("_")
    ids = tuple(i for i in _NAME.findall(call[2]) if i in values)
    inputs = tuple(values[i] for i in ids)
    depth = max((v.depth for v in inputs), default=0) + (name not in VIEWS)
    # A parameter turned around is still a parameter.
    made: Kind = inputs[0].kind if name in VIEWS and inputs else "result"
    outputs = tuple(_values(call[3], made, depth))
    values.update(zip(names, outputs, strict=False))
    graph.operations.append(Operation(name, call[2], inputs, outputs, ids, tuple(names)))


def _values(text: str, kind: Kind, depth: int) -> Iterator[Value]:
    for word, bits, sizes in _FORM.findall(text):
        shape = tuple(int(s) for s in sizes.split(",") if s)
        yield Value(kind, shape, 1 if word == "bool" else max(1, int(bits or 64) // 8), depth)
