"""Architectures scaled up or down: all widths of a source at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from archwright.core import Problem
from archwright.source.code import (
    Change,
    SourceCode,
    callee,
    classes,
    code_of,
    free_name,
    method,
    rename_class,
    walk,
)
from archwright.source.constructor import SHAPES, constructor_of
from archwright.source.counting import count_parameters
from archwright.source.widths import find_widths, name_of

WIDE: Final = "core_width"
"""What the wrapper calls the width that the core is to have, about."""
WRAPPER = '''

class Mixer(nn.Module):
    """The core between two projections that set its width."""

    def __init__(self, {parameters}):
        super().__init__()
{setup}        core_width = {factor:.4g} * width
        # The core may divide its width into heads.
        step = 16 if width % 16 == 0 else 4 if width % 4 == 0 else 1
        inner = step * max(1, round(core_width / step))
        self.enter = nn.Linear(width, inner)
        self.core = {core}({arguments})
        self.leave = nn.Linear(inner, width)

    def forward(self, x):
        return self.leave(self.core(self.enter(x)))
'''


def scale_width(source: str, factor: float) -> str:
    """The same architecture with all widths scaled by `factor`.

    Widths that the source writes as numbers are scaled. Where it has none, the multiples of the
    input's width are; a Mixer is put between two projections.

    Raises:
        SourceError: the source is not Python.
    """
    if factor == 1:
        return source
    code = code_of(source)
    widths = find_widths(code)
    new = {v: _round(v * factor, widths.divisor) for v in widths.values()}
    if new:
        return code.apply(widths.changes(code, new))
    changes = list(_scale_ratios(code, factor))
    if changes or "Mixer" not in classes(code.tree):
        return code.apply(changes)
    return _wrap(code, factor)


def _round(value: float, divisor: int) -> int:
    return max(divisor, round(value / divisor) * divisor)


def _scale_ratios(code: SourceCode, factor: float) -> Iterator[Change]:
    """Scale the 2 of `hidden = 2 * input_shape[-1]`, and of `round(2.0 * width)`, where a class is
    put together: elsewhere, and beside more than a name, it may well multiply a tensor. Of a mixer,
    which may divide its sizes in any way, only what was written by `_wrap`."""
    is_mixer = "Mixer" in classes(code.tree)
    for node in _constructor_nodes(code):
        if not isinstance(node, ast.Assign):
            continue
        value = node.value
        inner = value.args[0] if callee(value) in {"int", "round"} else value  # type: ignore[attr-defined]
        match inner:
            case ast.BinOp(
                left=ast.Constant(value=int() | float() as ratio),
                op=ast.Mult(),
                right=ast.Name() | ast.Attribute() | ast.Subscript() as right,
            ):
                scaled = f"{ratio * factor:.4g} * {code.segment(right)}"
                if not is_mixer:
                    yield code.put(value, f"round({scaled})")
                elif name_of(node.targets[0]) == WIDE:
                    yield code.put(value, scaled)


def _constructor_nodes(code: SourceCode) -> Iterator[ast.AST]:
    for owner in classes(code.tree).values():
        if (made := method(owner, "__init__")) is not None:
            yield from walk(made)


def _wrap(code: SourceCode, factor: float) -> str:
    core = free_name("MixerCore", classes(code.tree))
    text = rename_class(code, "Mixer", core).rstrip()
    made = constructor_of(classes(code.tree)["Mixer"])
    wrapper = WRAPPER.format(
        factor=factor,
        core=core,
        parameters=made.parameters,
        setup="        length, width = input_shape\n" if made == SHAPES else "",
        arguments=made.of_width("inner"),
    )
    return f"{text}\n{wrapper}"


def fit_parameters(source: str, problem: Problem, target: int) -> str:
    """`source`, scaled down until it has at most `target` parameters as far as can be counted."""
    fitted, factor = source, 1.0
    for _ in range(12):
        count = count_parameters(fitted, problem)
        if count is None or count <= target:
            break
        factor *= max(0.5, min(0.95, (target / count) ** 0.5))
        fitted = scale_width(source, factor)
    return fitted
