"""How long a forward pass takes, predicted from its computation graph: a roofline.

Source: Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual Performance Model
for Multicore Architectures". An operation takes as long as its arithmetic or its memory traffic,
whichever is longer; here every operation also has the fixed cost of being started, which rules at
the sizes that are searched.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, Final

from archwright.source.graph_text import Graph, Operation, read_graph

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
