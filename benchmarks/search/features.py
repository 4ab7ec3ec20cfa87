"""A candidate as numbers: what its computation graph, its size and the proxies say of it.

The groups of columns can be taken apart, so that each can show what it adds to the parameter count
alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from archwright.core import Array
from archwright.search.predict.latency import (
    NOMINAL,
    Device,
    Graph,
    Operation,
    flops_of,
    loads_of,
    read_graph,
    seconds_of,
)
from archwright.search.predict.proxies import PROXIES

_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "convolutions": frozenset({"convolution"}),
    "products": frozenset({"mm", "bmm", "addmm", "baddbmm", "mv", "addmv", "dot"}),
    "softmaxes": frozenset({"softmax", "log_softmax"}),
    "normalisations": frozenset(
        {
            "native_layer_norm",
            "native_batch_norm",
            "native_group_norm",
            "rsqrt",
            "linalg_vector_norm",
        }
    ),
    "rectifiers": frozenset(
        {"relu", "gelu", "silu", "leaky_relu", "elu", "softplus", "hardswish", "clamp_min", "mish"}
    ),
    "gates": frozenset({"sigmoid", "tanh", "mul", "hardsigmoid"}),
    "sums": frozenset({"add"}),
    "joins": frozenset({"cat", "stack"}),
    "pools": frozenset(
        {"max_pool2d_with_indices", "avg_pool2d", "adaptive_avg_pool2d", "mean", "amax", "max"}
    ),
    "scans": frozenset({"cumsum", "cumprod", "flip", "logcumsumexp"}),
    "drops": frozenset({"native_dropout", "bernoulli"}),
}
"""Operations of the forward pass by what they are for, each counted (as log1p)."""

SIZE: Final = ("log_parameters",)
COST: Final = ("log_flops", "log_latency")
SHAPE: Final = (
    *("log_operations", "depth", "log_width_mean", "log_width_max", "log_width_last"),
    *("branches", "grouped_share", "log_weights", "log_traffic", "intensity", "shrinkage"),
)
OPERATORS: Final = tuple(f"log_{kind}" for kind in _KINDS)
COLUMNS: Final = (*SIZE, *COST, *SHAPE, *OPERATORS, *PROXIES)
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "parameters": SIZE,
    "cost": COST,
    "shape": SHAPE,
    "operators": OPERATORS,
    "proxies": PROXIES,
}


def features(
    graph: str,
    parameters: int,
    flops: int,
    proxies: Mapping[str, float],
    device: Device = NOMINAL,
) -> Array:
    """The candidate as float64 `(len(COLUMNS),)`; a proxy that is missing is NaN.

    Args:
        graph: the canonical text of its graph (see `archwright.core.CheckReport.graph`).
        parameters: their count.
        flops: of one sample's forward pass.
        proxies: training-free proxies by name.
        device: where latency is predicted for.
    """
    read = read_graph(graph)
    loads = loads_of(read)
    found = {
        "log_parameters": np.log1p(parameters),
        "log_flops": np.log1p(flops),
        "log_latency": np.log(sum((seconds_of(x, device) for x in loads), 1e-9)),
        **_shape_of(read),
        "log_traffic": np.log1p(sum(x.bytes for x in loads)),
        "intensity": flops / (1.0 + sum(x.bytes for x in loads)),
        **_count_kinds(read.operations),
        **{name: proxies.get(name, np.nan) for name in PROXIES},
    }
    return np.array([found[name] for name in COLUMNS], dtype=np.float64)


def columns_of(*groups: str) -> list[int]:
    """Places of the columns of `groups` (keys of `GROUPS`)."""
    wanted = [name for group in groups for name in GROUPS[group]]
    return [COLUMNS.index(name) for name in wanted]


def _shape_of(graph: Graph) -> dict[str, float]:
    real = [op for op in graph.operations if not op.is_view]
    widths = [op.outputs[0].shape[_channel_axis(op)] for op in real if _has_width(op)] or [1]
    weights = [v for v in graph.leaves if v.kind == "parameter"]
    grouped = [op for op in real if op.name == "convolution" and _is_grouped(op)]
    inner = [v.count / graph.batch for op in real for v in op.outputs[:1]] or [1.0]
    outer = next((v.count / graph.batch for v in graph.leaves if v.kind == "input"), 1.0)
    return {
        "log_operations": np.log1p(len(real)),
        "depth": float(max((v.depth for op in real for v in op.outputs), default=0)),
        "log_width_mean": np.log1p(float(np.mean(widths))),
        "log_width_max": np.log1p(max(widths)),
        "log_width_last": np.log1p(widths[-2] if len(widths) > 1 else widths[-1]),
        "branches": float(count_branches(graph.operations)),
        "grouped_share": len(grouped) / len(widths),
        "log_weights": np.log1p(len(weights)),
        "shrinkage": float(np.log(max(1.0, outer) / max(1.0, float(np.median(inner))))),
    }


def _has_width(op: Operation) -> bool:
    return bool(op.outputs) and bool(op.outputs[0].shape) and flops_of(op) > 2 * op.outputs[0].count


def _channel_axis(op: Operation) -> int:
    return 1 if op.name == "convolution" else -1


def _is_grouped(op: Operation) -> bool:
    """Whether each filter sees a part of the channels only."""
    return len(op.inputs) > 1 and op.inputs[1].shape[1:2] != op.inputs[0].shape[1:2]


def count_branches(operations: Sequence[Operation]) -> int:
    """How many results of an operation are used by more than one other, seen through views."""
    root: dict[str, str] = {}
    uses: Counter[str] = Counter()
    for op in operations:
        origins = {root.get(name, name) for name in op.input_ids}
        if op.is_view:
            origin = next(iter(sorted(origins)), "")
            root.update((name, origin) for name in op.output_ids if name not in op.input_ids)
            continue
        uses.update(origins - {root.get(name, name) for name in op.output_ids})
        for name in op.output_ids:
            if name not in op.input_ids:
                root[name] = name
    made = {name for op in operations if not op.is_view for name in op.output_ids}
    return sum(count > 1 for name, count in uses.items() if name in made)


def _count_kinds(operations: Sequence[Operation]) -> dict[str, float]:
    counts = Counter(op.name for op in operations)
    return {
        f"log_{kind}": float(np.log1p(sum(counts[name] for name in names)))
        for kind, names in _KINDS.items()
    }
