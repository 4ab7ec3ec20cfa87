"""A trained network as what leaves the house: its whole state, a graph, and what it answers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from ...contract import ProblemProjection, ShippingReply, ShippingRequest
from ..chance.seeding import owned, seed_everything
from ..faults import ContractError, describe
from ..model.building import build, run
from ..model.layout import Packed
from .arguments import argument_names, arguments, result_names, separate
from .files import GRAPHS, INPUTS, STATE, WEIGHTS, answers_file
from .graphs import to_onnx
from .operators import blamed

BATCH_LIMIT: Final = 1 << 20


def convert(request: ShippingRequest) -> ShippingReply:
    """Load the weights, write down the state and the answers, and the graph where one is asked for.

    Raises:
        ContractError: the weights do not fit, or the network cannot be exported.
    """
    problem = request.problem
    model = restore(request.source, problem, request.seed, Path(WEIGHTS))
    inputs = torch.from_numpy(np.load(INPUTS, allow_pickle=False))
    np.save(answers_file(False), answer(model, inputs, problem))
    short = short_answers(model, inputs, problem)
    if short is not None:
        np.save(answers_file(True), short)
    streams = bool(getattr(model, "streams", False))
    reply = ShippingReply(length=short is not None, streams=streams)
    if request.format in GRAPHS:
        reply.length, reply.note = write_graph(model, inputs, request, reply.length)
    write_state(model)
    return reply


def restore(source: str, problem: ProblemProjection, seed: int, weights_file: Path) -> nn.Module:
    """The network in eval mode, with the weights of a file `.safetensors`.

    It is built as it was for its training, for what it draws at random and keeps beside its state.

    Raises:
        ContractError: it does not build, or the weights are not its own.
    """
    from safetensors.torch import load_file

    with owned(seed):
        seed_everything(seed)
        model = build(source, problem)
    weights = load_file(weights_file)
    names = {name.removeprefix("inner."): name for name in model.state_dict()}
    try:
        model.load_state_dict({names.get(name, name): w for name, w in weights.items()})
    except RuntimeError as error:
        raise ContractError(f"the weights are of another network: {describe(error)}") from None
    return model.eval()


def answer(model: Any, inputs: Tensor, problem: ProblemProjection) -> Any:
    """What the network answers, float32 `(samples, *output_shape)`; one sample, then the others."""
    with torch.no_grad():
        parts = [run(model, part.clone(), problem) for part in batches(inputs)]
    return torch.cat(parts).numpy()


def batches(inputs: Any) -> Iterator[Any]:
    """Two sizes of batch: what holds for one only shows."""
    return (part for part in (inputs[:1], inputs[1:]) if len(part))


def short_answers(model: nn.Module, inputs: Tensor, problem: ProblemProjection) -> Any:
    """What it answers on the first halves of sequences; None where it takes one length alone."""
    if not is_sequence(problem):
        return None
    half = problem.input_shape[0] // 2
    with torch.no_grad():
        try:
            outs = [model(part[:, :half].clone()) for part in batches(inputs)]
        except Exception:  # noqa: BLE001 - a network may be made for its length alone
            return None
    whole = all(isinstance(o, Tensor) and o.dim() == 1 + len(problem.output_shape) for o in outs)
    return torch.cat(outs).float().numpy() if whole else None


def is_sequence(problem: ProblemProjection) -> bool:
    """Whether the first axis of an input is a length that might be another."""
    tokens = problem.vocabulary is not None
    if problem.inputs:
        return False
    return problem.input_shape[0] > 1 and (tokens or len(problem.input_shape) == 2)


def write_state(model: nn.Module) -> None:
    """Every parameter and buffer, those included that the network itself would not save."""
    from safetensors.torch import save_file

    own = model.inner if isinstance(model, Packed) else model
    for module in own.modules():
        module._non_persistent_buffers_set.clear()
    # Copies, for tensors that share memory are not taken.
    state = {name: t.detach().clone().contiguous() for name, t in own.state_dict().items()}
    save_file(state, STATE, metadata={"format": "pt"})


def write_graph(
    model: nn.Module, inputs: Tensor, request: ShippingRequest, length: bool
) -> tuple[bool, str]:
    """Write the graph, with a length that may vary where the network allows it.

    Returns:
        Whether the length may vary, and why not where the network itself would allow it.

    Raises:
        ContractError: it cannot be exported; the message names the operation.
    """
    note = ""
    if length:
        try:
            save_graph(model, inputs, request, {0: batch_axis(), 1: length_axis()})
            return True, ""
        except Exception as error:  # noqa: BLE001 - one length is what is asked for
            note = blamed(error)
    try:
        save_graph(model, inputs, request, {0: batch_axis()})
    except Exception as error:
        raise ContractError(f"it cannot be exported: {blamed(error)}") from error
    return False, note


def batch_axis() -> Any:
    """A first axis of any size."""
    return torch.export.Dim("batch", min=1, max=BATCH_LIMIT)


def length_axis() -> Any:
    """A second axis of any size."""
    return torch.export.Dim("length", min=2)


def save_graph(
    model: nn.Module, inputs: Tensor, request: ShippingRequest, axes: dict[int, Any]
) -> None:
    """Export with two samples and `axes` that may vary."""
    problem, path = request.problem, GRAPHS[request.format]
    given, network = arguments(inputs[:2], problem), separate(model, problem)
    shapes: Any = (axes,) if network is model else (tuple(axes for _ in given),)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(network, given, dynamic_shapes=shapes)
        if request.format == "pt2":
            torch.export.save(program, path)
            return
        converted = to_onnx(
            program, input_names=argument_names(problem), output_names=result_names(problem)
        )
        converted.save(path)
