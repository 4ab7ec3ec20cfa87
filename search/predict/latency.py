"""A computation graph read back from its text, and how long its forward pass takes: a roofline.

Source: Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual Performance Model
for Multicore Architectures". An operation takes as long as its arithmetic or its memory traffic,
whichever is longer; here every operation also has the fixed cost of being started, which rules at
the sizes that are searched.

The sandbox writes the text (one operation a line); nothing here runs a network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any, Final, Literal

# --- the graph ------------------------------------------------------------------------------------

ValueKind = Literal["input", "parameter", "constant", "result"]

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

    kind: ValueKind
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
        kind: ValueKind = leaf[1]  # type: ignore[assignment]  # one of three, says the pattern
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
    made: ValueKind = inputs[0].kind if name in VIEWS and inputs else "result"
    outputs = tuple(_values(call[3], made, depth))
    values.update(zip(names, outputs, strict=False))
    graph.operations.append(Operation(name, call[2], inputs, outputs, ids, tuple(names)))


def _values(text: str, kind: ValueKind, depth: int) -> Iterator[Value]:
    for word, bits, sizes in _FORM.findall(text):
        shape = tuple(int(s) for s in sizes.split(",") if s)
        yield Value(kind, shape, 1 if word == "bool" else max(1, int(bits or 64) // 8), depth)


# --- the time that it takes -----------------------------------------------------------------------

_TRANSPOSED: Final = re.compile(r"\], (True|False), \[")
_PRODUCTS: Final = {"mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1, "addmv": 1, "mv": 0, "dot": 0}
"""Matrix products, with the place of their left factor among the inputs."""


@dataclass(frozen=True, slots=True)
class Device:
    """What one thread of a machine can do, as measured once."""

    name: str
    flops_per_second: float
    bytes_per_second: float
    operation_seconds: float
    """What an operation on next to nothing takes."""
    product_seconds: float
    """What a matrix product or a convolution of next to nothing takes, from its module on."""

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the journal and the cache."""
        return asdict(self)


NOMINAL: Final = Device("nominal core", 5e10, 1e10, 1e-6, 5e-6)
"""A round figure for one core, where none was measured: its latencies only rank."""


@dataclass(frozen=True, slots=True)
class Load:
    """The work of one operation on one sample."""

    flops: float
    bytes: float
    is_product: bool


def latency_ms(text: str, device: Device) -> float:
    """Predicted milliseconds of one sample's forward pass.

    The graph is that of train mode, so dropout counts and batch normalisation costs a little more
    than at inference. Lines that a very long text leaves out count as the average of those it has.

    Args:
        text: the canonical text of the graph.
        device: where it would run.
    """
    graph = read_graph(text)
    seconds = sum(seconds_of(load, device) for load in loads_of(graph))
    lines = len(graph.operations) + len(graph.leaves)
    return 1e3 * seconds * (1 + graph.missing / max(1, lines))


def seconds_of(load: Load, device: Device) -> float:
    """Start, and then arithmetic or memory, whichever takes longer."""
    busy = max(load.flops / device.flops_per_second, load.bytes / device.bytes_per_second)
    return busy + (device.product_seconds if load.is_product else device.operation_seconds)


def loads_of(graph: Graph) -> list[Load]:
    """The work of each operation that is no mere view."""
    return [_load(op, graph.batch) for op in graph.operations if not op.is_view]


def _load(op: Operation, batch: int) -> Load:
    """For one sample: weights are read whole, all else has the batch's share."""
    weights = sum(v.bytes for v in op.inputs if v.kind in ("parameter", "constant"))
    moving = sum(v.bytes for v in (*op.inputs, *op.outputs)) - weights
    if op.name == "embedding":  # reads the rows that it looks up, not the table
        weights, moving = 0, 2 * sum(v.bytes for v in op.outputs)
    product = op.name in _PRODUCTS or op.name.startswith(("convolution", "scaled_dot_product"))
    return Load(flops_of(op) / batch, weights + moving / batch, product)


def flops_of(op: Operation) -> int:
    """Floating-point operations, two for each multiply-add; one for each element that any other
    operation writes."""
    written = sum(v.count for v in op.outputs[:1])
    if op.name in _PRODUCTS and len(op.inputs) > _PRODUCTS[op.name]:
        left = op.inputs[_PRODUCTS[op.name]].shape
        return 2 * written * (left[-1] if left else 1)
    if op.name == "convolution" and len(op.inputs) > 1:
        weight = op.inputs[1].shape
        transposed = _TRANSPOSED.search(op.arguments)
        outer = op.inputs[0].count if transposed and transposed[1] == "True" else written
        return 2 * outer * prod(weight[1:])
    if op.name.startswith("scaled_dot_product") and len(op.inputs) > 1:
        return 4 * written * op.inputs[1].shape[-2]
    return sum(v.count for v in op.outputs)
