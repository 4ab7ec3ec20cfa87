"""From a candidate's source to the network that is trained, and from one network to the next.

A training may have two stages: another network first, then the candidate from its weights. What
the candidate makes of them is its own business: a class that defines `inherit(self, weights)` is
given them by name; for any other, what fits by name and shape is copied. Both stages run in one
job, so that no weights ever leave the jail.
"""

from __future__ import annotations

import copy
import linecache
import sys
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from ...contract import ProblemProjection
from ..faults import FILE, ContractError, describe, is_out_of_memory
from .layout import Layout, Packed
from .mixing.backbone import BackboneNetwork, shown

SOURCE_LIMIT: Final = 100_000
"""Characters of a candidate's source: room for any architecture, not for trained weights."""

Weights = Mapping[str, Tensor]
Forward = Callable[[Tensor], Any]
"""A network, or what was compiled from it."""


def load(source: str) -> ModuleType:
    """Execute `source` as a fresh module whose lines show in tracebacks.

    Raises:
        ContractError: it is too long, does not compile, or raises.
    """
    if len(source) > SOURCE_LIMIT:
        raise ContractError(
            f"the source has {len(source):,} characters, the limit is {SOURCE_LIMIT:,}"
        )
    source = source.removeprefix("\ufeff")
    module = ModuleType("candidate")
    module.__file__ = FILE
    sys.modules["candidate"] = module
    linecache.cache[FILE] = (len(source), None, source.splitlines(keepends=True), FILE)
    try:
        exec(compile(source, FILE, "exec", dont_inherit=True), module.__dict__)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ContractError(f"the source does not run\n{describe(error)}") from error
    return module


def build(source: str, problem: ProblemProjection) -> nn.Module:
    """The whole network that `source` describes, every parameter materialised.

    Raises:
        ContractError: no such class, or it cannot be constructed.
    """
    return construct(load(source), problem)


def construct(module: ModuleType, problem: ProblemProjection, settle: bool = True) -> nn.Module:
    """The network of a loaded candidate on `problem`'s shapes; `settle` also runs it where that
    adds parameters.

    Raises:
        ContractError: no such class, or it cannot be constructed.
    """
    entry = getattr(module, problem.entry, None)
    if not isinstance(entry, type) or not issubclass(entry, nn.Module):
        raise ContractError(f"the source defines no class {problem.entry}(nn.Module)")
    try:
        model = _assemble(entry, problem)
        _materialise(model, problem, settle)
    except ContractError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ContractError(f"{problem.entry} does not build\n{describe(error)}") from error
    return model


def _assemble(entry: Any, problem: ProblemProjection) -> nn.Module:
    backbone = problem.backbone
    if backbone is not None:
        return BackboneNetwork(entry, problem, backbone)
    given = Layout(problem.inputs).shapes if problem.inputs else problem.input_shape
    asked = Layout(problem.outputs).shapes if problem.outputs else problem.output_shape
    model: nn.Module = entry(given, asked)
    return Packed(model, problem) if problem.inputs or problem.outputs else model


def _materialise(model: nn.Module, problem: ProblemProjection, settle: bool) -> None:
    """Run a network once whose parameters are not all there, or have no shape, before that."""
    lazy = any(isinstance(p, UninitializedParameter) for p in model.parameters())
    if lazy or any(isinstance(b, UninitializedBuffer) for b in model.buffers()):
        _run_once(model, problem)
    elif settle and _grows(model, problem):
        _run_once(model, problem)
        model.train()


def _grows(model: nn.Module, problem: ProblemProjection) -> bool:
    """Whether a copy of the network has other parameters once it was run."""
    try:
        probe = copy.deepcopy(model)
        _run_once(probe, problem)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return False  # what does not copy or run is found by the checks, and in training
    return names_of(probe) != names_of(model)


def _run_once(model: nn.Module, problem: ProblemProjection) -> None:
    shape, tokens = (2, *problem.input_shape), problem.vocabulary is not None
    model.eval()
    with torch.no_grad():
        if problem.inputs:
            model(torch.zeros(shape))
        else:
            kind = torch.long if tokens else torch.float32
            model(torch.zeros(shape, dtype=kind) if tokens else torch.randn(shape, dtype=kind))


def names_of(model: nn.Module) -> list[str]:
    """The names of all parameters."""
    return [name for name, _ in model.named_parameters()]


def refuse_new_parameters(model: nn.Module, known: Collection[nn.Parameter]) -> None:
    """See that a network still has the parameters that it was built with.

    Raises:
        ContractError: some are new; their names, and what to do.
    """
    ids = {id(parameter) for parameter in known}
    names = [name for name, p in model.named_parameters() if id(p) not in ids]
    if names:
        raise ContractError(
            f"parameters appear in forward: {', '.join(names[:5])}; make them in __init__, "
            "or on the first call whatever the batch, and keep them"
        )


def run(model: Forward, x: Tensor, problem: ProblemProjection) -> Tensor:
    """`model(x)` as float32, its shape checked against the contract.

    Raises:
        ContractError: it is not a real tensor, or has the wrong shape.
    """
    out = model(x)
    wanted = (len(x), *problem.output_shape)
    if not isinstance(out, Tensor) or out.is_complex() or tuple(out.shape) != wanted:
        raise ContractError(
            f"forward must return a real tensor of shape {wanted} for a batch of {len(x)}, "
            f"it returned {shown(out)}"
        )
    return out.float()


def weights_of(model: nn.Module) -> Weights:
    """A copy of all parameters and buffers, by name."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def take_over(model: nn.Module, weights: Weights) -> None:
    """Start `model` from the weights of a network that was trained for the same problem.

    A backbone is copied by name and shape; each of its mixers is given those of its counterpart.

    Raises:
        ContractError: the candidate's `inherit` raised.
    """
    if not isinstance(model, BackboneNetwork):
        _inherit(model, weights)
        return
    _copy_fitting(model, {n: w for n, w in weights.items() if not n.startswith("mixers.")})
    for place, mixer in enumerate(model.mixers):
        prefix = f"mixers.{place}."
        own = {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
        _inherit(mixer, own)


def _inherit(module: nn.Module, weights: Weights) -> None:
    inherit = getattr(module, "inherit", None)
    if inherit is None:
        _copy_fitting(module, weights)
        return
    try:
        with torch.no_grad():
            inherit(dict(weights))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ContractError(f"inherit fails\n{describe(error)}") from error


def _copy_fitting(module: nn.Module, weights: Weights) -> None:
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name in weights and weights[name].shape == tensor.shape:
                tensor.copy_(weights[name])
