"""How the class of a candidate is constructed, as its own source says."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Final

from archwright.core import BY_SHAPES, BY_WIDTH, Problem, shapes_of
from archwright.source.code import method


@dataclass(frozen=True, slots=True)
class Constructor:
    """The words of one form: of its parameters, of the arguments that hand them on, and of the
    widths of input and output; `setup` are the statements that name the width `width`."""

    parameters: str
    arguments: str
    width: str
    outputs: str
    setup: str

    def of_width(self, width: str) -> str:
        """The arguments where the width is another one; by shapes, `length` has a name."""
        if self.parameters == BY_WIDTH:
            return self.arguments.replace("width", width)
        return f"(length, {width}), (length, {width})"


SHAPES: Final = Constructor(
    BY_SHAPES, BY_SHAPES, "input_shape[-1]", "output_shape[-1]", "width = input_shape[-1]"
)
WIDTH: Final = Constructor(BY_WIDTH, "width, layer", "width", "width", "")
WIDTH_ALONE: Final = Constructor(BY_WIDTH, "width", "width", "width", "")


def constructor_of(entry: ast.ClassDef) -> Constructor:
    """How a class is constructed: with a width where its first parameter is called so."""
    init = method(entry, "__init__")
    names = [a.arg for a in init.args.args[1:]] if init else []
    if names[:1] != ["width"]:
        return SHAPES
    return WIDTH if "layer" in names else WIDTH_ALONE


def arguments_of(entry: ast.ClassDef | None, problem: Problem) -> list[Any]:
    """What the entry class of a problem is constructed with, as the harness does it."""
    if problem.backbone is not None and entry is not None and constructor_of(entry) != SHAPES:
        return [problem.backbone.width, 0]
    sides = zip((problem.inputs, problem.outputs), problem.module_shapes, strict=True)
    return [shapes_of(parts) if parts else one for parts, one in sides]


def wanted_constructor(problem: Problem) -> Constructor:
    """How a candidate of a problem should be constructed."""
    return WIDTH if problem.any_length else SHAPES
