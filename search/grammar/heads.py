"""Drawing what stands after the body: from features to the task's output."""

from __future__ import annotations

import math

from archwright.search.grammar.frame import Frame
from archwright.search.grammar.rendering import Term


def draw_head(frame: Frame) -> list[Term]:
    """A head from the frame's domain to the output's shape."""
    shape, given = frame.problem.output_shape, frame.problem.input_shape
    if frame.domain == "sequence" and len(shape) == 2 and shape[0] == given[0]:
        return [
            Term("nn.LayerNorm", (frame.name,)),
            Term("nn.Linear", (frame.name, "output_shape[-1]"), "a linear layer for each step"),
        ]
    pool, width = _pool(frame)
    return [*pool, *_dropout(frame), *_out(frame, width)]


def _pool(frame: Frame) -> tuple[list[Term], str]:
    """What makes one vector of all positions, and the width of that vector."""
    if frame.domain == "image":
        return _image_pool(frame)
    norm = Term("nn.LayerNorm", (frame.name,))
    if frame.domain == "vector":
        return [norm], frame.name
    last = [Term("LastStep", (), "the last step")] if frame.problem.causal else []
    pools = [
        Term("MeanPool", (), "the mean over the steps"),
        Term("AttentionPool", (frame.name,), "attention pooling"),
        *last,
    ]
    return [norm, frame.rng.choice(pools)], frame.name


def _image_pool(frame: Frame) -> tuple[list[Term], str]:
    match frame.rng.choices(("mean", "both", "coarse"), (3, 2, 2))[0]:
        case "mean":
            pool = Term("nn.AdaptiveAvgPool2d", ("1",), "global mean pooling")
            return [pool, Term("nn.Flatten")], frame.name
        case "both":
            return [Term("MeanMaxPool", (), "mean and max pooling")], f"2 * {frame.name}"
        case _:
            cells = min(2, frame.side)
            pool = Term("nn.AdaptiveAvgPool2d", (str(cells),), f"a {cells}x{cells} summary")
            return [pool, Term("nn.Flatten")], f"{cells * cells} * {frame.name}"


def _dropout(frame: Frame) -> list[Term]:
    rate = frame.rng.choice((0.0, 0.0, 0.1, 0.2, 0.3))
    return [Term("nn.Dropout", (str(rate),))] if rate else []


def _out(frame: Frame, width: str) -> list[Term]:
    shape = frame.problem.output_shape
    if len(shape) == 1:
        return [Term("nn.Linear", (width, "output_shape[0]"), "a linear layer")]
    linear = Term("nn.Linear", (width, str(math.prod(shape))), "a linear layer")
    if not shape:
        return [linear, Term("nn.Flatten", ("0",))]
    return [linear, Term("nn.Unflatten", ("1", "output_shape"))]
