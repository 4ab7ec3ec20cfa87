"""How the cost of a forward pass grows with the length of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import log2
from typing import Final

from ...contract import ProblemProjection
from ..faults import ContractError, describe, is_out_of_memory
from .building import construct
from .counting import Count, count_flops
from .examination import Examination

_SHOWN: Final = 3
_DOUBLINGS: Final = 6
_MOST_FLOPS: Final = 250_000_000
_MOST_OPERATIONS: Final = 5_000
_SHARE: Final = 0.01
"""Of the cost at the longest length: what grows faster than the length and is less is noise."""


def measure_growth(exam: Examination) -> str:
    """Cost of a forward pass at N, 2N and 4N positions, and the power of N that it tends to; a
    figure, not a limit.

    The power is measured on as many doublings as are cheap: at short lengths chunks that are not
    full, and layers that each position has to itself, hide what attention costs.
    """
    counts: list[Count] = []
    while len(counts) < _SHOWN or _is_cheap(counts):
        longer = _stretched(exam.problem, 2 ** len(counts))
        try:
            counts.append(count_flops(construct(exam.module, longer), exam.inputs(1, longer)))
        except (ContractError, RuntimeError, ValueError, IndexError) as error:
            if is_out_of_memory(error):
                raise
            if len(counts) < _SHOWN:
                return f"does not run at {2 ** len(counts)}N: {describe(error)}"
            break
        if counts[-1].unknown:
            return f"not known: {counts[-1]}"
    costs = [float(max(count.flops, 1)) for count in counts]
    ratios = ", ".join(f"{cost / costs[0]:.2f}" for cost in costs[1:_SHOWN])
    length = 2 ** (len(costs) - 1)
    said = f"FLOPs at N, 2N, 4N: 1, {ratios} (about N^{power_of(costs):.2f})"
    return f"measured to {length}N; {said}"


def _is_cheap(counts: Sequence[Count]) -> bool:
    """Whether a length twice the longest would be cheap to measure, if costs grow as a square."""
    last = counts[-1]
    cheap = 4 * last.flops <= _MOST_FLOPS and 2 * last.operations <= _MOST_OPERATIONS
    return cheap and len(counts) <= _DOUBLINGS


def power_of(costs: Sequence[float]) -> float:
    """The power of the length that costs tend to, from those at lengths that double, three or more.

    What each position costs by itself is taken out: of a polynomial without a constant,
    f(2N) - 2 f(N) has no linear part. Where nothing else is left, the power is that of the
    differences, which no constant part bends.
    """
    steps = [b - a for a, b in pairwise(costs)]
    plain = log2(max(steps[-1], 1e-9) / max(steps[-2], 1e-9)) if steps[-1] > 0 else 0.0
    rest = [b - 2 * a for a, b in pairwise(costs)]
    if min(rest[-2:]) > _SHARE * costs[-1] / 4 and rest[-1] > _SHARE * costs[-1]:
        return max(log2(rest[-1] / rest[-2]), plain)
    return plain


def _stretched(problem: ProblemProjection, factor: int) -> ProblemProjection:
    """The problem at `factor` times its sequence length."""
    length = problem.input_shape[0]
    output = problem.output_shape
    if len(output) > 1 and output[0] == length:
        output = (factor * length, *output[1:])
    stretched = (factor * length, *problem.input_shape[1:])
    return replace(problem, input_shape=stretched, output_shape=output)
