"""Counting an architecture's parameters without running it. The sandbox has the last word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from archwright.core import Problem, SourceError
from archwright.source.arithmetic import Unknown
from archwright.source.interpreter import Reader
from archwright.source.parsing import parse
from archwright.source.segments import code_of


@dataclass(frozen=True)
class Blueprint:
    """What constructing the entry class gave: parameters of the whole network, and the local
    names of the entry's `__init__` with their values."""

    parameters: int
    names: Mapping[str, Any]

    def number(self, expression: str) -> int | None:
        """The value of an expression such as "2 * width" in the entry's `__init__`."""
        reader = Reader(code_of(""))
        try:
            value = reader.value(parse(expression, "eval").body, dict(self.names))
        except (Unknown, SyntaxError):
            return None
        return value if isinstance(value, int) else None


def build_blueprint(source: str, problem: Problem) -> Blueprint | None:
    """Construct the entry class of `source` on paper; None where that cannot be followed.

    For a `Mixer` the parameters are those of the whole backbone around it.

    Raises:
        SourceError: the source is not Python.
    """
    reader = Reader(code_of(source))
    node = reader.classes.get(problem.entry)
    if node is None:
        return None
    local: dict[str, Any] = {}
    try:
        module = reader.construct(node, [list(s) for s in problem.module_shapes], {}, local)
    except Unknown:
        return None
    return Blueprint(whole_parameters(module.total(), problem), local)


@lru_cache(maxsize=256)
def count_parameters(source: str, problem: Problem) -> int | None:
    """Parameters of the whole network that `source` describes, or None where it cannot be told."""
    try:
        blueprint = build_blueprint(source, problem)
    except SourceError:
        return None
    return blueprint.parameters if blueprint else None


def whole_parameters(module: int, problem: Problem) -> int:
    """Parameters of the network when the candidate's own class has `module` of them."""
    if problem.backbone is None:
        return module
    width = problem.backbone.width
    hidden = round(problem.backbone.mlp_ratio * width)
    outside = width * (problem.vocabulary or problem.input_shape[-1] + 1)
    outside += problem.input_shape[0] * width
    outside += 2 * width + width * problem.output_shape[-1] + problem.output_shape[-1]
    layer = module + 4 * width + 2 * width * hidden + hidden + width
    return outside + problem.backbone.layers * layer
