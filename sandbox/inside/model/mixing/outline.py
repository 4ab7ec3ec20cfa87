"""What a network of any size costs, counted on shapes alone: it lies on the meta device, where
tensors have no content, so that 340 million parameters take no memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, nn

from ....contract import CheckFinding, CheckReply, CheckRequest, ProblemProjection, clean
from ...faults import ContractError, describe, is_out_of_memory
from ...training.losses import loss_of, made_up_targets, stand_in
from ..building import construct, load, run
from ..counting import count_flops, count_layers
from ..measuring import rounded_bytes
from .backbone import BackboneNetwork
from .claims import saved_bytes
from .stepping import numbers_in

PAIR: Final = 2
"""Layers of the network that a deeper one is worked out from: mixers may differ by even and odd."""
STEP_FLOPS: Final = 20e9
STEP_BYTES: Final = 1 << 30
"""What a step that is executed may cost."""
BACKWARD: Final = 3
"""Operations of a training step for each of its forward pass."""
NUMBER_BYTES: Final = 4

_CLOCK: Final = time.process_time
"""Taken before any candidate's code runs."""

T = TypeVar("T")


def outline(request: CheckRequest) -> CheckReply:
    """Parameters, operations of a forward pass, what is kept for gradients and between positions;
    what cannot be told without numbers is named and left at 0. Limits of the problem are kept.

    Raises:
        ContractError: the candidate does not build.
    """
    module, problem, reply = load(request.source), request.problem, CheckReply("ok")
    with torch.device("meta"):
        model = construct(module, problem, settle=False)
        reply.parameters = sum(p.numel() for p in model.parameters())
        reply.layers = count_layers(model, problem)
        reply.int8_bytes = rounded_bytes(model)
        kept = _found(reply, "state", lambda: _state(model, problem))
        work = _found(reply, "flops", lambda: _over_layers(module, problem, _work))
        saved = _found(reply, "gradients", lambda: _over_layers(module, problem, _saved))
    reply.state_numbers = kept or (0, 0)
    reply.flops, reply.operations = work or (0, 0)
    (reply.saved_bytes,) = saved or (0,)
    count = request.outline or 0
    cheap = BACKWARD * reply.flops * count <= STEP_FLOPS
    if count and reply.flops and cheap and reply.saved_bytes * count <= STEP_BYTES:
        reply.step_seconds = _time_step(construct(module, problem), problem, count)
    return _judged(reply, problem)


def _found(reply: CheckReply, name: str, count: Callable[[], T]) -> T | None:
    """What was counted; None where that needs numbers, which is said."""
    try:
        return count()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        reply.checks.append(CheckFinding(name, True, clean(f"not known: {describe(error)}", 600)))
        return None


def _judged(reply: CheckReply, problem: ProblemProjection) -> CheckReply:
    """The reply, invalid where a limit is passed."""
    for name, value, limit in (
        ("parameters", reply.parameters, problem.max_params),
        ("flops", reply.flops, problem.max_flops),
    ):
        if limit is not None and (value > limit or not value):
            said = f"{value:,} {name}" if value else f"{name} are not known"
            reply.status, reply.error = "invalid", f"{name}: {said}, but the limit is {limit:,}"
    return reply


Costs = tuple[float, ...]


def _over_layers(
    module: ModuleType,
    problem: ProblemProjection,
    cost: Callable[[nn.Module, ProblemProjection], Costs],
) -> tuple[int, ...]:
    """Costs of the whole network; of a deep one from those of two layers and of none."""
    backbone = problem.backbone
    if backbone is None or backbone.layers <= PAIR or backbone.layers % PAIR:
        whole = cost(construct(module, problem, settle=False), problem)
        return tuple(map(round, whole))
    none, pair = (
        cost(construct(module, shallow, settle=False), shallow)
        for shallow in (replace(problem, backbone=replace(backbone, layers=n)) for n in (0, PAIR))
    )
    pairs = backbone.layers / PAIR
    return tuple(round(a + (b - a) * pairs) for a, b in zip(none, pair, strict=True))


def _work(model: nn.Module, problem: ProblemProjection) -> Costs:
    """FLOPs of a forward pass over a sample, and how many operations they are of."""
    count = count_flops(model, _inputs(problem, 1))
    if count.unknown:
        raise ContractError(f"not counted: {', '.join(count.unknown)}")
    return count.flops, count.operations


def _saved(model: nn.Module, problem: ProblemProjection) -> Costs:
    """Bytes that are kept for gradients; the loss keeps the outputs once more."""
    outputs = NUMBER_BYTES * math.prod(problem.output_shape)
    return (saved_bytes(model, _inputs(problem, 1))[0] + outputs,)


def _state(model: nn.Module, problem: ProblemProjection) -> tuple[int, int]:
    """Numbers that are kept after the first position, and how many more after the second."""
    if not problem.any_length or not isinstance(model, BackboneNetwork):
        return 0, 0
    if not model.streams:
        raise ContractError("no start and step: it decodes by reading all again")
    sizes = list(_sizes(model.eval(), _inputs(problem, 1)))
    return sizes[0], sizes[1] - sizes[0]


def _sizes(model: Any, x: Tensor) -> Iterator[int]:
    with torch.no_grad():
        state = model.start(1)
        for position in range(2):
            _, state = model.step(x[:, position], state)
            yield numbers_in(state)


def _inputs(problem: ProblemProjection, count: int) -> Tensor:
    """Samples without content where the device is meta; zeros elsewhere."""
    tokens = problem.vocabulary is not None and not problem.inputs
    return torch.zeros(count, *problem.input_shape, dtype=torch.long if tokens else torch.float32)


def _time_step(model: nn.Module, problem: ProblemProjection, count: int) -> float:
    """Processor seconds of a training step, after one that is not counted."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    stood = stand_in(problem)
    target = made_up_targets(count, stood, torch.Generator().manual_seed(0))
    x, seconds = _inputs(problem, count), 0.0
    for _ in range(2):
        start = _CLOCK()
        optimizer.zero_grad(set_to_none=True)
        loss_of(run(model.train(), x, problem), target, stood).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seconds = _CLOCK() - start
    return seconds
