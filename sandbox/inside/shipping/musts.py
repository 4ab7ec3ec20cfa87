"""What a task says that its architectures must be able to do where they are used, executed.

onnx       The network is exported to a graph with a batch of any size; where the converter is at
           hand that is turned into an ONNX model, else each operation is looked up in a list of
           those that ONNX has nothing for.
causal     As the check of causality; of a mixer alone where the network has one output for all.
streaming  `step(self, x, state)` gives, position by position, what `forward` gives for the whole
           sequence, from a state that does not grow with the length and is at first what
           `start(self, batch)` gives, or None.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn

from ...contract import ProblemProjection
from ..faults import ContractError, describe, listed
from ..model.examination import BATCHES, Examination
from ..model.leaks import differs
from ..model.mixing.backbone import BackboneNetwork
from ..model.mixing.stepping import compare_steps, step_through
from .graphs import to_onnx

Check = Callable[[Examination], str]

STEP: Final = "step(self, x, state)"
_NO_ONNX: Final = (
    "linalg_", "_linalg_", "_unique", "unique", "bincount", "histc", "multinomial", "cholesky",
    "lu_", "svd", "qr", "igamma", "special_", "polygamma", "_sparse", "sparse_",
)  # fmt: skip
"""How operations begin that ONNX has none for, or that its converters leave out."""


def plan_musts(problem: ProblemProjection) -> Iterator[tuple[str, Check]]:
    """The checks of what the task says that a candidate must be able to do."""
    checks: dict[str, Check] = {
        "onnx": check_onnx, "causal": check_mixers_causality, "streaming": check_streaming,
    }  # fmt: skip
    for must in problem.must:
        pooled = problem.backbone is not None and len(problem.output_shape) == 1
        if must != "causal" or pooled:  # else the check of causality has seen to it
            yield must, checks[must]


# --- onnx -----------------------------------------------------------------------------------------


def check_onnx(exam: Examination) -> str:
    """The network in eval mode as a graph, and as an ONNX model where that can be made here."""
    exam.model.eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            axes = {0: torch.export.Dim("batch", min=1, max=1 << 20)}
            program = torch.export.export(exam.model, (exam.inputs(2),), dynamic_shapes=(axes,))
        except Exception as error:
            raise ContractError(f"torch.export cannot take it: {describe(error)}") from error
        names = _operations(program.run_decompositions())
        if not _has_converter():
            return _looked_up(names)
        try:
            to_onnx(program)
        except Exception as error:
            raise ContractError(f"ONNX cannot take it: {_cause(error)}") from error
    return f"converted: {len(names)} kinds of operation"


def _has_converter() -> bool:
    """Whether the converter is installed, and this jail may read it."""
    try:
        importlib.import_module("onnxscript")
    except (ImportError, PermissionError):
        return False
    return True


def _operations(program: torch.export.ExportedProgram) -> list[str]:
    nodes = program.graph_module.graph.nodes
    return sorted({str(node.target) for node in nodes if node.op == "call_function"})


def _looked_up(names: list[str]) -> str:
    bare = {name: name.removeprefix("aten.") for name in names}
    without = [name for name, short in bare.items() if short.startswith(_NO_ONNX)]
    if without:
        raise ContractError(f"ONNX has nothing for {listed(without)}")
    return f"exported to a graph of {len(names)} kinds of operation; not converted: no onnxscript"


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return describe(error)


# --- causal, streaming ----------------------------------------------------------------------------


def check_mixers_causality(exam: Examination) -> str:
    """Change the future of each mixer's input: its past must not move."""
    parts = list(_parts(exam))
    for module, x in parts:
        cut = x.shape[1] // 2
        changed = x.clone()
        changed[:, cut:] += 1 + torch.rand(x[:, cut:].shape, generator=exam.generator)
        before, after = _run(module, x), _run(module, changed)
        if differs(before[:, :cut], after[:, :cut]):
            raise ContractError(f"outputs before position {cut} change when later inputs change")
    return f"{len(parts)} mixers, cut in the middle"


def check_streaming(exam: Examination) -> str:
    """Step by step, from a state of a bounded size, each output is that of the whole sequence."""
    sizes = []
    for module, x in _parts(exam):
        if not callable(getattr(module, "step", None)):
            raise ContractError(
                f"class {type(module).__name__} has no {STEP}: give it one that takes the input at "
                "one position, (batch, ...) without the length, and the state before it (None at "
                "first), and returns the output at that position and the state after it"
            )
        sizes.append(_stream(module, x))
    return f"state of {sum(sizes):,} numbers a sample"


def _stream(module: Any, x: Tensor) -> int:
    """Compare a module's steps with its forward pass; how many numbers its state is a sample."""
    whole, length = _run(module, x), x.shape[1]
    stepped, sizes = step_through(module, x, whole[:, 0].shape)
    middle = max(1, length // 2)
    half, end = sizes[middle - 1], sizes[-1]
    if end > half:
        raise ContractError(
            f"the state of step grows with the length, from {half} numbers at position "
            f"{middle} to {end} at {length}: keep a window or a sum of fixed size"
        )
    compare_steps(stepped, whole)
    return end // len(x)


def _parts(exam: Examination) -> Iterator[tuple[nn.Module, Tensor]]:
    """What a candidate wrote, each instance with an input of its own: mixers, or the network."""
    exam.model.eval()
    if not isinstance(exam.model, BackboneNetwork):
        yield exam.model, exam.inputs(BATCHES[0])
        return
    backbone = exam.problem.backbone
    width = backbone.width if backbone else 0
    for mixer in exam.model.mixers:
        shape = (BATCHES[0], exam.problem.input_shape[0], width)
        yield mixer, torch.randn(shape, generator=exam.generator)


def _run(module: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        out: Tensor = module(x.clone())
    return out
