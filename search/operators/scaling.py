"""Scaling all widths of an architecture by one factor, to fit a limit or to match a size."""

from __future__ import annotations

import ast

from archwright.core import Problem
from archwright.search.operators.definitions import free_name, rename_class
from archwright.source.counting import count_parameters
from archwright.source.segments import Change, Code, callee, classes, code_of
from archwright.source.widths import find_widths

WRAPPER = '''

class Mixer(nn.Module):
    """The core between two projections that set its width."""

    def __init__(self, input_shape, output_shape):
        super().__init__()
        length, width = input_shape
        inner = round({factor:.4g} * width)
        self.enter = nn.Linear(width, inner)
        self.core = {core}((length, inner), (length, inner))
        self.leave = nn.Linear(inner, width)

    def forward(self, x):
        return self.leave(self.core(self.enter(x)))
'''


def scale_width(source: str, factor: float) -> str:
    """The same architecture with all widths scaled by `factor`.

    Widths that the source writes as numbers are scaled; where it has none, the multiples of the
    input's width are; a Mixer that has neither is put between two projections.

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
    ratios = list(_scale_ratios(code, factor))
    if ratios or "Mixer" not in classes(code.tree):
        return code.apply(ratios)
    return _wrap(code, factor)


def _round(value: float, divisor: int) -> int:
    return max(divisor, round(value / divisor) * divisor)


def _scale_ratios(code: Code, factor: float) -> list[Change]:
    """Scale the 2 of `hidden = 2 * input_shape[-1]`, and of `round(2.0 * width)`."""
    made = []
    for node in ast.walk(code.tree):
        if not isinstance(node, ast.Assign):
            continue
        value = node.value
        inner = value.args[0] if callee(value) in {"int", "round"} else value  # type: ignore[attr-defined]
        match inner:
            case ast.BinOp(op=ast.Mult(), left=ast.Constant(value=int() | float() as ratio)):
                rest = code.segment(inner.right)
                made.append(code.put(value, f"round({ratio * factor:.4g} * {rest})"))
    return made


def _wrap(code: Code, factor: float) -> str:
    core = free_name("MixerCore", classes(code.tree))
    text = rename_class(code, "Mixer", core).rstrip()
    return f"{text}\n{WRAPPER.format(factor=factor, core=core)}"


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
