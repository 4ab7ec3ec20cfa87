"""The nodes of a graph, each with the part of the graph around it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from archwright.core import Array, TaskError
from archwright.tasks.readers.archives import read_archive
from archwright.tasks.readers.splitting import by_content, digests, scale_of


class EgoNetworks:
    """A graph in a `.npz` file, as one small graph around each node that has a label.

    The nearest nodes of a node go with it: its neighbours, then theirs, up to a fixed number.
    Labels of other nodes are never among the inputs; their features may be, whatever their split.

    Args:
        file: with `edges`, `(2, E)` or `(E, 2)` numbers of nodes or an adjacency matrix `(V, V)`;
            `labels` `(V,)`, -1 where there is none; and `features` `(V, F)`, else a node's degree
            is its feature.
        neighbours: how many nodes go with a node.
    """

    def __init__(self, file: str | Path, *, neighbours: int) -> None:
        self._file, self._neighbours = Path(file), neighbours

    @cached_property
    def _networks(self) -> tuple[Array, Array, Array, list[bytes]]:
        arrays = read_archive(self._file)
        labels = arrays["labels"].astype(np.int64)
        near = neighbours_of(arrays["edges"], len(labels))
        features = arrays.get("features")
        if features is None:
            features = np.log1p([[len(around)] for around in near])
        if len(features) != len(labels):
            raise TaskError(f"features has {len(features)} nodes, labels {len(labels)}")
        mean, spread = scale_of(features.astype(np.float64), 0)
        features = ((features - mean) / spread).astype(np.float32)
        centres = np.flatnonzero(labels >= 0)
        size = self._neighbours + 1
        nodes = np.zeros((len(centres), size, features.shape[1]), np.float32)
        edges = np.zeros((len(centres), size, size), np.float32)
        for place, centre in enumerate(centres):
            members = _around(int(centre), near, size)
            nodes[place, : len(members)] = features[members]
            for row, member in enumerate(members):
                linked = [n for n, other in enumerate(members) if other in near[member]]
                edges[place, row, [row, *linked]] = 1.0
        edges /= np.maximum(edges.sum(axis=2, keepdims=True), 1.0)
        return nodes, edges, labels[centres], digests(nodes, edges)

    def load(self, split: str) -> tuple[dict[str, Array], Array]:
        """`nodes` float32 `(N, neighbours + 1, features)`, the node itself first; `edges` float32
        `(N, neighbours + 1, neighbours + 1)`, links and loops in rows that sum to 1; and int64
        classes `(N,)`.
        """
        nodes, edges, labels, keys = self._networks
        rows = by_content(keys, split, labels.tolist())
        return {"nodes": nodes[rows], "edges": edges[rows]}, labels[rows]


def neighbours_of(edges: Array, nodes: int) -> list[set[int]]:
    """The neighbours of each node, in both directions, without itself.

    Raises:
        TaskError: `edges` has another shape, or names a node that is not there.
    """
    if edges.shape == (nodes, nodes) and nodes != 2:
        pairs = np.argwhere(edges)
    elif edges.ndim == 2 and 2 in edges.shape:
        pairs = (edges.T if edges.shape[0] == 2 else edges).astype(np.int64)
    else:
        raise TaskError(
            f"edges has the shape {edges.shape}: give pairs of nodes (2, E), or a matrix "
            f"({nodes}, {nodes})"
        )
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < nodes:
        raise TaskError(f"edges names the node {pairs.max()}, and labels has {nodes} nodes")
    near: list[set[int]] = [set() for _ in range(nodes)]
    for one, other in pairs.tolist():
        if one != other:
            near[one].add(other)
            near[other].add(one)
    return near


def _around(centre: int, near: list[set[int]], size: int) -> list[int]:
    members = [centre]
    for member in members:  # grows while it is gone through: the nearest first
        if len(members) >= size:
            break
        members += [node for node in sorted(near[member]) if node not in members]
    return members[:size]
