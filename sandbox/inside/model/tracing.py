"""The computation graph of a model as canonical text, from really running it.

The trace is taken below autograd (`TorchDispatchMode`), so two programs that reach the same
operations by different code give the same text, whatever their classes and attributes are called.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..chance.seeding import seed_torch
from .formulas import tensors_of

TEXT_LIMIT_BYTES: Final = 1_000_000
_SEED: Final = 0
_SAMPLE: Final = 2**16  # how many values of a parameter are looked at, where a part will do


def trace_graph(model: nn.Module, batch: Tensor, limit_bytes: int = TEXT_LIMIT_BYTES) -> str:
    """Run `model` on `batch` and write down what it computed.

    One line for each operation of the forward pass in train mode (so that dropout and batch norm
    show) in the order they ran: result ids, operation, arguments, result shapes. Tensors are
    numbered by first appearance; a parameter, buffer or constant gets a line of its own with its
    shape and what is known of its initial values. The backward pass (stop-gradients and custom
    derivatives) and the forward pass in eval mode follow as one digest line each.

    The model's mode, parameters, buffers and gradients and the random state are left as they were.

    Args:
        model: any module; it is called as `model(batch)`.
        batch: `(B, *input_shape)`; its size and dtype are part of the text, its values are not
            unless the model lets them steer which operations run.
        limit_bytes: past this length the rest of the text is a digest, too.

    Raises:
        Exception: whatever the model itself raises.
    """
    with _unchanged(model):
        model.train()
        tracer = _Tracer(model, batch)
        with torch.enable_grad(), tracer:
            output = model(batch)
        forward = tracer.take()
        with tracer:
            _differentiate(output)
        backward = tracer.take()
        model.eval()
        with torch.no_grad(), tracer:
            seed_torch(_SEED)
            model(batch)
        evaluation = tracer.take()
    result = tracer.refer(output)
    tail = [
        f"return {result}",
        _digest_line("backward", backward),
        _digest_line("eval", evaluation),
    ]
    return _limited([*forward, *tracer.take(), *tail], limit_bytes)


def _differentiate(output: Any) -> None:
    outputs = [t.sum() for t in tensors_of(output) if t.requires_grad and not t.is_complex()]
    if outputs:
        torch.autograd.backward(outputs)


class _Tracer(TorchDispatchMode):
    """Writes a line for each operation that runs inside it.

    A tensor is known by its place in memory and its geometry, since autograd hands out fresh
    objects for the tensors it saved. All are kept alive, so that no place is used twice.
    """

    def __init__(self, model: nn.Module, batch: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._lines: list[str] = []
        self._ids: dict[tuple[object, ...], str] = {}
        self._alive: list[Tensor] = []
        self._parameters = {_place(p): p for p in model.parameters()}
        self._name(batch)
        self._lines.append(f"{self.refer(batch)} = input {_form(batch)}")

    def take(self) -> list[str]:
        """The lines written since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        del types
        kwargs = kwargs or {}
        words = [self.refer(a) for a in args]
        words += [f"{k}={self.refer(v)}" for k, v in sorted(kwargs.items())]
        result = func(*args, **kwargs)
        made = tensors_of(result)
        names = ", ".join(self._name(t) for t in made)
        forms = ", ".join(_form(t) for t in made)
        frozen = "" if torch.is_grad_enabled() else " no_grad"
        self._lines.append(f"{names} = {func}({', '.join(words)}) {forms}{frozen}")
        return result

    def refer(self, value: Any) -> str:
        """`value` as it stands in a line; an unseen tensor is declared first."""
        if isinstance(value, Tensor):
            known = self._ids.get(_place(value))
            return known or self._declare(value)
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(self.refer(v) for v in value) + "]"
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k}: {self.refer(v)}" for k, v in value.items()) + "}"
        if isinstance(value, torch.Generator):
            return "generator"
        return repr(value) if isinstance(value, (int, float, str, complex)) else str(value)

    def _declare(self, leaf: Tensor) -> str:
        name = self._name(leaf)
        parameter = self._parameters.get(_place(leaf))
        if parameter is None:
            text = f"constant {_form(leaf)} {_exactly(leaf)}"
        else:
            frozen = "" if parameter.requires_grad else " frozen"
            text = f"parameter {_form(leaf)} {_initialisation(leaf)}{frozen}"
        self._lines.append(f"{name} = {text}")
        return name

    def _name(self, tensor: Tensor) -> str:
        place = _place(tensor)
        if place not in self._ids:
            self._ids[place] = f"t{len(self._ids)}"
            self._alive.append(tensor)
        return self._ids[place]


def _place(tensor: Tensor) -> tuple[object, ...]:
    if tensor.layout != torch.strided:
        return (id(tensor),)
    address = tensor.untyped_storage().data_ptr()
    return address, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}[{','.join(map(str, tensor.shape))}]"


# --- initial values -----------------------------------------------------------------------------


def _exactly(tensor: Tensor) -> str:
    """The values themselves, shortest form first: nothing, one value, a digest."""
    values = tensor.detach().reshape(-1)
    if values.numel() == 0:
        return "empty"
    if bool((values == values[0]).all()):
        return f"filled {values[0].item()!r}"
    raw = values.cpu().contiguous().view(torch.uint8).numpy().tobytes()
    return f"values {hashlib.sha256(raw).hexdigest()[:16]}"


def _initialisation(parameter: Tensor) -> str:
    """How a parameter was filled, as far as its values tell, whatever the random seed was.

    Constants and tables (repeated or rising values) are given exactly. Random values are told
    apart by distribution and by scale, in buckets as fine as their number allows. The scale is
    taken relative to torch's own default, so that the default falls well inside a bucket.
    """
    values = parameter.detach()
    count = values.numel()
    reals = torch.view_as_real(values) if values.is_complex() else values
    sample = reals.reshape(-1)[:_SAMPLE].double()
    if count < 2 or _is_table(values, sample):
        return _exactly(parameter)
    scale = float(sample.square().mean().sqrt())
    if not math.isfinite(scale):
        return "not finite"
    if count < 64 or not scale:
        return "random"
    fan_in = count // values.shape[0] if values.dim() > 1 else 1
    octaves = math.log2(scale * math.sqrt(3 * fan_in))
    # Common schemes lie 0, 0.79 and 1.29 octaves over the default; no bucket edge is near them.
    bucket = int((2 * octaves + 0.75) // 1) if count >= 256 else int((octaves + 0.46) // 1)
    return " ".join(["random", f"scale {bucket}", *_distribution(values, sample, scale)])


def _is_table(values: Tensor, sample: Tensor) -> bool:
    distinct = torch.sort(sample).values.diff().count_nonzero().item() + 1
    if distinct <= len(sample) // 2:
        return True
    steps = values.diff(dim=-1) if values.dim() else values
    return steps.shape[-1] >= 3 and bool((steps > 0).all() or (steps < 0).all())


def _distribution(values: Tensor, sample: Tensor, scale: float) -> Iterator[str]:
    if abs(float(sample.mean())) > 0.5 * float(sample.std()):
        yield "shifted"
    if len(sample) >= 256:
        yield "tailed" if float(sample.abs().max()) > 2.1 * scale else "flat"
    if values.dim() > 1 and min(values.shape) > 1:
        matrix = values.flatten(1)
        lengths = matrix.norm(dim=int(matrix.shape[0] <= matrix.shape[1]))
        if float(lengths.std()) < 1e-4 * float(lengths.mean()):
            yield "orthonormal"


# --- text and state -----------------------------------------------------------------------------


def _digest_line(name: str, lines: list[str]) -> str:
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{name}: {len(lines)} lines, sha256 {digest}"


def _limited(lines: list[str], limit_bytes: int) -> str:
    size = 0
    for index, line in enumerate(lines):
        size += len(line) + 1
        if size > limit_bytes:
            return "\n".join([*lines[:index], _digest_line("rest", lines[index:])])
    return "\n".join(lines)


@contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    """Undo what a run leaves behind: modes, parameters, gradients, buffers and random states."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(module, dict(module._buffers)) for module in model.modules()]
    tensors = [*model.parameters(), *model.buffers()]
    saved = [t.detach().clone() for t in tensors]
    gradients = [(p, p.grad) for p in model.parameters()]
    for parameter, _ in gradients:
        parameter.grad = None
    python_state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            seed_torch(_SEED)
            random.seed(_SEED)
            yield
    finally:
        random.setstate(python_state)
        for module, training in modes:
            module.training = training
        for module, kept in buffers:
            module._buffers = kept
        for parameter, gradient in gradients:
            parameter.grad = gradient
        with torch.no_grad():
            for tensor, value in zip(tensors, saved, strict=True):
                tensor.copy_(value)
